//! `X-Twilio-Signature`: proof that a webhook or an upgrade comes from whoever knows the account's key.
//!
//! Signed is the URL as it was configured at the carrier, byte for byte, followed by the form's fields in order of
//! their names. Rules and vectors: Twilio's security documentation and its server libraries.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The keys that a signature may be made with.
#[derive(Clone, Default)]
pub struct Verifier {
    auth_tokens: Vec<String>,
    shared_keys: Vec<(String, Vec<u8>)>,
    sha256_only: bool,
}

/// The headers of a request that concern its signature, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignatureHeaders<'a> {
    /// `X-Twilio-Signature`.
    pub signature: Option<&'a str>,
    /// `X-Twilio-Webhooks-Signature-Settings`: names a shared key and an algorithm.
    pub settings: Option<&'a str>,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header, or an empty one.
    #[error("missing")]
    Missing,
    /// Not the base64 of a digest of the right length.
    #[error("malformed")]
    Malformed,
    /// Made with another key, or over another URL or form. Behind a proxy, look at `PUBLIC_URL` first.
    #[error("does not match; is PUBLIC_URL the origin in the carrier's webhook, and the auth token the account's?")]
    Mismatch,
    /// An algorithm that this build does not know.
    #[error("unknown algorithm")]
    UnknownAlgorithm,
    /// A shared key that is not configured.
    #[error("unknown key")]
    UnknownKey,
    /// The account is configured for HMAC-SHA256 only.
    #[error("made with SHA-1, which is not allowed here")]
    Downgrade,
    /// A JSON body without `bodySHA256` in the query.
    #[error("the query has no bodySHA256")]
    BodyHashMissing,
    /// The body is not the one that was signed.
    #[error("bodySHA256 is not the body's")]
    BodyHashMismatch,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Sha1(&'a str),
    Sha256(&'a [u8]),
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({} tokens, {} shared keys)", self.auth_tokens.len(), self.shared_keys.len())
    }
}

impl Verifier {
    /// Believes signatures made with any of these auth tokens; two during a rotation.
    pub fn new(auth_tokens: Vec<String>) -> Self {
        Self { auth_tokens, ..Self::default() }
    }

    /// Believes HMAC-SHA256 signatures of this shared key too.
    #[must_use]
    pub fn with_shared_key(mut self, id: &str, secret: &[u8]) -> Self {
        self.shared_keys.push((id.to_owned(), secret.to_vec()));
        self
    }

    /// Believes no SHA-1 signature any more, whatever the headers say.
    #[must_use]
    pub fn sha256_only(mut self) -> Self {
        self.sha256_only = true;
        self
    }

    /// Checks a webhook with a form body. `url` is the public URL with its query, `pairs` the decoded fields as they came.
    ///
    /// # Errors
    /// The reason for disbelief.
    pub fn verify_form(
        &self,
        url: &str,
        pairs: &[(String, String)],
        headers: SignatureHeaders<'_>,
    ) -> Result<(), SignatureError> {
        self.verify(&http_candidates(url), &signed_fields(pairs), headers)
    }

    /// Looks at the headers only: whether a signature is there that could be right. For before a body is read.
    ///
    /// # Errors
    /// The reason for disbelief, whatever the body is.
    pub fn look_at(&self, headers: SignatureHeaders<'_>) -> Result<(), SignatureError> {
        self.presented(headers).map(|_| ())
    }

    /// Checks a webhook with a JSON body: the body's hash is in the signed query.
    ///
    /// # Errors
    /// The reason for disbelief.
    pub fn verify_json(&self, url: &str, body: &[u8], headers: SignatureHeaders<'_>) -> Result<(), SignatureError> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut hashes = query.split('&').filter_map(|pair| pair.strip_prefix("bodySHA256="));
        let hash = hashes.next().ok_or(SignatureError::BodyHashMissing)?;
        let ours = hex::encode(Sha256::digest(body));
        if hashes.next().is_some() || !bool::from(hash.as_bytes().ct_eq(ours.as_bytes())) {
            return Err(SignatureError::BodyHashMismatch);
        }
        self.verify(&http_candidates(url), &[String::new()], headers)
    }

