//! Puts together what belongs to one person at the source.

use std::collections::BTreeMap;

use super::documents::{Conversation, Remembered, Unreadable};
use super::report::Report;
use super::request::{ImportError, Layout};
use super::source::{Raw, Source};
use super::{aegen, agent, conversation, sarah};

/// The keys of one person, by the id that the source knows them by.
#[derive(Debug, Default)]
pub(super) struct Owned {
    /// What their numbers were hashed to, and under which keys that stands.
    hashes: Vec<(String, String)>,
    keys: Vec<(String, Part)>,
}

/// What a key holds of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A conversation of this name.
    Conversation(String),
    Summary,
    Profile,
    /// One field of a profile.
    Field(String),
}

/// One person, as the source knows them.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) id: String,
    /// Hash and key.
    pub(super) hashes: Vec<(String, String)>,
    pub(super) talks: Vec<Talk>,
    pub(super) remembered: Remembered,
    /// The keys that `remembered` is made of.
    pub(super) remembered_keys: Vec<String>,
}

/// A conversation, its name at the source, and its key.
#[derive(Debug)]
pub(super) struct Talk {
    pub name: String,
    pub(super) key: String,
    pub(super) conversation: Conversation,
}

/// Who is known at the source, and by which keys.
pub(super) async fn owners(
    source: &Source,
    layout: Layout,
    prefix: &str,
    report: &mut Report,
) -> Result<BTreeMap<String, Owned>, ImportError> {
    let keys = source.keys(&format!("{prefix}:*")).await?;
    if layout == Layout::Sarah {
        return owners_of_sarah(source, prefix, keys, report).await;
    }
    let mut owners: BTreeMap<String, Owned> = BTreeMap::new();
    for key in keys {
        match found(layout, prefix, &key) {
            Ok((id, part)) => owners.entry(id).or_default().keys.push((key, part)),
            Err(why) => report.skip(key, why),
        }
    }
    Ok(owners)
}

/// Whose key it is and what it holds, where the key alone tells.
fn found(layout: Layout, prefix: &str, key: &str) -> Result<(String, Part), &'static str> {
    const FOREIGN: &str = "the key is not one of this layout";
    match layout {
        Layout::Aegen => {
            let id = aegen::chat_id(prefix, key).ok_or(FOREIGN)?;
            Ok((id.to_owned(), Part::Conversation(id.to_owned())))
        }
        Layout::Conversation => match conversation::place(prefix, key) {
            conversation::Place::Messages(id) => Ok((id.to_owned(), Part::Conversation(id.to_owned()))),
            conversation::Place::Summary(id) => Ok((id.to_owned(), Part::Summary)),
            conversation::Place::Turns => Err("the number of turns is that of the messages"),
            conversation::Place::Other => Err(FOREIGN),
        },
        Layout::Agent => match agent::place(prefix, key) {
            agent::Place::Messages { agent, user, session } => {
                let name = agent::session_name(agent, user, session);
                Ok((user.unwrap_or(session).to_owned(), Part::Conversation(name)))
            }
            agent::Place::Profile(user) => Ok((user.to_owned(), Part::Profile)),
            agent::Place::Field { user, field } => Ok((user.to_owned(), Part::Field(field.to_owned()))),
            agent::Place::Cache => Err("a cache of tool results is not memory"),
            agent::Place::Other => Err(FOREIGN),
        },
        Layout::Sarah => Err(FOREIGN),
    }
}

