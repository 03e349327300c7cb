//! What the commands beside the gateway need of its configuration: to speak, to hear, and to ring it.

use std::path::PathBuf;

use redial_speech::voice::VoiceConfig;

use super::reader::{Reader, Vars};
use super::{ConfigError, ServerConfig, TwilioConfig, models_dir, server};

/// What the commands beside the gateway need of its configuration.
#[derive(Debug)]
pub struct ToolsConfig {
    /// Where the gateway listens, and as what it is known.
    pub server: ServerConfig,
    /// The carrier's credentials.
    pub twilio: TwilioConfig,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// Which offline voice speaks, and how fast.
    pub voice: VoiceConfig,
}

impl ToolsConfig {
    /// Reads these variables and no others: a fault elsewhere is the gateway's affair.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn from_vars(vars: &dyn Vars) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let config = Self {
            server: server(&mut reader),
            twilio: super::twilio::read(&mut reader),
            models_dir: models_dir(&reader),
            voice: super::voice::read(&mut reader),
        };
        let (faults, _) = reader.finish();
        if faults.is_empty() { Ok(config) } else { Err(ConfigError { faults }) }
    }
}
