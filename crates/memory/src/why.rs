//! Where everything that is remembered of a caller comes from.

use super::model::{Choice, Class, Confidence, Profile};
use super::session_id::SessionId;
use super::summary::model_part;

/// One thing remembered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What kind of thing: `name`, `summary`, `call`, `fact`, `language`, `consent` or `setting`.
    pub what: &'static str,
    /// What is remembered, in words: `Ana`, `contact.pref_time: prefers mornings`.
    pub value: String,
    /// Where it comes from: calls `CA…`, or turns of them `CA…#4`. Empty for what nobody said.
    pub sources: Vec<String>,
    /// How sure it is; `None` of what is a record and not a claim.
    pub conf: Option<Confidence>,
    /// When it ceased to hold, Unix ms; `None`: it holds.
    pub until: Option<u64>,
}

/// A receipt for each thing in `profile`, in the order in which the document has them.
pub fn why(profile: &Profile) -> Vec<Receipt> {
    let mut all = Vec::new();
    if let Some(name) = &profile.name {
        all.push(Receipt { conf: Some(name.conf), ..said("name", name.say.clone(), &name.src) });
    }
    // What rules write there is what the calls say, below.
    let model = model_part(&profile.summary);
    if !model.is_empty() {
        let sources = profile.summary_of.iter().map(SessionId::to_string).collect();
        all.push(Receipt { what: "summary", value: model, sources, conf: Some(Confidence::Inferred), until: None });
    }
    for episode in &profile.episodes {
        let open = episode.open.iter().map(|open| format!(" To do: {}.", open.trim_end_matches('.')));
        let value = format!("{}{}", episode.s, open.collect::<String>());
        all.push(Receipt { conf: Some(Confidence::Inferred), ..said("call", value, episode.session_id.as_str()) });
    }
    if let Some(tag) = &profile.lang {
        let fact = profile.facts.iter().find(|fact| fact.k == "lang" && fact.until.is_none());
        let source = fact.map_or("", |fact| fact.src.as_str());
        all.push(Receipt { conf: fact.map(|fact| fact.conf), ..said("language", tag.clone(), source) });
    }
    for fact in &profile.facts {
        let sensitive = if fact.cls == Class::Sensitive { ", sensitive" } else { "" };
        let value = format!("{}: {} (in {} call(s){sensitive})", fact.k, fact.t, fact.seen);
        all.push(Receipt { conf: Some(fact.conf), until: fact.until, ..said("fact", value, &fact.src) });
    }
    if let Some(consent) = &profile.consent {
        let answer = match consent.memory {
            Choice::Yes => "yes",
            Choice::No => "no",
        };
        all.push(said("consent", format!("{answer} ({})", consent.how), &consent.src));
    }
    for (key, value) in &profile.prefs {
        all.push(said("setting", format!("{key}: {value}"), ""));
    }
    all
}

/// What `src` has said; without one, nobody has.
fn said(what: &'static str, value: String, src: &str) -> Receipt {
    let sources = Some(src).filter(|src| !src.is_empty()).map(str::to_owned);
    Receipt { what, value, sources: sources.into_iter().collect(), conf: None, until: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Consent, Episode, Fact, Name};

    #[test]
    fn everything_that_is_remembered_has_a_receipt() {
        let fact = |k: &str, t: &str, cls, until| Fact {
            k: k.to_owned(),
            t: t.to_owned(),
            cls,
            conf: Confidence::Stated,
            src: "CA1#6".to_owned(),
            at: 8,
            until,
            seen: 2,
            by: [1, 2].into(),
        };
        let profile = Profile {
            name: Some(Name {
                say: "Ana".to_owned(),
                src: "CA1#4".to_owned(),
                conf: Confidence::Confirmed,
                at: 7,
                changed: false,
            }),
            summary: "[2026-01-05] Asked: a visit\nPrefers to be called.".to_owned(),
            summary_of: vec!["CA0".parse().unwrap(), "CA1".parse().unwrap()],
            episodes: vec![Episode {
                session_id: "CA1".parse().unwrap(),
                at: 9,
                s: "Asked: a visit".to_owned(),
                open: vec!["call back.".to_owned()],
                topic: None,
            }],
            lang: Some("es".to_owned()),
            facts: vec![
                fact("lang", "prefers Spanish", Class::Ordinary, None),
                fact("health", "has asthma", Class::Sensitive, Some(9)),
            ],
            consent: Some(Consent { memory: Choice::Yes, at: 3, how: "dtmf-1".to_owned(), src: "CA1#2".to_owned() }),
            prefs: [("vip".to_owned(), true.into())].into_iter().collect(),
            ..Profile::default()
        };
        let said: Vec<String> = why(&profile)
            .iter()
            .map(|r| format!("{} | {} | {} | {:?} {:?}", r.what, r.value, r.sources.join(" "), r.conf, r.until))
            .collect();
        assert_eq!(
            said,
            [
                "name | Ana | CA1#4 | Some(Confirmed) None",
                "summary | Prefers to be called. | CA0 CA1 | Some(Inferred) None",
                "call | Asked: a visit To do: call back. | CA1 | Some(Inferred) None",
                "language | es | CA1#6 | Some(Stated) None",
                "fact | lang: prefers Spanish (in 2 call(s)) | CA1#6 | Some(Stated) None",
                "fact | health: has asthma (in 2 call(s), sensitive) | CA1#6 | Some(Stated) Some(9)",
                "consent | yes (dtmf-1) | CA1#2 | None None",
                "setting | vip: true |  | None None",
            ]
        );
        assert!(why(&Profile::default()).is_empty());
    }
}
