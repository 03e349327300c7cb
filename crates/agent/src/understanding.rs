//! What the clauses of a turn are: small words by grammar, all else by meaning.

use redial_call::Part;
use redial_language::clauses::clauses;
use redial_language::decision::{Answer, Care, decide};
use redial_language::intent::{Intent, denies_name, wants_nothing_kept, weight};
use redial_language::meaning::Meanings;
use redial_language::name;
use redial_language::question::Question;
use redial_language::telephone;
use redial_language::words::Words;
use redial_provider::meaning::Embed;

/// The parts of a turn of the caller's, in order; none of a turn without words. `asked` is the open question: an answer is first
/// an answer. `known_as` is the remembered name, for "I'm not Ana".
///
/// Where meaning cannot be had, what is more than small words is a message: it is passed on, and nothing else comes of it.
pub(crate) async fn understand(
    text: &str,
    asked: Option<&Question>,
    known_as: Option<&str>,
    embed: &dyn Embed,
) -> Vec<Part> {
    let clauses = clauses(text);
    let plain: Vec<Option<Intent>> =
        clauses.iter().map(|clause| told(&text[clause.clone()], asked, known_as)).collect();
    let unsure: Vec<String> = clauses
        .iter()
        .zip(&plain)
        .filter(|(_, plain)| plain.is_none())
        .map(|(clause, _)| text[clause.clone()].to_owned())
        .collect();
    let mut meant = meanings(unsure, embed).await.into_iter();
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let parts = clauses.into_iter().zip(plain).map(|(clause, plain)| Part {
        kind: plain.or_else(|| meant.next()).unwrap_or(Intent::Message).as_str().to_owned(),
        from: offset(clause.start),
        to: offset(clause.end),
    });
    parts.collect()
}

/// What needs no net.
fn told(clause: &str, asked: Option<&Question>, known_as: Option<&str>) -> Option<Intent> {
    if known_as.is_some_and(|name| denies_name(clause, name)) {
        return Some(Intent::NotMe);
    }
    if wants_nothing_kept(clause) {
        return Some(Intent::KeepNothing);
    }
    if let Some(question) = asked
        && let Some(care) = question.care()
    {
        let brief = weight(&Words::of(clause)) < 3;
        match decide(clause, question.name(), care) {
            Answer::Yes if care == Care::Irreversible || brief => return Some(Intent::Yes),
            Answer::No if care == Care::Irreversible || brief => return Some(Intent::No),
            _ => (),
        }
    }
    let asks_number = matches!(asked, Some(Question::Number | Question::NumberCheck));
    if asks_number && !telephone::numbers(clause, true).is_empty() {
        return Some(Intent::Number);
    }
    let name = match asked {
        Some(Question::Name) => name::answered(clause),
        Some(Question::NameCheck(read)) => name::corrected(read, clause).or_else(|| name::volunteered(clause)),
        _ => name::volunteered(clause),
    };
    if name.is_some_and(|name| is_only(clause, &name)) {
        return Some(Intent::Name);
    }
    Intent::plain(clause)
}

/// Whether a clause says that name, and little else.
fn is_only(clause: &str, name: &str) -> bool {
    weight(&Words::of(clause)) <= Words::of(name).len() + 1
}

async fn meanings(texts: Vec<String>, embed: &dyn Embed) -> Vec<Intent> {
    let Some(english) = Meanings::english().filter(|_| !texts.is_empty()) else { return Vec::new() };
    match embed.embed(texts).await {
        Ok(vectors) => vectors.iter().map(|vector| english.intent(vector)).collect(),
        Err(error) => {
            metrics::counter!("redial_desk_not_understood_total").increment(1);
            tracing::warn!(%error, "what a caller means cannot be worked out; it is taken for a message");
            Vec::new()
        }
    }
}
