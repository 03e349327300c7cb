//! Which chat model may be asked for summaries.

use redial_outgoing::{Endpoint, Networks};
use redial_vendors::chat::ChatConfig;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;

use super::reader::Reader;

/// Where the model is when only a key is given.
const OPENAI: &str = "https://api.openai.com/v1";

/// `None` when nothing asks for it: no call's words leave for a model that nobody named.
pub(super) fn read(reader: &mut Reader<'_>, networks: Networks) -> Option<ChatConfig> {
    let has_key = ["OPENAI_API_KEY", "OPENAI_API_KEY_FILE"].into_iter().find(|name| reader.text(name).is_some());
    let key = reader.secret("OPENAI_API_KEY");
    let url = reader.text("OPENAI_BASE_URL");
    let model = reader.text("OPENAI_MODEL");
    let set = has_key.or(url.as_ref().map(|_| "OPENAI_BASE_URL")).or(model.as_ref().map(|_| "OPENAI_MODEL"))?;
    if has_key.is_none() {
        reader.fault("OPENAI_API_KEY", format!("is not set beside {set}; set it, or unset {set}"));
    }
    if model.is_none() {
        reader.fault("OPENAI_MODEL", format!("is not set beside {set}; name a model, or unset {set}"));
    }
    if let Some(key) = &key
        && HeaderValue::from_str(key.expose_secret()).is_err()
    {
        reader.fault("OPENAI_API_KEY", "has characters that no HTTP header can carry".to_owned());
    }
    let url = url.unwrap_or_else(|| OPENAI.to_owned());
    let endpoint = Endpoint::parse(&url, networks).map_err(|why| reader.fault("OPENAI_BASE_URL", why.to_string()));
    Some(ChatConfig { endpoint: endpoint.ok()?, model: model?, key: key? })
}
