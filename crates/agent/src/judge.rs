//! Judges the built-in agent's understanding on a corpus of callers' turns (`fixtures/desk/README.md` has its format).

use std::collections::BTreeMap;
use std::fmt;

use redial_call::{Act, Role, Turn, TurnId, Via};
use redial_language::decision::Answer;
use redial_language::intent::Intent;
use redial_language::question::Question;
use redial_memory::talk::{Evidence, READ_BACK_NAME, READ_BACK_NUMBER, Talk};
use redial_provider::meaning::Embed;
use serde::{Deserialize, Serialize};

use crate::understanding::understand;

/// A corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    /// Its turns.
    #[serde(rename = "turn")]
    turns: Vec<Judged>,
}

/// A turn, and what is right of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    id: String,
    asked: String,
    read: Option<String>,
    says: String,
    is: Vec<String>,
    answer: Option<String>,
    name: Option<String>,
    number: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// How often something was found where it is, found where it is not, and not found where it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Found, and there.
    pub right: u32,
    /// Found, and not there.
    pub wrong: u32,
    /// There, and not found.
    pub missed: u32,
}

impl Count {
    fn add(&mut self, there: bool, found: bool) {
        match (there, found) {
            (true, true) => self.right += 1,
            (false, true) => self.wrong += 1,
            (true, false) => self.missed += 1,
            (false, false) => (),
        }
    }

    /// Of what was found, how much is there, in percent.
    pub fn precision(self) -> f64 {
        percent(self.right, self.right + self.wrong)
    }

    /// Of what is there, how much was found, in percent.
    pub fn recall(self) -> f64 {
        percent(self.right, self.right + self.missed)
    }
}

fn percent(part: u32, of: u32) -> f64 {
    if of == 0 { 100.0 } else { f64::from(part) * 100.0 / f64::from(of) }
}

/// What came of a corpus.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Turns.
    pub turns: usize,
    /// By intent.
    pub intents: BTreeMap<String, Count>,
    /// Names of the caller's own: right only if they are the same.
    pub names: Count,
    /// Numbers to call: right only if they are whole.
    pub numbers: Count,
    /// Clear yes, clear no, neither, where nothing hangs on it.
    pub answers: Count,
    /// The same where something cannot be undone; `wrong` is a yes that was none.
    pub decisions: Count,
    /// Each turn that went wrong, in a line.
    pub faults: Vec<String>,
}

/// Judges a corpus.
///
/// # Errors
/// When it is not in the corpus's format; the text names line and column.
pub async fn judge(corpus: &str, embed: &dyn Embed) -> Result<Report, toml::de::Error> {
    let corpus: Corpus = toml::from_str(corpus)?;
    let mut report = Report { turns: corpus.turns.len(), ..Report::default() };
    for turn in &corpus.turns {
        report.add(turn, embed).await;
    }
    Ok(report)
}

impl Report {
    async fn add(&mut self, judged: &Judged, embed: &dyn Embed) {
        let mut history = before(judged);
        let asked = Talk::of(&history, Evidence::Acts, &BTreeMap::new()).asked;
        let parts = understand(&judged.says, asked.as_ref(), None, embed).await;
        history.push(said(Role::Caller, history.len(), &judged.says, Vec::new()));
        let id = TurnId(u32::try_from(history.len()).unwrap_or(u32::MAX));
        let talk = Talk::of(&history, Evidence::Acts, &BTreeMap::from([(id, parts)]));
        self.intents(judged, &talk);
        self.answer(judged, &talk, asked.as_ref());
        let known = judged.asked == "name_check" && talk.name.as_ref().map(|name| &name.say) == judged.read.as_ref();
        let name = talk.name.as_ref().map(|name| name.say.clone()).filter(|_| !known);
        self.slot("name", judged, name, judged.name.clone());
        let known = judged.asked == "number_check" && !talk.last.number;
        let number =
            talk.number.as_ref().map(|number| number.digits.trim_start_matches('+').to_owned()).filter(|_| !known);
        self.slot("number", judged, number, judged.number.clone());
    }

