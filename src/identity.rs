//! Who is calling: phone number → E.164 → keyed hash. Withheld numbers are nobody twice.

/// Who is calling, without the number: what the rest of the gateway and the store may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose memory it is.
    pub user_id: UserId,
    /// Where the phone → user mapping is kept; `None` for a withheld number, which has no memory.
    pub hash: Option<PhoneHash>,
}

/// A keyed hash of a phone number or SIP address: 26 base32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneHash(String);

/// The name of one remembered person: `u_…` derived from the number, `anon_…` for a withheld one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);
