//! Where everything that is remembered of a caller comes from.

use super::model::{Choice, Confidence, Profile};
use super::summary::model_part;

/// One thing remembered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What, in words: `name: Ana`, `contact.pref_time: prefers mornings`.
    pub what: String,
    /// The call that it comes from; `None` when no single call is known.
    pub call: Option<String>,
    /// The turn of that call.
    pub turn: Option<u32>,
    /// When it was said, or made, in Unix ms; 0 when that was not noted.
    pub at: u64,
    /// How sure it is; `None` of what is a record and not a claim.
    pub conf: Option<Confidence>,
    /// When it ceased to hold; `None`: it holds.
    pub until: Option<u64>,
}

/// A receipt for each thing in `profile`, in the order in which the document has them. The language has that of its fact.
pub fn why(profile: &Profile) -> Vec<Receipt> {
    let mut all = Vec::new();
    if let Some(name) = &profile.name {
        all.push(Receipt { conf: Some(name.conf), ..said(format!("name: {}", name.say), &name.src, name.at) });
    }
    let model = model_part(&profile.summary);
    if !model.is_empty() {
        let what = format!("summary of {} call(s), by a model: {model}", profile.summary_of.len());
        let call = profile.summary_of.last().cloned();
        all.push(Receipt {
            what,
            call,
            turn: None,
            at: profile.summary_at,
            conf: Some(Confidence::Inferred),
            until: None,
        });
    }
    for episode in &profile.episodes {
        all.push(said(format!("call: {}", episode.s), &episode.sid, episode.at));
    }
    for fact in &profile.facts {
        let what = format!("{}: {} (in {} call(s))", fact.k, fact.t, fact.seen);
        all.push(Receipt { conf: Some(fact.conf), until: fact.until, ..said(what, &fact.src, fact.at) });
    }
    if let Some(consent) = &profile.consent {
        let answer = match consent.memory {
            Choice::Yes => "yes",
            Choice::No => "no",
        };
        all.push(said(format!("consent to be remembered: {answer} ({})", consent.how), &consent.src, consent.at));
    }
    for (key, value) in &profile.prefs {
        let what = format!("setting {key}: {value}");
        all.push(Receipt { what, call: None, turn: None, at: 0, conf: None, until: None });
    }
    all
}

/// What the turn `src` (`CA…#4`) said.
fn said(what: String, src: &str, at: u64) -> Receipt {
    let (call, turn) = src.split_once('#').map_or((src, None), |(call, turn)| (call, turn.parse().ok()));
    let call = (!call.is_empty()).then(|| call.to_owned());
    Receipt { what, call, turn, at, conf: None, until: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::model::{Class, Episode, Fact, Name};

    #[test]
    fn everything_that_is_remembered_has_a_receipt() {
        let profile = Profile {
            name: Some(Name { say: "Ana".to_owned(), src: "CA1#4".to_owned(), conf: Confidence::Confirmed, at: 7 }),
            episodes: vec![Episode {
                sid: "CA1".to_owned(),
                at: 9,
                s: "Asked: a visit".to_owned(),
                open: vec![],
                topic: None,
            }],
            facts: vec![Fact {
                k: "pref_time".to_owned(),
                t: "prefers mornings".to_owned(),
                cls: Class::Ordinary,
                conf: Confidence::Stated,
                src: "CA1#6".to_owned(),
                at: 8,
                until: Some(9),
                seen: 2,
                by: [1, 2].into(),
            }],
            ..Profile::default()
        };
        let receipts = why(&profile);
        let said: Vec<String> = receipts
            .iter()
            .map(|r| format!("{} | {:?} {:?} {} {:?} {:?}", r.what, r.call, r.turn, r.at, r.conf, r.until))
            .collect();
        assert_eq!(
            said,
            [
                "name: Ana | Some(\"CA1\") Some(4) 7 Some(Confirmed) None",
                "call: Asked: a visit | Some(\"CA1\") None 9 None None",
                "pref_time: prefers mornings (in 2 call(s)) | Some(\"CA1\") Some(6) 8 Some(Stated) Some(9)",
            ]
        );
        assert!(why(&Profile::default()).is_empty());
    }
}
