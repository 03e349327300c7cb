//! Whatever is answered to a script: never a panic, never nonsense that is believed, and an error that names it.
//!
//! What each script may answer is said here a second time, as shapes; what a reader takes must fit them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use redial_memory::model::LATEST_MS;
use redis::Value;

use super::advice::{Scheme, Trouble};
use super::answer::{Answer, MAX_COUNTER, counter};
use super::mirror;
use super::reply::{self, Begun, Committed, ReadUser, Said, Stored, Taken, UNREADABLE, profile_or_none_yet};

const KEY: &str = "sarah:user:u_ana:profile";

/// A part of an answer.
#[derive(Debug, Clone, Copy)]
enum Part {
    Word(&'static [&'static str]),
    Text,
    /// Of an answer with one of these words, which of so many keys it is about; of any other a number up to the last.
    Key(&'static [&'static str], u64, u64),
    Ttl,
    Texts,
    Pairs,
    /// So many, or none.
    Fields(usize),
    /// Pairs, and a TTL.
    Hash,
    Mark,
    Counter,
    /// Pairs of ids and numbers.
    Index,
    /// Messages of a call.
    Messages,
    /// How many those are.
    Turns,
    /// The fields of a live call.
    Call,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    YesOrNo,
    Revision,
    Parts(&'static [Part]),
}

type Reader = fn(Answer) -> Result<(), Trouble>;

use Part::{Call, Counter, Fields, Hash, Index, Key, Mark, Messages, Pairs, Text, Texts, Ttl, Turns, Word};
use Shape::{Parts, Revision, YesOrNo};

const WRONG: &[&str] = &["wrongtype"];
const WRONG_OR_LARGE: &[&str] = &["wrongtype", "large"];
const BEGUN: &[&str] = &["ok", "large", "mapped", "erased", "wrongtype"];

/// Every script, what it may answer, and who reads that.
const SCRIPTS: &[(&str, Shape, Reader)] = &[
    ("absorb_begin", Parts(&[Mark, Counter, Text, Index]), |answer| Taken::read(answer).map(drop)),
    ("absorb_end", YesOrNo, |answer| answer.yes().map(drop)),
    ("absorb_into", Revision, |answer| answer.revision().map(drop)),
    ("assign", Parts(&[Word(&["ok", "wrongtype", "wrongtext"]), Text]), |answer| reply::assigned(answer).map(drop)),
    ("begin_call", Parts(&[Word(BEGUN), Text, Key(WRONG, 4, 1), Fields(5)]), |answer| begun(Begun::read(answer, 4)?)),
    ("begin_number", Parts(&[Word(&["ok", "mapped", "wrongtype"]), Text, Key(WRONG, 1, 1)]), |answer| {
        begun(Begun::read_number(answer)?)
    }),
    ("begin_user", Parts(&[Word(BEGUN), Text, Key(WRONG, 3, 1), Fields(5)]), |answer| begun(Begun::read(answer, 3)?)),
    ("change_place", YesOrNo, |answer| answer.yes().map(drop)),
    ("change_profile", Revision, |answer| answer.revision().map(drop)),
    ("commit", Parts(&[Word(COMMITTED), Text, Text, Key(WRONG, 6, MAX_COUNTER)]), |answer| {
        committed(Committed::read(answer, 6)?)
    }),
    ("erase", Parts(&[Word(&["ok", "wrongtype"]), Text, Key(WRONG, 3, 1), Texts]), |answer| {
        reply::erased(answer, 3).map(drop)
    }),
    ("hand_over", YesOrNo, |answer| answer.yes().map(drop)),
    ("hand_over_session", YesOrNo, |answer| answer.yes().map(drop)),
    ("keep_number", YesOrNo, |answer| answer.yes().map(drop)),
    ("mirror_begin", Parts(&[Word(&["ok", "wrongtype"]), Text, Key(WRONG_OR_LARGE, 4, MAX_COUNTER)]), |answer| {
        Said::read(answer, &["ok"], 4).map(drop)
    }),
    (
        "mirror_end",
        Parts(&[Word(&["ok", "others", "wrongtype"]), Text, Key(WRONG_OR_LARGE, 4, MAX_COUNTER)]),
        |answer| Said::read(answer, &["ok", "others"], 4).map(drop),
    ),
    (
        "mirror_load",
        Parts(&[
            Word(&["ok", "none", "large", "wrongtype"]),
            Text,
            Key(WRONG_OR_LARGE, 4, MAX_COUNTER),
            Messages,
            Text,
            Turns,
            Call,
        ]),
        |answer| mirrored(reply::mirrored(answer, 5, 4)?),
    ),
    (
        "mirror_turn",
        Parts(&[Word(&["ok", "late", "unknown", "wrongtype"]), Text, Key(WRONG_OR_LARGE, 4, MAX_COUNTER)]),
        |answer| Said::read(answer, &["ok", "late", "unknown"], 4).map(drop),
    ),
    ("move_end", YesOrNo, |answer| answer.yes().map(drop)),
    (
        "move_read",
        Parts(&[Word(&["ok", "large", "wrongtype"]), Text, Key(WRONG_OR_LARGE, 2, MAX_COUNTER), Hash, Hash]),
        |answer| reply::moved(answer, 2).map(drop),
    ),
    ("move_write", Parts(&[Word(&["ok", "wrongtype"]), Text, Key(WRONG_OR_LARGE, 2, MAX_COUNTER)]), |answer| {
        Said::read(answer, &["ok"], 2).map(drop)
    }),
    ("repair", Parts(&[Word(&["ok", "changed", "taken"]), Ttl]), |answer| reply::repaired(answer).map(drop)),
    (
        "user",
        Parts(&[
            Word(&["ok", "large", "none", "erased", "wrongtype"]),
            Text,
            Key(WRONG, 3, MAX_COUNTER),
            Fields(5),
            Pairs,
            Ttl,
        ]),
        |answer| {
            let read = ReadUser::read(answer, 3)?;
            stored(&read.profile);
            Ok(())
        },
    ),
];