    /// Checks the upgrade of a media stream. `url` is the `wss://` URL that the TwiML named, without a query; a query that
    /// arrives all the same is signed as parameters.
    ///
    /// # Errors
    /// The reason for disbelief.
    pub fn verify_websocket(
        &self,
        url: &str,
        query: &str,
        headers: SignatureHeaders<'_>,
    ) -> Result<(), SignatureError> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let fields = signed_fields(&pairs);
        let mut candidates = http_candidates(url);
        for url in candidates.clone() {
            // Twilio's documentation tells users to try the other form of the path's end.
            candidates.push(url.strip_suffix('/').map_or_else(|| format!("{url}/"), ToOwned::to_owned));
        }
        self.verify(&candidates, &fields, headers)
    }

    fn verify(&self, urls: &[String], fields: &[String], headers: SignatureHeaders<'_>) -> Result<(), SignatureError> {
        let (keys, signature) = self.presented(headers)?;
        // Every candidate is tried, so that the time tells nothing of which one was nearest.
        let mut matches = subtle::Choice::from(0);
        for url in urls {
            for fields in fields {
                for key in &keys {
                    matches |= key.sign(url, fields).as_bytes().ct_eq(signature.as_bytes());
                }
            }
        }
        if bool::from(matches) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    /// The signature, if it has the right form, and the keys that it may be made with.
    fn presented<'a>(&'a self, headers: SignatureHeaders<'a>) -> Result<(Vec<Key<'a>>, &'a str), SignatureError> {
        let keys = self.keys(headers.settings)?;
        let signature = headers.signature.filter(|text| !text.is_empty()).ok_or(SignatureError::Missing)?;
        let length = match keys.first() {
            Some(Key::Sha256(_)) => 44,
            Some(Key::Sha1(_)) | None => 28,
        };
        if signature.len() != length || STANDARD.decode(signature).is_err() {
            return Err(SignatureError::Malformed);
        }
        Ok((keys, signature))
    }

    /// The keys that the settings header allows; the header never weakens what is configured.
    fn keys(&self, settings: Option<&str>) -> Result<Vec<Key<'_>>, SignatureError> {
        let field =
            |name: &str| settings?.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        match field("algorithm") {
            Some("HMAC_SHA256") => {
                let id = field("key").ok_or(SignatureError::UnknownKey)?;
                let key = self.shared_keys.iter().find(|(known, _)| known == id);
                key.map(|(_, secret)| vec![Key::Sha256(secret)]).ok_or(SignatureError::UnknownKey)
            }
            None | Some("HMAC_SHA1") if self.sha256_only => Err(SignatureError::Downgrade),
            None | Some("HMAC_SHA1") => Ok(self.auth_tokens.iter().map(|token| Key::Sha1(token)).collect()),
            Some(_) => Err(SignatureError::UnknownAlgorithm),
        }
    }
}

/// Signs a form as Twilio does; for the simulator and tests.
pub fn sign_form(auth_token: &str, url: &str, pairs: &[(String, String)]) -> String {
    Key::Sha1(auth_token).sign(url, &in_order(pairs, Ord::cmp))
}

/// Signs an upgrade as Twilio does; for the simulator and tests.
pub fn sign_websocket(auth_token: &str, url: &str) -> String {
    Key::Sha1(auth_token).sign(url, "")
}

impl Key<'_> {
    fn sign(self, url: &str, fields: &str) -> String {
        const ANY_LENGTH: &str = "HMAC takes a key of any length";
        match self {
            Self::Sha1(token) => {
                let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect(ANY_LENGTH);
                mac.update(url.as_bytes());
                mac.update(fields.as_bytes());
                STANDARD.encode(mac.finalize().into_bytes())
            }
            Self::Sha256(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect(ANY_LENGTH);
                mac.update(url.as_bytes());
                mac.update(fields.as_bytes());
                STANDARD.encode(mac.finalize().into_bytes())
            }
        }
    }
}