    fn intents(&mut self, judged: &Judged, talk: &Talk) {
        let found: Vec<&str> = talk.last.intents.iter().map(|intent| intent.as_str()).collect();
        let there: Vec<&str> =
            judged.is.iter().map(|label| if label == "why_name" { "why_asked" } else { label }).collect();
        let names = found.iter().chain(&there).copied();
        let all: std::collections::BTreeSet<&str> = names.filter(|name| Intent::parse(name).is_some()).collect();
        for name in all {
            let (is, was) = (there.contains(&name), found.contains(&name));
            self.intents.entry(name.to_owned()).or_default().add(is, was);
        }
        if there.iter().any(|label| !found.contains(label)) || found.iter().any(|label| !there.contains(label)) {
            self.faults.push(format!("{} intents {found:?}, right {there:?}: {}", judged.id, judged.says));
        }
    }

    fn answer(&mut self, judged: &Judged, talk: &Talk, asked: Option<&Question>) {
        let Some(right) = &judged.answer else { return };
        let found = match (asked, talk.last.consent, talk.last.answer) {
            (Some(Question::Consent), Some(true), _) | (_, _, Some(Answer::Yes)) => "yes",
            (Some(Question::Consent), Some(false), _) | (_, _, Some(Answer::No)) => "no",
            _ => "unclear",
        };
        let irreversible = matches!(judged.asked.as_str(), "consent" | "erase" | "part" | "keep_call" | "end");
        let count = if irreversible { &mut self.decisions } else { &mut self.answers };
        if found == right {
            count.right += 1;
        } else if found == "yes" || !irreversible && found != "unclear" {
            count.wrong += 1;
        } else {
            count.missed += 1;
        }
        if found != right {
            self.faults
                .push(format!("{} {} answered {found}, right {right}: {}", judged.id, judged.asked, judged.says));
        }
    }

    fn slot(&mut self, what: &str, judged: &Judged, found: Option<String>, right: Option<String>) {
        let count = if what == "name" { &mut self.names } else { &mut self.numbers };
        if found == right {
            count.right += u32::from(found.is_some());
            return;
        }
        count.wrong += u32::from(found.is_some());
        count.missed += u32::from(right.is_some());
        self.faults.push(format!("{} {what} {found:?}, right {right:?}: {}", judged.id, judged.says));
    }
}

/// What stands before a turn of the corpus, so that its question is open.
fn before(judged: &Judged) -> Vec<Turn> {
    let read = judged.read.as_deref().unwrap_or_default();
    let asked = |what: &str| vec![Act::Asked { what: what.to_owned() }];
    let back = |what: &str| vec![Act::ReadBack { what: what.to_owned() }];
    let lines = match judged.asked.as_str() {
        "none" => vec![],
        "name_check" => {
            vec![
                (Role::Agent, "?", asked("name")),
                (Role::Caller, read, vec![]),
                (Role::Agent, "?", back(READ_BACK_NAME)),
            ]
        }
        "number_check" => {
            vec![
                (Role::Agent, "?", asked("number")),
                (Role::Caller, read, vec![]),
                (Role::Agent, "?", back(READ_BACK_NUMBER)),
            ]
        }
        "consent" => vec![(Role::Agent, "?", vec![Act::AskedConsent])],
        "erase" => vec![(Role::Agent, "?", vec![Act::AskedErase])],
        other => vec![(Role::Agent, "?", asked(other))],
    };
    lines.into_iter().enumerate().map(|(at, (role, text, acts))| said(role, at, text, acts)).collect()
}

fn said(role: Role, at: usize, text: &str, acts: Vec<Act>) -> Turn {
    Turn {
        id: TurnId(u32::try_from(at + 1).unwrap_or(u32::MAX)),
        role,
        via: Via::Voice,
        text: text.to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts,
        start_ms: 0,
        end_ms: 0,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:18} {:>5} {:>5} {:>6}  precision  recall", "", "right", "wrong", "missed")?;
        let mut all = Count::default();
        let named = [
            ("names", self.names),
            ("numbers", self.numbers),
            ("answers", self.answers),
            ("decisions", self.decisions),
        ];
        let intents = self.intents.iter().map(|(name, count)| (name.as_str(), *count));
        for (name, count) in intents.chain(named) {
            if Intent::parse(name).is_some() && !["danger", "message"].contains(&name) {
                all.right += count.right;
                all.wrong += count.wrong;
                all.missed += count.missed;
            }
            row(f, name, count)?;
        }
        row(f, "other intents", all)
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, count: Count) -> fmt::Result {
    let Count { right, wrong, missed } = count;
    writeln!(f, "{name:18} {right:5} {wrong:5} {missed:6}  {:8.1}% {:6.1}%", count.precision(), count.recall())
}