const COMMITTED: &[&str] =
    &["applied", "kept", "conflict", "duplicate", "differs", "mapped", "others", "erased", "wrongtype"];

/// What is made of an answer that was read must hold as well, whatever the fields have in them.
fn stored(fields: &[Option<Vec<u8>>]) {
    let stored = Stored::read(fields, false);
    assert!(stored.revision == UNREADABLE || stored.revision <= MAX_COUNTER);
    assert!(stored.calls <= MAX_COUNTER && stored.last.unwrap_or(0) <= MAX_COUNTER);
}

fn begun(begun: Begun) -> Result<(), Trouble> {
    stored(&begun.profile);
    assert!(begun.key.is_some() == (begun.status == "wrongtype") && !(begun.created && begun.key.is_some()));
    Ok(())
}

fn committed(committed: Committed) -> Result<(), Trouble> {
    let has_revision = matches!(committed.status, "applied" | "conflict");
    assert!(has_revision == (committed.revision != UNREADABLE) && committed.turns <= MAX_COUNTER);
    let _ = (profile_or_none_yet(&committed.document), committed.digest());
    Ok(())
}

/// Mirrors that were read whole, and messages in them.
static MIRRORS: AtomicUsize = AtomicUsize::new(0);
static MIRRORED: AtomicUsize = AtomicUsize::new(0);

fn mirrored((said, loaded): (Said, reply::Mirror)) -> Result<(), Trouble> {
    let keys = ["messages", "summary", "turns", "call"].map(str::to_owned);
    if said.status == "ok"
        && let Ok(found) = mirror::read(&"CA1".parse().unwrap(), &keys, loaded)
    {
        MIRRORS.fetch_add(1, Ordering::Relaxed);
        MIRRORED.fetch_add(found.messages.len(), Ordering::Relaxed);
        assert!(found.call.started_at <= LATEST_MS && found.turns <= MAX_COUNTER);
        assert!(found.messages.iter().all(|message| message.turn.end_ms <= LATEST_MS));
    }
    Ok(())
}

fn fits(shape: Shape, value: &Value) -> bool {
    match (shape, value) {
        (YesOrNo, Value::Int(number)) => (0..=1).contains(number),
        (Revision, Value::Int(number)) => (-1..=i64::try_from(MAX_COUNTER).unwrap()).contains(number),
        (Parts(expected), Value::Array(parts)) => {
            let is_of = |words: &'static [&'static str]| parts.first().is_some_and(|word| is_a(Word(words), word));
            let fits = |(expected, part): (&Part, &Value)| match (expected, part) {
                (Key(about, keys, most), Value::Int(number)) => u64::try_from(*number)
                    .is_ok_and(|number| if is_of(about) { (1..=*keys).contains(&number) } else { number <= *most }),
                (expected, part) => is_a(*expected, part),
            };
            expected.len() == parts.len() && expected.iter().zip(parts).all(fits)
        }
        _ => false,
    }
}