/// What may have been signed of a form: in order of bytes, which is that of code points, and in that of UTF-16 code units if
/// it is another one. The carrier's libraries sort as their language compares strings, and some do it in UTF-16, where
/// an emoji comes before a full-width letter.
fn signed_fields(pairs: &[(String, String)]) -> Vec<String> {
    let by_bytes = in_order(pairs, Ord::cmp);
    let by_units = in_order(pairs, |one, other| one.encode_utf16().cmp(other.encode_utf16()));
    if by_units == by_bytes { vec![by_bytes] } else { vec![by_bytes, by_units] }
}

/// Names and values in order of names, then values; each distinct pair once.
fn in_order(pairs: &[(String, String)], order: impl Fn(&str, &str) -> Ordering) -> String {
    let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
    sorted.sort_by(|one, other| order(&one.0, &other.0).then_with(|| order(&one.1, &other.1)));
    sorted.dedup();
    sorted.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
}

/// The URL as configured, without its port, and with the scheme's own: carriers disagree on which one is signed.
fn http_candidates(url: &str) -> Vec<String> {
    let mut candidates = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return candidates };
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    match port_at {
        Some(at) => candidates.push(format!("{scheme}://{}{path}", &authority[..at])),
        None => {
            let port = if matches!(scheme, "https" | "wss") { 443 } else { 80 };
            candidates.push(format!("{scheme}://{authority}:{port}{path}"));
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn form() -> Vec<(String, String)> {
        pairs(&[
            ("AccountSid", "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f"),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("From", "+14155550123"),
            ("To", "+18005550199"),
        ])
    }

    fn signed(signature: &str) -> SignatureHeaders<'_> {
        SignatureHeaders { signature: Some(signature), settings: None }
    }

    fn verifier() -> Verifier {
        Verifier::new(vec![KEY.to_owned()])
    }

    const FORM_URL: &str = "https://gw.example.com/twilio/voice";
    const FORM_SIG: &str = "4N7ZZTlHZ5rCOQd/g1WiG5FyRm0=";

    #[test]
    fn published_vectors_of_forms_match() {
        for (url, fields, signature) in [
            (FORM_URL, form(), FORM_SIG),
            ("https://gw.example.com:443/twilio/voice", form(), "97wdmpFifNbJ9K1czUk9P6DBhKY="),
            ("https://gw.example.com:8443/twilio/voice", form(), "SYz6xpv9jvrDbtIIzwjGlHQjDvI="),
            ("https://gw.example.com/twilio/voice?tenant=acme&lang=en%2DUS", form(), "d3PxoVMw6wd6V2L9mffyWIhw0ms="),
            (
                "https://gw.example.com/twilio/voice?CallSid=CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f&From=%2B14155550123&To=%2B18005550199",
                vec![],
                "rT83O8L0/CFFxG7DAEqkhb4l++0=",
            ),
            (
                FORM_URL,
                pairs(&[
                    ("CallSid", "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f"),
                    ("CallerName", "Zoë  O'Brien "),
                    ("ForwardedFrom", ""),
                    ("From", "anonymous"),
                    ("SpeechResult", "a+b & c=d"),
                ]),
                "AOXXblqvNXZ76Z7mloyCS7ktt8w=",
            ),
            (
                FORM_URL,
                pairs(&[
                    ("Tag", "beta"),
                    ("Tag", "alpha"),
                    ("Tag", "beta"),
                    ("CallSid", "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f"),
                    ("callsid", "lower"),
                ]),
                "0Lud/ATH3glB22dRrnjB2W2QIsQ=",
            ),
        ] {
            assert_eq!(sign_form(KEY, url, &fields), signature, "{url}");
            assert_eq!(verifier().verify_form(url, &fields, signed(signature)), Ok(()), "{url}");
        }
    }

    #[test]
    fn the_carriers_own_published_example_matches() {
        let fields = pairs(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]);
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        assert_eq!(sign_form("12345", url, &fields), "L/OH5YylLD5NRKLltdqwSvS0BnU=");
    }

    #[test]
    fn published_vectors_of_sockets_match() {
        for (url, signature) in [
            ("wss://gw.example.com/media/twilio", "4IDe1vc0Q227XvN4bja9raHSEHY="),
            ("wss://gw.example.com/media/twilio/", "u95M2/OJcdHl6Pk7BQfwRVfWfSM="),
            ("wss://gw.example.com:443/media/twilio", "QlJKTHg8CGkPrG+wetilRge3SNY="),
        ] {
            assert_eq!(sign_websocket(KEY, url), signature);
            let configured = "wss://gw.example.com/media/twilio";
            assert_eq!(verifier().verify_websocket(configured, "", signed(signature)), Ok(()), "{url}");
        }
        let relay = "wss://gw.example.com/relay";
        assert_eq!(verifier().verify_websocket(relay, "b=2&a=1", signed("94zk+tp0v+kVrh3vdwhpa2Sjmlw=")), Ok(()));
        let as_https = "OGgF9z9+opF40/8GzpFpQ7QSl6s=";
        assert_eq!(
            verifier().verify_websocket("wss://gw.example.com/media/twilio", "", signed(as_https)),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn published_vector_of_sha256_matches_and_is_never_a_downgrade() {
        let signature = "npwZjFeFxLxdcII7vx9GT+dQQ62cab4OiFSl9dxyIjw=";
        let headers = |settings| SignatureHeaders { signature: Some(signature), settings: Some(settings) };
        let settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";
        let shared = verifier().with_shared_key("webhooks_sharedkey_1", KEY.as_bytes());
        assert_eq!(shared.verify_form(FORM_URL, &form(), headers(settings)), Ok(()));
        assert_eq!(
            shared.verify_form(FORM_URL, &form(), headers("key=other,algorithm=HMAC_SHA256")),
            Err(SignatureError::UnknownKey)
        );
        assert_eq!(
            shared.verify_form(FORM_URL, &form(), headers("key=webhooks_sharedkey_1,algorithm=HMAC_MD5")),
            Err(SignatureError::UnknownAlgorithm)
        );
        let strict = shared.sha256_only();
        for settings in [None, Some("key=webhooks_sharedkey_1"), Some("algorithm=HMAC_SHA1")] {
            let headers = SignatureHeaders { signature: Some(FORM_SIG), settings };
            assert_eq!(strict.verify_form(FORM_URL, &form(), headers), Err(SignatureError::Downgrade));
        }
    }

    #[test]
    fn a_port_is_tolerated_one_way_only() {
        let with_port = "https://gw.example.com:8443/twilio/voice";
        for url in ["https://gw.example.com:443/twilio/voice", with_port] {
            assert_eq!(verifier().verify_form(url, &form(), signed(FORM_SIG)), Ok(()), "{url}");
        }
        let of_8443 = "SYz6xpv9jvrDbtIIzwjGlHQjDvI=";
        assert_eq!(verifier().verify_form(FORM_URL, &form(), signed(of_8443)), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_json_body_is_bound_by_its_hash() {
        let url = "https://gw.example.com/twilio/events?bodySHA256=871faee300cab6849841c3d8f071c7d1800c16ba04c33bceeacdb5e982a157b5";
        let body = br#"{"CallSid":"CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f","event":"x"}"#;
        let headers = signed("Omq6Uw4JVNHTcnNnFrG05eNSarw=");
        assert_eq!(verifier().verify_json(url, body, headers), Ok(()));
        let longer = [body.as_slice(), b" "].concat();
        assert_eq!(verifier().verify_json(url, &longer, headers), Err(SignatureError::BodyHashMismatch));
        let bare = "https://gw.example.com/twilio/events";
        assert_eq!(verifier().verify_json(bare, body, headers), Err(SignatureError::BodyHashMissing));
        let (start, hash) = url.split_once('=').unwrap();
        let upper = format!("{start}={}", hash.to_uppercase());
        assert_eq!(verifier().verify_json(&upper, body, headers), Err(SignatureError::BodyHashMismatch));
        let twice = format!("{url}&bodySHA256={hash}");
        assert_eq!(verifier().verify_json(&twice, body, headers), Err(SignatureError::BodyHashMismatch));
    }

    /// The signature of a text that was put together by hand.
    fn signature_of(text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn forms_sorted_by_utf_16_are_believed_like_those_sorted_by_bytes() {
        // In UTF-16 the emoji are D83D…, so they come before ﬁ (FB01) and Ａ (FF21); their bytes come after.
        for (fields, by_bytes, by_units) in [
            (
                pairs(&[("Tag", "😀"), ("Tag", "ﬁ"), ("Tag", "a"), ("Tag", "😀")]),
                "TagaTagﬁTag😀", //
                "TagaTag😀Tagﬁ",
            ),
            (
                pairs(&[("CallSid", "CA1"), ("😀", "1"), ("Ａ", "2")]),
                "CallSidCA1Ａ2😀1", //
                "CallSidCA1😀1Ａ2",
            ),
            (
                pairs(&[("🙂", "😀"), ("ｚ", "x"), ("🙂", "Ａ")]),
                "ｚx🙂Ａ🙂😀", //
                "🙂😀🙂Ａｚx",
            ),
        ] {
            for text in [by_bytes, by_units] {
                let signature = signature_of(&format!("{FORM_URL}{text}"));
                assert_eq!(verifier().verify_form(FORM_URL, &fields, signed(&signature)), Ok(()), "{text}");
            }
            // Any other order is nobody's.
            let reversed: String =
                fields.iter().rev().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
            let signature = signature_of(&format!("{FORM_URL}{reversed}"));
            assert_eq!(
                verifier().verify_form(FORM_URL, &fields, signed(&signature)),
                Err(SignatureError::Mismatch),
                "{reversed}"
            );
        }
        let query = "Tag=%EF%AC%81&Tag=%F0%9F%98%80";
        let signature = signature_of("wss://gw.example.com/relayTag😀Tagﬁ");
        assert_eq!(verifier().verify_websocket("wss://gw.example.com/relay", query, signed(&signature)), Ok(()));
    }

    #[test]
    fn a_signature_that_cannot_be_right_is_known_before_the_body() {
        assert_eq!(verifier().look_at(signed(FORM_SIG)), Ok(()));
        assert_eq!(verifier().look_at(SignatureHeaders::default()), Err(SignatureError::Missing));
        assert_eq!(verifier().look_at(signed("junk")), Err(SignatureError::Malformed));
        assert_eq!(verifier().sha256_only().look_at(signed(FORM_SIG)), Err(SignatureError::Downgrade));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let wrong = Err(SignatureError::Mismatch);
        let headers = signed(FORM_SIG);
        assert_eq!(verifier().verify_form("https://gw.example.com/twilio/voicf", &form(), headers), wrong);
        assert_eq!(verifier().verify_form("http://gw.example.com/twilio/voice", &form(), headers), wrong);
        for at in 0..form().len() {
            let mut changed = form();
            changed[at].1.push('0');
            assert_eq!(verifier().verify_form(FORM_URL, &changed, headers), wrong);
            let mut renamed = form();
            renamed[at].0.push('x');
            assert_eq!(verifier().verify_form(FORM_URL, &renamed, headers), wrong);
        }
        let other = Verifier::new(vec!["0".repeat(32)]);
        assert_eq!(other.verify_form(FORM_URL, &form(), headers), wrong);
        let rotating = Verifier::new(vec!["0".repeat(32), KEY.to_owned()]);
        assert_eq!(rotating.verify_form(FORM_URL, &form(), headers), Ok(()));
    }

    #[test]
    fn a_header_of_another_shape_is_refused() {
        for (signature, error) in [
            (None, SignatureError::Missing),
            (Some(""), SignatureError::Missing),
            (Some("4N7ZZTlHZ5rCOQd/g1WiG5FyRm0"), SignatureError::Malformed),
            (Some("4N7ZZTlHZ5rCOQd/g1WiG5FyRm0=="), SignatureError::Malformed),
            (Some("4N7ZZTlHZ5rCOQd/g1WiG5FyRm0=\n"), SignatureError::Malformed),
            (Some("5N7ZZTlHZ5rCOQd/g1WiG5FyRm0="), SignatureError::Mismatch),
        ] {
            let headers = SignatureHeaders { signature, settings: None };
            assert_eq!(verifier().verify_form(FORM_URL, &form(), headers), Err(error), "{signature:?}");
        }
    }

    #[test]
    fn without_a_key_nothing_is_believed() {
        let none = Verifier::new(vec![]);
        assert_eq!(none.verify_form(FORM_URL, &form(), signed(FORM_SIG)), Err(SignatureError::Mismatch));
    }
}
