//! A summariser behind any server that speaks OpenAI's chat completions.
//!
//! Wire format: OpenAI API reference, "Create chat completion" and "The chat completion object", with the structured
//! outputs of its guide of that name (`response_format` of type `json_schema`, `strict`).

use std::time::Duration;

use async_trait::async_trait;
use redial_memory::summarizer::prompt::{Prompt, schema};
use redial_memory::summarizer::{self, Draft, Flaw, Summarizer, SummaryError, SummaryRequest};
use redial_outgoing as outgoing;
use redial_outgoing::{BodyError, ClientError, Endpoint};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest for one try, from connecting to the last byte.
const TRY: Duration = Duration::from_secs(10);
/// Before the second try, unless the server says otherwise.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that asks to wait for longer is not asked again here.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What is read of an answer: a draft within its bounds has less than 16 kB, reasoning and usage come on top.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A server that speaks OpenAI's chat completions.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// `OPENAI_BASE_URL`.
    pub endpoint: Endpoint,
    /// `OPENAI_MODEL`.
    pub model: String,
    /// `OPENAI_API_KEY`.
    pub key: SecretString,
}

/// Asks a chat model.
pub struct ChatSummarizer {
    config: ChatConfig,
    client: Client,
    try_within: Duration,
}

/// "The chat completion object", as far as it is looked at.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

/// The body of an answer that is no completion.
#[derive(Deserialize)]
struct Failure {
    error: FailureDetail,
}

#[derive(Deserialize)]
struct FailureDetail {
    #[serde(default)]
    code: Option<Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl ChatSummarizer {
    /// Connects when it is first asked. Two tries of at most 10 s each.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: ChatConfig) -> Result<Self, ClientError> {
        Self::try_within(config, TRY)
    }

    /// The same with another limit for one try.
    ///
    /// # Errors
    /// As for [`ChatSummarizer::new`].
    pub fn try_within(config: ChatConfig, limit: Duration) -> Result<Self, ClientError> {
        Ok(Self { client: config.endpoint.client(limit)?, config, try_within: limit })
    }

    async fn try_once(&self, body: &Value) -> Result<Completion, SummaryError> {
        let response = self
            .client
            .post(self.config.endpoint.below(&["chat", "completions"]))
            .bearer_auth(self.config.key.expose_secret())
            .json(body)
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if outgoing::is_passing(status) {
            let retry_after = outgoing::retry_after(response.headers());
            return Err(SummaryError::Unavailable { what: format!("it answers {status}"), retry_after, source: None });
        }
        if status != StatusCode::OK {
            return Err(SummaryError::Rejected { status: status.as_u16(), code: failure_code(response).await });
        }
        if !outgoing::is_json(response.headers()) {
            return Err(Flaw::NotJson.into());
        }
        let answer = match outgoing::read_body(response, MAX_ANSWER_BYTES).await {
            Ok(answer) => answer,
            Err(BodyError::TooLarge { max_bytes }) => return Err(Flaw::TooLarge { max_bytes }.into()),
            Err(BodyError::Broken(error)) => return Err(self.unreachable(error)),
        };
        serde_json::from_slice(&answer).map_err(|error| summarizer::draft::flaw(&error).into())
    }

    fn unreachable(&self, error: reqwest::Error) -> SummaryError {
        let what = if error.is_timeout() {
            format!("no answer within {:?}", self.try_within)
        } else {
            "the connection failed; check OPENAI_BASE_URL and the network".to_owned()
        };
        SummaryError::Unavailable { what, retry_after: None, source: Some(Box::new(error.without_url())) }
    }
}

#[async_trait]
impl Summarizer for ChatSummarizer {
    async fn summarize(&self, request: &SummaryRequest) -> Result<Draft, SummaryError> {
        let prompt = Prompt::of(request).ok_or(SummaryError::NoEvidence)?;
        let body = json!({
            "model": self.config.model,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "call_memory", "strict": true, "schema": schema() },
            },
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user },
            ],
        });
        let completion = match self.try_once(&body).await {
            Err(SummaryError::Unavailable { retry_after, .. })
                if retry_after.is_none_or(|pause| pause <= LONGEST_PAUSE) =>
            {
                tokio::time::sleep(retry_after.unwrap_or(PAUSE)).await;
                self.try_once(&body).await?
            }
            other => other?,
        };
        let choice = completion.choices.into_iter().next().ok_or(Flaw::WrongShape)?;
        if choice.message.refusal.is_some() {
            return Err(SummaryError::Refused);
        }
        match choice.finish_reason.as_deref() {
            Some("stop") => (),
            Some("length") => return Err(Flaw::CutOff.into()),
            Some("content_filter") => return Err(SummaryError::Refused),
            // A call of tools that we did not offer, or the end of something that is no answer.
            Some(_) | None => return Err(Flaw::WrongShape.into()),
        }
        let content = choice.message.content.ok_or(Flaw::WrongShape)?;
        Ok(summarizer::draft::read(&content, &prompt.evidence)?)
    }
}

/// The server's name for its complaint. Its sentences are not passed on: they may quote the request, or the key.
async fn failure_code(response: Response) -> String {
    let unknown = || "no reason given".to_owned();
    let Ok(body) = outgoing::read_body(response, MAX_ANSWER_BYTES).await else { return unknown() };
    let Ok(Failure { error }) = serde_json::from_slice(&body) else { return unknown() };
    let code = error.code.and_then(|code| code.as_str().map(str::to_owned)).or(error.kind);
    code.filter(|code| redial_identity::is_id(code)).unwrap_or_else(unknown)
}