fn is_a(expected: Part, part: &Value) -> bool {
    match (expected, part) {
        (Word(words), Value::BulkString(text)) => words.iter().any(|word| word.as_bytes() == text),
        (Text | Turns, Value::BulkString(_)) => true,
        (Mark, Value::BulkString(text)) => text.len() <= 64 && text.iter().all(u8::is_ascii_alphanumeric),
        (Counter, Value::BulkString(text)) => counter(text).is_some(),
        (Ttl, Value::Int(ttl)) => *ttl >= -2,
        (Texts | Messages, Value::Array(texts)) => texts.iter().all(|text| is_a(Text, text)),
        (Pairs | Index, Value::Array(texts)) => texts.len() % 2 == 0 && is_a(Texts, part),
        (Call, part) => is_a(Fields(5), part),
        (Fields(count), Value::Array(fields)) => {
            (fields.is_empty() || fields.len() == count)
                && fields.iter().all(|field| *field == Value::Nil || is_a(Text, field))
        }
        (Hash, Value::Array(parts)) => matches!(&parts[..], [fields, ttl] if is_a(Pairs, fields) && is_a(Ttl, ttl)),
        _ => false,
    }
}

fn some_text() -> impl Strategy<Value = Vec<u8>> {
    let known =
        ["ok", "wrongtype", "mapped", "u_ana", "0", "1", "7", "-1", "9223372036854775813", "1e999", "", "{}", "[]"];
    let message = br#"{"role":"user","content":"hi","end_ms":9223372036854775813}"#.to_vec();
    prop_oneof![
        4 => proptest::sample::select(known.map(|text| text.as_bytes().to_vec()).to_vec()),
        1 => Just(message),
        1 => Just(br#"{"v":1,"summary":"s"}"#.to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn some_number() -> impl Strategy<Value = i64> {
    prop_oneof![3 => -3..6_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => Just(1 << 53), 1 => any::<i64>()]
}

/// Anything that a server may say, in RESP2 or RESP3.
fn anything() -> impl Strategy<Value = Value> {
    let error = redis::parse_redis_value(b"-ERR no\r\n").unwrap_or(Value::Nil);
    let leaf = prop_oneof![
        Just(Value::Nil),
        Just(Value::Okay),
        Just(error),
        some_number().prop_map(Value::Int),
        some_text().prop_map(Value::BulkString),
        "[a-z]{0,9}".prop_map(Value::SimpleString),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
    ];
    leaf.prop_recursive(3, 24, 7, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Set),
            1 => prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

/// Messages of a mirror: two that are, and three that no call can have.
const MESSAGES: &[&str] = &[
    r#"{"role":"user","content":"hi"}"#,
    r#"{"role":"user","content":"hello","id":2,"start_ms":1,"end_ms":900,"n":7}"#,
    r#"{"role":"user","content":"hi","end_ms":253402300800000}"#,
    r#"{"role":"user","content":"hi","end_ms":9223372036854775813}"#,
    "{}",
];
/// When calls began: two that did, and two that are beyond the calendar.
const STARTED: &[&str] = &["0", "1763690000000", "253402300800000", "9223372036854775813"];

fn bulk(text: &str) -> Value {
    Value::BulkString(text.into())
}

/// A part that is not as it should be, by little.
fn wrong(part: Part) -> BoxedStrategy<Value> {
    let some = |values: Vec<Value>| proptest::sample::select(values).boxed();
    match part {
        Word(_) => some(["", "OK", "others", "wrong", "ok "].map(bulk).to_vec()),
        Text | Texts | Messages | Turns => some(vec![Value::Nil, Value::Int(1), Value::Array(vec![Value::Int(1)])]),
        Key(_, keys, most) => {
            let beyond = [keys, most].map(|most| i64::try_from(most).unwrap() + 1);
            some([-1, 0, beyond[0], beyond[0] + 1, beyond[1]].map(Value::Int).to_vec())
        }
        Ttl => some([-3, i64::MIN].map(Value::Int).to_vec()),
        Pairs | Index => some(vec![Value::Array(vec![bulk("1")]), Value::Array(["1", "2", "3"].map(bulk).to_vec())]),
        Fields(count) => some([count - 1, count + 1].map(|count| Value::Array(vec![bulk("1"); count])).to_vec()),
        Call => wrong(Fields(5)),
        Hash => (wrong(Pairs), right(Ttl)).prop_map(|(pairs, ttl)| Value::Array(vec![pairs, ttl])).boxed(),
        Mark => some(vec![bulk("a-b"), bulk(&"a".repeat(65))]),
        Counter => some(["", "-1", "1000000000000000"].map(bulk).to_vec()),
    }
}

/// A part as it should be.
fn right(part: Part) -> BoxedStrategy<Value> {
    let texts = |count: std::ops::Range<usize>| prop::collection::vec(some_text().prop_map(Value::BulkString), count);
    match part {
        Word(words) => proptest::sample::select(words).prop_map(|word| Value::BulkString(word.into())).boxed(),
        Text => some_text().prop_map(Value::BulkString).boxed(),
        Key(_, keys, _) => (0..=i64::try_from(keys).unwrap()).prop_map(Value::Int).boxed(),
        Messages => prop::collection::vec(proptest::sample::select(MESSAGES.to_vec()).prop_map(bulk), 0..3)
            .prop_map(Value::Array)
            .boxed(),
        Turns => proptest::sample::select(vec!["0", "7"]).prop_map(bulk).boxed(),
        Call => {
            let call = proptest::sample::select(STARTED.to_vec()).prop_map(|started| {
                // As an earlier version wrote it, without a checksum.
                let fields = ["u_ana", "", started, "gateway-1"].map(bulk);
                Value::Array(fields.into_iter().chain([Value::Nil]).collect())
            });
            prop_oneof![3 => call, 1 => right(Fields(5))].boxed()
        }
        Ttl => (-2..1000_i64).prop_map(Value::Int).boxed(),
        Texts => texts(0..5).prop_map(Value::Array).boxed(),
        Pairs => texts(0..3).prop_map(|texts| Value::Array([&texts[..], &texts].concat())).boxed(),
        Fields(count) => {
            let field = prop_oneof![Just(Value::Nil), some_text().prop_map(Value::BulkString)];
            prop_oneof![3 => prop::collection::vec(field, count), 1 => Just(Vec::new())].prop_map(Value::Array).boxed()
        }
        Hash => (right(Pairs), right(Ttl)).prop_map(|(pairs, ttl)| Value::Array(vec![pairs, ttl])).boxed(),
        Mark => "[a-z0-9]{0,32}".prop_map(|mark| Value::BulkString(mark.into())).boxed(),
        Counter => (0..9_u32).prop_map(|count| Value::BulkString(count.to_string().into())).boxed(),
        Index => ("CA[0-9]", 0..9_u32)
            .prop_map(|(session_id, end)| {
                Value::Array([session_id, end.to_string()].map(|text| Value::BulkString(text.into())).to_vec())
            })
            .boxed(),
    }
}

/// An answer of this shape, with something else in the place of one part or another.
fn nearly(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        YesOrNo | Revision => some_number().prop_map(Value::Int).boxed(),
        Parts(parts) => parts
            .iter()
            .map(|part| prop_oneof![14 => right(*part), 1 => wrong(*part), 1 => anything()].boxed())
            .collect::<Vec<_>>()
            .prop_map(Value::Array)
            .boxed(),
    }
}

fn answers() -> impl Strategy<Value = (usize, Value)> {
    let any =
        (0..SCRIPTS.len()).prop_flat_map(|at| (Just(at), prop_oneof![1 => anything(), 2 => nearly(SCRIPTS[at].1)]));
    // Half of all, as only one in some 150 of them is a mirror that is read whole and has messages.
    let mirrors = SCRIPTS.iter().position(|(name, ..)| *name == "mirror_load").unwrap_or_default();
    prop_oneof![1 => any, 1 => (Just(mirrors), nearly(SCRIPTS[mirrors].1))]
}

#[test]
fn every_script_is_among_those_whose_answers_are_made_up() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let scripts = files.filter_map(|file| file.strip_suffix(".lua").map(str::to_owned));
    // That one asks what is allowed, for an advice; whatever else is answered to it advises nothing.
    let there: BTreeSet<String> = scripts.filter(|name| name != "rights").collect();
    let here: BTreeSet<String> = SCRIPTS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(there, here);
}

#[test]
fn whatever_is_answered_is_read_as_it_is_or_named_in_an_error() {
    let cases = std::env::var("FUZZ").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6000);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let read = std::cell::RefCell::new(BTreeSet::new());
    let result = proptest::test_runner::TestRunner::new(config).run(&answers(), |(at, value)| {
        let (name, shape, reader) = SCRIPTS[at];
        match reader(Answer::of(name, KEY.to_owned(), value.clone())) {
            Ok(()) => {
                prop_assert!(fits(shape, &value), "{name} believed {value:?}");
                read.borrow_mut().insert(name);
            }
            Err(trouble) => {
                let error = trouble.clone().unavailable(Scheme::Plain);
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                prop_assert!(source.contains(name) && source.contains(KEY), "{error}: {source}");
                prop_assert!(!trouble.breaks_the_connection(), "others go on meanwhile");
            }
        }
        Ok(())
    });
    result.unwrap();
    let never: Vec<_> =
        SCRIPTS.iter().filter(|(name, ..)| !read.borrow().contains(name)).map(|(name, ..)| name).collect();
    assert!(never.is_empty(), "what they do answer was never read: {never:?}");
    let (mirrors, messages) = (MIRRORS.load(Ordering::Relaxed), MIRRORED.load(Ordering::Relaxed));
    assert!(mirrors > 0 && messages > 0, "{mirrors} mirrors were read whole, with {messages} messages");
}
