//! The laws of joining, on generated profiles that collide in every part.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::Class;
use crate::summary::MAX_SUMMARY_CHARS;

fn fact(keys: usize, values: usize) -> impl Strategy<Value = Fact> {
    let conf = prop_oneof![Just(Confidence::Inferred), Just(Confidence::Stated), Just(Confidence::Confirmed)];
    (0..keys, 0..values, conf, any::<bool>(), 0..6_u64, 0..4_u32, prop::option::of(0..8_u64)).prop_map(
        |(k, t, conf, sensitive, at, call, until)| Fact {
            k: format!("key{k}"),
            t: format!("is {t}"),
            cls: if sensitive { Class::Sensitive } else { Class::Ordinary },
            conf,
            src: format!("CA{call}#2"),
            at,
            until,
            seen: 1,
            by: [call].into(),
        },
    )
}

fn episode() -> impl Strategy<Value = Episode> {
    (0..8_u32, 0..4_u64, 0..3_u32).prop_map(|(session_id, at, s)| Episode {
        session_id: format!("CA{session_id}").parse().unwrap(),
        at,
        s: format!("Asked: matter {s}."),
        open: vec![],
        topic: (s == 1).then(|| "your order".to_owned()),
    })
}

/// A profile; any three together have at most 30 facts of `values` values a key, and at most 20 episodes.
fn profile(values: usize) -> impl Strategy<Value = Profile> {
    let conf = prop_oneof![Just(Confidence::Inferred), Just(Confidence::Stated), Just(Confidence::Confirmed)];
    let name = (0..3_u32, conf, 0..3_u64).prop_map(|(say, conf, at)| Name {
        say: format!("Name {say}"),
        src: format!("CA{say}#4"),
        conf,
        at,
        changed: (say + u32::from(at > 0)) % 2 == 1,
    });
    let consent = (any::<bool>(), 0..3_u64).prop_map(|(yes, at)| Consent {
        memory: if yes { Choice::Yes } else { Choice::No },
        at,
        how: "voice".to_owned(),
        src: "CA1#2".to_owned(),
    });
    let model = (0..3_u64, "[a-z .]{0,40}");
    let lang = prop::option::of(prop_oneof![Just("es".to_owned()), Just("fr".to_owned())]);
    let spoken = prop::option::of((0..4_u64, any::<bool>(), prop::option::of(0..4_u64)));
    let prefs = prop::collection::btree_map("[ab]", 0..3_u32, 0..2);
    let absorbed = prop::collection::btree_set("u_[a-d]", 0..3);
    (
        (prop::option::of(name), prop::option::of(consent), model, lang, spoken),
        (prop::collection::vec(fact(8, values), 0..10), prop::collection::vec(episode(), 0..6), prefs, absorbed),
    )
        .prop_map(
            |((name, consent, (summary_at, summary), lang, spoken), (mut facts, episodes, prefs, absorbed))| {
                facts.extend(spoken.map(|(at, french, until)| Fact {
                    k: "lang".to_owned(),
                    t: format!("prefers {}", if french { "French" } else { "Spanish" }),
                    cls: Class::Ordinary,
                    conf: Confidence::Stated,
                    src: format!("CA{at}#1"),
                    at,
                    until,
                    seen: 1,
                    by: [9].into(),
                }));
                let prefs = prefs.into_iter().map(|(key, value)| (key, json!(value))).collect();
                let summary_of = vec![format!("CA{summary_at}").parse().unwrap()];
                Profile {
                    v: 1,
                    name,
                    summary,
                    summary_at,
                    summary_of,
                    episodes,
                    lang,
                    facts,
                    consent,
                    absorbed,
                    prefs,
                    denied_at: summary_at % 3,
                    named_at: summary_at % 2,
                }
            },
        )
}

/// A profile that is too large in every way.
fn large() -> impl Strategy<Value = Profile> {
    let text = prop_oneof!["\\PC{0,160}", Just("\"\\".repeat(80)), Just("語".repeat(160))];
    let facts = prop::collection::vec((fact(60, 4), text), 0..60);
    let episodes = prop::collection::vec(("[a-z]{1,6}", 0..90_u64, "\\PC{0,240}", 0..5_usize), 0..40);
    let prefs = prop::collection::btree_map("[a-z]{1,9}", "\\PC{0,4000}", 0..6);
    (profile(3), facts, episodes, prefs, "\\PC{0,3000}", "\\PC{0,2000}").prop_map(
        |(profile, facts, episodes, prefs, summary, long)| Profile {
            facts: facts.into_iter().map(|(fact, t)| Fact { t, ..fact }).collect(),
            episodes: episodes
                .into_iter()
                .map(|(id, at, s, open)| Episode {
                    session_id: id.parse().unwrap(),
                    at,
                    open: vec![s.clone(); open],
                    s,
                    topic: None,
                })
                .collect(),
            prefs: prefs.into_iter().map(|(key, value)| (key, json!(value))).collect(),
            summary,
            summary_of: vec![SessionId::named(&long); 30],
            absorbed: (0..60).map(|n| format!("u_{n:0126}")).chain([long.clone()]).collect(),
            consent: profile.consent.clone().map(|given| Consent { how: long.clone(), src: long.clone(), ..given }),
            name: profile.name.clone().map(|name| Name { say: long.clone(), ..name }),
            lang: Some(long),
            ..profile
        },
    )
}

