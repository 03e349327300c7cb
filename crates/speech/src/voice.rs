//! Which offline voice speaks, and how fast.

/// The offline voices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceName {
    /// A woman's voice that sounds like a person; needs its model files.
    #[cfg(feature = "hibari")]
    Hibari,
    /// A plain man's voice, which is in the binary.
    Flite,
}

/// Which offline voice speaks, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceConfig {
    /// `VOICE`.
    pub name: VoiceName,
    /// `VOICE_SPEED`: times the voice's own pace.
    pub speed: f32,
}

impl Default for VoiceConfig {
    /// The best voice of this build, at its own pace.
    fn default() -> Self {
        Self { name: VoiceName::BEST, speed: 1.0 }
    }
}

impl VoiceName {
    /// Those of this build, the best one first.
    const ALL: &[(&str, Self)] = &[
        #[cfg(feature = "hibari")]
        ("hibari", Self::Hibari),
        ("flite", Self::Flite),
    ];
    const BEST: Self = Self::ALL[0].1;
}

impl std::str::FromStr for VoiceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, voice)| *voice).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            format!("is no voice of this build: {}", names.join(", "))
        })
    }
}

/// A pace that people still follow: 0.7 to 1.3 times the voice's own.
///
/// # Errors
/// When `text` is no number in that range.
pub fn parse_speed(text: &str) -> Result<f32, String> {
    let speed = text.parse().ok().filter(|speed| (0.7..=1.3).contains(speed));
    speed.ok_or_else(|| "is not a number from 0.7 to 1.3".to_owned())
}
