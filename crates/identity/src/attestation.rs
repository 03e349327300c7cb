//! How far a calling number may be believed.

/// What the carrier vouches for about the calling number (STIR/SHAKEN, RFC 8588).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attestation {
    /// The carrier said nothing, as most outside North America.
    #[default]
    Absent,
    /// Attested A: this caller may use this number.
    Full,
    /// Attested B or C, or not checked: no better and no worse than nothing.
    Partial,
    /// Checked, and it failed: the number may be forged.
    Failed,
}