/// Without the counts, which may be lower when a value comes back after two others.
fn uncounted(mut profile: Profile) -> Profile {
    for fact in &mut profile.facts {
        fact.seen = 0;
        fact.by.clear();
    }
    profile
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn joining_is_commutative_and_idempotent(a in profile(4), b in profile(4)) {
        let both = merge(a.clone(), b.clone());
        prop_assert_eq!(&merge(b, a), &both);
        prop_assert_eq!(&merge(both.clone(), both.clone()), &both);
        prop_assert_eq!(&settled(both.clone()), &both);
    }

    #[test]
    fn joining_is_associative_while_a_key_has_two_values(a in profile(2), b in profile(2), c in profile(2)) {
        let left = merge(merge(a.clone(), b.clone()), c.clone());
        prop_assert_eq!(merge(a, merge(b, c)), left);
    }

    #[test]
    fn with_more_values_it_is_associative_but_for_counts(a in profile(5), b in profile(5), c in profile(5)) {
        let left = merge(merge(a.clone(), b.clone()), c.clone());
        prop_assert_eq!(uncounted(merge(a, merge(b, c))), uncounted(left));
    }

    #[test]
    fn what_was_joined_once_is_not_changed_by_joining_it_again(a in profile(4), b in profile(4)) {
        let both = merge(a, b.clone());
        prop_assert_eq!(uncounted(merge(both.clone(), b)), uncounted(both));
    }

    #[test]
    fn beyond_the_bounds_the_rest_is_whole_bounded_and_from_one_of_both(a in large(), b in large()) {
        let both = merge(a.clone(), b.clone());
        prop_assert!(both.facts.len() <= MAX_FACTS && both.episodes.len() <= MAX_EPISODES);
        prop_assert!(both.summary.chars().count() <= MAX_SUMMARY_CHARS);
        let text = serde_json::to_string(&both).unwrap();
        prop_assert!(text.len() <= MAX_PROFILE_BYTES, "{} bytes", text.len());
        prop_assert_eq!(&serde_json::from_str::<Profile>(&text).unwrap(), &both);
        prop_assert_eq!(&merge(b.clone(), a.clone()), &both);
        prop_assert_eq!(&merge(both.clone(), both.clone()), &both);
        for fact in &both.facts {
            prop_assert!(a.facts.iter().chain(&b.facts).any(|own| own.k == fact.k && own.t == fact.t));
        }
        for episode in &both.episodes {
            prop_assert!(a.episodes.iter().chain(&b.episodes).any(|own| own == episode));
        }
    }
}

fn numbered(at: u64) -> Fact {
    Fact {
        k: format!("key{at}"),
        t: "is so".to_owned(),
        cls: Class::Ordinary,
        conf: Confidence::Stated,
        src: "CA1#2".to_owned(),
        at,
        until: None,
        seen: 2,
        by: [1, 2].into(),
    }
}

#[test]
fn the_closed_go_first_then_the_guessed_then_the_seldom_said_and_old() {
    let keys = |facts: Vec<Fact>| -> Vec<String> {
        merge(Profile { facts, ..Profile::default() }, Profile::default())
            .facts
            .into_iter()
            .map(|fact| fact.k)
            .collect()
    };
    let thirty: Vec<Fact> = (10..40).map(numbered).collect();
    let with = |fact: Fact| keys([thirty.clone(), vec![fact]].concat());
    let newer = numbered(90);
    assert!(!with(Fact { until: Some(90), ..newer.clone() }).contains(&newer.k));
    assert!(!with(Fact { conf: Confidence::Inferred, ..newer.clone() }).contains(&newer.k));
    assert!(!with(Fact { seen: 1, by: [1].into(), ..newer.clone() }).contains(&newer.k));
    let kept = with(newer.clone());
    assert!(kept.contains(&newer.k) && !kept.contains(&"key10".to_owned()), "the oldest goes");
    assert_eq!(kept.len(), MAX_FACTS);
}

#[test]
fn two_hundred_profiles_in_any_order_keep_the_same_newest_episodes() {
    let one = |at: u64| Profile {
        v: 1,
        episodes: vec![Episode {
            session_id: format!("CA{at:03}").parse().unwrap(),
            at,
            s: "Asked: a visit.".to_owned(),
            open: vec![],
            topic: None,
        }],
        ..Profile::default()
    };
    let forward = (0..200).fold(Profile::default(), |all, at| merge(all, one(at)));
    // 77 and 200 have no common factor: every call once, in no order.
    let mixed = (0..200).fold(Profile::default(), |all, at| merge(one(at * 77 % 200), all));
    assert_eq!(forward, mixed);
    assert_eq!(forward.episodes.first().map(|episode| episode.at), Some(180));
}

#[test]
fn a_profile_of_an_older_version_is_read_and_one_of_a_newer_keeps_what_is_known() {
    let old = json!({
        "v": 1, "name": { "say": "Ana", "src": "CA1#4", "conf": "stated" }, "summary": "", "summary_at": 0,
        "episodes": [{ "sid": "CA1", "at": 5, "s": "Asked: a visit" }],
    });
    let profile: Profile = serde_json::from_value(old).unwrap();
    assert_eq!(profile.name.as_ref().map(|name| name.at), Some(0));
    assert!(profile.facts.is_empty() && profile.consent.is_none());
    let new = json!({
        "v": 1, "mood": "fine", "prefs": { "greet": { "formal": true } },
        "facts": [{ "k": "pet.dog", "t": "has a dog", "cls": "ordinary", "conf": "stated", "src": "CA1#2", "at": 5, "hue": 3 }],
        "consent": { "memory": "yes", "at": 5, "how": "dtmf-1" },
    });
    let profile: Profile = serde_json::from_value(new).unwrap();
    assert_eq!(profile.facts[0].until, None);
    let kept = serde_json::to_value(settled(profile)).unwrap();
    assert_eq!(kept["prefs"]["greet"]["formal"], json!(true));
    assert_eq!(kept["facts"][0]["seen"], json!(1));
}