/// In this layout values tell who is meant: the phone keys, the lists of sessions, the sessions' own `user_id`.
async fn owners_of_sarah(
    source: &Source,
    prefix: &str,
    keys: std::collections::BTreeSet<String>,
    report: &mut Report,
) -> Result<BTreeMap<String, Owned>, ImportError> {
    let mut owners: BTreeMap<String, Owned> = BTreeMap::new();
    let mut owner_of_session: BTreeMap<String, String> = BTreeMap::new();
    for key in &keys {
        match sarah::place(prefix, key) {
            sarah::Place::Phone(hash) => match source.read(key).await? {
                Raw::Text(user) => {
                    let user = user.trim_matches(['"', ' ']).to_owned(); // some clients store JSON
                    owners.entry(user).or_default().hashes.push((hash.to_owned(), key.clone()));
                }
                raw => report.skip(key, unexpected(&raw, "a user id")),
            },
            sarah::Place::Profile(user) => {
                owners.entry(user.to_owned()).or_default().keys.push((key.clone(), Part::Profile));
            }
            sarah::Place::Sessions(user) => match source.read(key).await? {
                Raw::List(ids) => {
                    let ids = ids.into_iter().map(|id| id.trim_matches('"').to_owned());
                    owner_of_session.extend(ids.map(|id| (id, user.to_owned())));
                }
                Raw::Text(text) => match serde_json::from_str::<Vec<String>>(&text) {
                    Ok(ids) => owner_of_session.extend(ids.into_iter().map(|id| (id, user.to_owned()))),
                    Err(_) => report.skip(key, "a list of session ids is expected"),
                },
                raw => report.skip(key, unexpected(&raw, "a list of session ids")),
            },
            sarah::Place::Session(_) => (),
            sarah::Place::Other => report.skip(key, "the key is not one of this layout"),
        }
    }
    // That a listed session has expired is the rule, and not worth a line.
    for key in &keys {
        let sarah::Place::Session(id) = sarah::place(prefix, key) else { continue };
        let owner = match owner_of_session.get(id) {
            Some(owner) => Some(owner.clone()),
            None => match talk(Layout::Sarah, source.read(key).await?) {
                Ok(conversation) => conversation.user,
                Err(_) => None,
            },
        };
        match owner {
            Some(owner) => {
                let part = Part::Conversation(id.to_owned());
                owners.entry(owner).or_default().keys.push((key.clone(), part));
            }
            None => report.skip(key, "no user's list names it, and it names no user"),
        }
    }
    Ok(owners)
}

/// Reads what a person's keys hold. What cannot be read is reported.
pub(super) async fn person(
    source: &Source,
    layout: Layout,
    id: String,
    owned: Owned,
    report: &mut Report,
) -> Result<Person, ImportError> {
    let mut person = Person { id, hashes: owned.hashes, ..Person::default() };
    for (key, part) in owned.keys {
        let raw = source.read(&key).await?;
        if raw == Raw::Missing {
            continue; // it expired while we were reading
        }
        if let Part::Conversation(name) = part {
            match talk(layout, raw) {
                Ok(conversation) if conversation.messages.is_empty() => {
                    report.skip(key, with_notes("nothing was said in it", &conversation.left_out));
                }
                Ok(conversation) => person.talks.push(Talk { name, key, conversation }),
                Err(Unreadable(why)) => report.skip(key, why),
            }
            continue;
        }
        match remembered(layout, &part, raw) {
            Ok(remembered) if remembered.is_empty() => {
                report.skip(key, with_notes("nothing in it can be taken over", &remembered.left_out));
            }
            Ok(remembered) => {
                person.remembered.and(remembered);
                person.remembered_keys.push(key);
            }
            Err(Unreadable(why)) => report.skip(key, why),
        }
    }
    Ok(person)
}

fn talk(layout: Layout, raw: Raw) -> Result<Conversation, Unreadable> {
    match (layout, raw) {
        (Layout::Aegen, Raw::Text(text)) => aegen::conversation(&text),
        (Layout::Conversation, Raw::List(list)) => Ok(conversation::conversation(&list)),
        (Layout::Agent, Raw::List(list)) => Ok(agent::conversation(&list)),
        (Layout::Sarah, Raw::Text(text)) => sarah::conversation(&text),
        (Layout::Sarah, Raw::Hash(hash)) => sarah::conversation_of_hash(&hash),
        (Layout::Aegen | Layout::Sarah, raw) => Err(Unreadable(unexpected(&raw, "a JSON document"))),
        (Layout::Conversation | Layout::Agent, raw) => Err(Unreadable(unexpected(&raw, "a list of messages"))),
    }
}

fn remembered(layout: Layout, part: &Part, raw: Raw) -> Result<Remembered, Unreadable> {
    match (layout, part, raw) {
        (_, Part::Summary, Raw::Text(text)) => Ok(conversation::summary(&text)),
        (_, Part::Field(field), Raw::Text(text)) => Ok(agent::field(field, &text)),
        (Layout::Sarah, _, Raw::Text(text)) => sarah::profile(&text),
        (Layout::Sarah, _, Raw::Hash(hash)) => sarah::profile_of_hash(&hash),
        (_, Part::Profile, Raw::Text(text)) => agent::profile(&text),
        (_, _, raw) => Err(Unreadable(unexpected(&raw, "a text"))),
    }
}

fn unexpected(raw: &Raw, expected: &str) -> String {
    let found = match raw {
        Raw::Text(_) => "a text is there",
        Raw::List(_) => "a list is there",
        Raw::Hash(_) => "a hash is there",
        Raw::Missing => "it has expired meanwhile",
        Raw::Unreadable(why) => why,
    };
    format!("{expected} is expected; {found}")
}

fn with_notes(why: &str, notes: &[String]) -> String {
    std::iter::once(why).chain(notes.iter().map(String::as_str)).collect::<Vec<_>>().join("; ")
}
