//! The documents that webhooks are answered with.

use std::fmt::Write as _;

/// Name and value of a `<Parameter>` together: under 500 characters, by Twilio's documentation of `<Stream>`.
const MAX_PARAMETER_CHARS: usize = 499;

/// A document that the carrier would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// A parameter is too long.
    #[error("parameter {name:?}: name and value have {chars} characters, more than {MAX_PARAMETER_CHARS}")]
    ParameterTooLong {
        /// Its name.
        name: String,
        /// Characters of name and value.
        chars: usize,
    },
    /// A stream's URL cannot have a query: the carrier removes it.
    #[error("the stream's URL has a query, which the carrier removes")]
    Query,
}

/// Streams the call to `url`, both ways; when the stream ends, the carrier asks `resume_url` what comes next.
///
/// # Errors
/// When the carrier would not take it.
pub fn connect_stream(url: &str, parameters: &[(&str, &str)], resume_url: &str) -> Result<String, TwimlError> {
    if url.contains('?') {
        return Err(TwimlError::Query);
    }
    let mut body = format!("<Connect><Stream url=\"{}\">", escape(url));
    for (name, value) in parameters {
        let chars = name.chars().count() + value.chars().count();
        if chars > MAX_PARAMETER_CHARS {
            return Err(TwimlError::ParameterTooLong { name: (*name).to_owned(), chars });
        }
        // Writing to a string cannot fail.
        let _ = write!(body, "<Parameter name=\"{}\" value=\"{}\"/>", escape(name), escape(value));
    }
    let _ = write!(body, "</Stream></Connect><Redirect method=\"POST\">{}</Redirect>", escape(resume_url));
    Ok(document(&body))
}

/// Declines the call as busy, without answering it.
pub fn reject_busy() -> String {
    document("<Reject reason=\"busy\"/>")
}

/// Says a sentence in the carrier's own voice, and ends the call.
pub fn say_and_hang_up(text: &str) -> String {
    document(&format!("<Say>{}</Say><Hangup/>", escape(text)))
}

/// Ends the call.
pub fn hang_up() -> String {
    document("<Hangup/>")
}

fn document(body: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{body}</Response>\n")
}

/// Escapes text for both attributes and content; characters that XML does not have are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => (),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_connected_and_comes_back() {
        let document = connect_stream(
            "wss://gw.example.com/media-stream",
            &[("token", "v1.a&b"), ("tenant", "\"acme\" <co>")],
            "https://gw.example.com/voice/resume",
        );
        assert_eq!(
            document.unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Connect><Stream url=\"wss://gw.example.com/media-stream\">\
             <Parameter name=\"token\" value=\"v1.a&amp;b\"/>\
             <Parameter name=\"tenant\" value=\"&quot;acme&quot; &lt;co&gt;\"/></Stream></Connect>\
             <Redirect method=\"POST\">https://gw.example.com/voice/resume</Redirect></Response>\n"
        );
    }

    #[test]
    fn what_the_carrier_would_not_take_is_refused() {
        let long = "x".repeat(495);
        let too_long = connect_stream("wss://h/m", &[("token", &long)], "https://h/r");
        assert_eq!(too_long, Err(TwimlError::ParameterTooLong { name: "token".to_owned(), chars: 500 }));
        assert!(connect_stream("wss://h/m", &[("token", &long[1..])], "https://h/r").is_ok());
        assert_eq!(connect_stream("wss://h/m?a=1", &[], "https://h/r"), Err(TwimlError::Query));
    }

    #[test]
    fn control_characters_do_not_reach_the_document() {
        assert!(say_and_hang_up("a\0b\u{7}c\nd").contains("<Say>abc d</Say>"));
    }
}
