//! The offline ears end to end: frames → voice activity → pre-roll → recogniser, over the recorded callers; and the voice
//! that the ears must understand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::TryStreamExt;
use redial::speech::models::DEFAULT_FOLDER;
use redial::speech::pool::WorkerPool;
use redial::speech::stt::moonshine::Moonshine;
use redial::speech::stt::{Stt, SttInput, SttOutput, SttStream};
use redial::speech::tts::Tts;
use redial::speech::tts::flite::Flite;
use redial::speech::turn_end::TurnEnd;
use redial::speech::vad::silero::Silero;
use redial::speech::vad::{Vad, VadEdge};
use redial::speech::wav;
use redial_call::audio::{FRAME_BYTES, encode};
use redial_call::{Frame, UtteranceId};

static MOONSHINE: LazyLock<Moonshine> = LazyLock::new(|| {
    let pool = Arc::new(WorkerPool::sized_to_cores().unwrap());
    let models = root().join(DEFAULT_FOLDER);
    Moonshine::load(&models, pool).unwrap().with_turn_end(TurnEnd::load(&models).unwrap())
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn frames(ulaw: &[u8]) -> Vec<Frame> {
    ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect()
}

async fn send(stream: &SttStream, input: SttInput) {
    stream.input.send(input).await.unwrap();
}

async fn answer(stream: &mut SttStream) -> (UtteranceId, String) {
    stream.transcript().await.unwrap().unwrap()
}

/// Plays a line to the ears as the session does: what voice activity opens, and the pre-roll before it, is one utterance;
/// the end of each stretch asks for its words so far.
async fn hear(net: &Arc<Silero>, line: &[Frame]) -> String {
    let id = UtteranceId(1);
    let mut stream = MOONSHINE.open();
    let mut vad = Vad::new(Arc::clone(net));
    let mut asked = 0;
    for frame in line {
        match vad.push(frame) {
            Some(VadEdge::Started) => {
                for frame in vad.pre_roll().collect::<Vec<_>>() {
                    send(&stream, SttInput::Audio(id, frame)).await;
                }
                continue;
            }
            Some(VadEdge::Stopped) => asked += 1,
            None if vad.is_speaking() => (),
            None => continue,
        }
        send(&stream, SttInput::Audio(id, *frame)).await;
        if !vad.is_speaking() {
            send(&stream, SttInput::Transcribe(id)).await;
        }
    }
    let mut text = String::new();
    for _ in 0..asked {
        (_, text) = answer(&mut stream).await;
    }
    text
}

/// Words as they are compared: lower case, without punctuation, numbers digit by digit or as words alike.
fn normal(text: &str) -> Vec<String> {
    const ONES: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let lower = text.to_lowercase().replace("p.m.", "pm").replace(['\'', '’'], "").replace("mr.", "mister");
    let mut words = Vec::new();
    for word in lower.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        match (word, word.parse::<usize>()) {
            ("mr", _) => words.push("mister".to_owned()),
            // As it is said in "ten meters"; longer numbers are read digit by digit.
            (_, Ok(number)) if number < 20 && word.len() < 3 => words.push(ONES[number].to_owned()),
            (_, Ok(number)) if number < 100 && word.len() < 3 => {
                words.push(TENS[number / 10].to_owned());
                if number % 10 > 0 {
                    words.push(ONES[number % 10].to_owned());
                }
            }
            (_, Ok(_)) => words.extend(word.bytes().map(|digit| ONES[usize::from(digit - b'0') % 10].to_owned())),
            (_, Err(_)) => words.push(word.to_owned()),
        }
    }
    words
}

/// Insertions, deletions and substitutions between two texts.
fn errors(wanted: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, want) in wanted.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, word) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(want != word);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[heard.len()]
}

#[tokio::test]
async fn recorded_callers_are_understood() {
    let net = Arc::new(Silero::load(&root().join(DEFAULT_FOLDER)).unwrap());
    let folder = root().join("fixtures/audio");
    let mut by_voice: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for line in std::fs::read_to_string(folder.join("words.tsv")).unwrap().lines() {
        let [voice, file, text] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let mut line = vec![Frame::SILENT; 50];
        line.extend(frames(&wav::read(&std::fs::read(folder.join(file)).unwrap()).unwrap()));
        line.extend([Frame::SILENT; 50]);
        let heard = hear(&net, &line).await;
        let (wanted, words) = (normal(text), normal(&heard));
        let wrong = errors(&wanted, &words);
        eprintln!("{wrong:3} {file:32} {heard}");
        let count = by_voice.entry(voice.to_owned()).or_default();
        *count = (count.0 + wrong, count.1 + wanted.len());
    }
    let rate = |(wrong, words): (usize, usize)| 100.0 * wrong as f64 / words as f64;
    for (voice, count) in &by_voice {
        eprintln!("{voice}: {:.1} % of {} words wrong", rate(*count), count.1);
    }
    let all = by_voice.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    eprintln!("all: {:.1} % of {} words wrong", rate(all), all.1);
    assert!(all.1 > 250 && rate(all) < 15.0, "{:.1} % of {} words are wrong", rate(all), all.1);
}

#[tokio::test]
async fn the_built_in_voice_is_understood() {
    let voice = Flite::new(Arc::new(WorkerPool::new(1, 4).unwrap())).unwrap();
    let text = "Thank you for calling. How can I help you today?";
    let spoken: Vec<Frame> = voice.speak(text).try_collect().await.unwrap();
    let mut stream = MOONSHINE.open();
    let id = UtteranceId(1);
    for frame in spoken {
        send(&stream, SttInput::Audio(id, frame)).await;
    }
    send(&stream, SttInput::Transcribe(id)).await;
    let (_, heard) = answer(&mut stream).await;
    assert!(errors(&normal(text), &normal(&heard)) <= 2, "{heard}");
}

#[tokio::test]
async fn audio_of_any_length_is_answered() {
    let mut stream = MOONSHINE.open();
    for (number, count) in [(1, 0), (2, 1), (3, 4), (4, 5), (5, 9), (6, 1300)] {
        let id = UtteranceId(number);
        for _ in 0..count {
            send(&stream, SttInput::Audio(id, Frame::SILENT)).await;
        }
        send(&stream, SttInput::Transcribe(id)).await;
        let (utterance, text) = answer(&mut stream).await;
        assert_eq!(utterance, id);
        assert!(count >= 5 || text.is_empty(), "{count} frames hold no words: {text}");
    }
}

#[tokio::test]
async fn a_discarded_utterance_is_forgotten_and_the_next_one_is_answered() {
    let recording = std::fs::read(root().join("fixtures/audio/cards001.wav")).unwrap();
    let spoken = frames(&wav::read(&recording).unwrap());
    let mut stream = MOONSHINE.open();
    let [first, second] = [1, 2].map(UtteranceId);
    for id in [first, second] {
        for frame in &spoken {
            send(&stream, SttInput::Audio(id, *frame)).await;
        }
        send(&stream, SttInput::Transcribe(id)).await;
        if id == first {
            send(&stream, SttInput::Discard(id)).await;
        }
    }
    send(&stream, SttInput::Transcribe(second)).await;
    let answers = [answer(&mut stream).await, answer(&mut stream).await];
    assert!(answers.iter().all(|(id, text)| *id == second && !text.is_empty()), "{answers:?}");
    assert_eq!(answers[0], answers[1]);
    send(&stream, SttInput::Discard(second)).await;
    send(&stream, SttInput::Transcribe(second)).await;
    assert_eq!(answer(&mut stream).await, (second, String::new()));
}

/// A recording's frames, the share of it from its beginning.
fn recorded(name: &str, share: f64) -> Vec<Frame> {
    let wav = std::fs::read(root().join(format!("fixtures/audio/{name}.wav"))).unwrap();
    let mut frames = frames(&wav::read(&wav).unwrap());
    frames.truncate((frames.len() as f64 * share) as usize);
    frames
}

async fn say(stream: &SttStream, id: UtteranceId, frames: &[Frame]) {
    for frame in frames {
        send(stream, SttInput::Audio(id, *frame)).await;
    }
}

/// What the recogniser answers until that is enough, and in the 300 ms after it.
async fn answers(stream: &mut SttStream, enough: impl Fn(&[SttOutput]) -> bool) -> Vec<SttOutput> {
    let mut answers = Vec::new();
    while !enough(&answers) {
        answers.push(stream.output.recv().await.unwrap());
    }
    while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_millis(300), stream.output.recv()).await {
        answers.push(answer);
    }
    answers
}

fn verdicts(answers: &[SttOutput]) -> usize {
    answers.iter().filter(|answer| matches!(answer, SttOutput::TurnEnd { .. })).count()
}

fn transcripts(answers: &[SttOutput]) -> Vec<&str> {
    let texts = answers.iter().filter_map(|answer| match answer {
        SttOutput::Transcript { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Models with threads of their own, so that no other test keeps the threads from a partial.
fn own(threads: usize) -> Moonshine {
    let models = root().join(DEFAULT_FOLDER);
    let pool = Arc::new(WorkerPool::new(threads, 8).unwrap());
    Moonshine::load(&models, pool).unwrap().with_turn_end(TurnEnd::load(&models).unwrap())
}

#[tokio::test]
async fn a_pause_is_judged_beside_its_words() {
    for (name, share, finished) in [("lv0870", 1.0, true), ("synthetic/hibari_name", 0.55, false)] {
        let mut stream = MOONSHINE.open();
        let id = UtteranceId(1);
        say(&stream, id, &recorded(name, share)).await;
        send(&stream, SttInput::Transcribe(id)).await;
        let (mut text, mut verdict) = (None, None);
        while text.is_none() || verdict.is_none() {
            match stream.output.recv().await.unwrap() {
                SttOutput::Transcript { text: words, .. } => text = Some(words),
                SttOutput::TurnEnd { utterance, percent } => verdict = Some((utterance, percent)),
                other => panic!("{other:?}"),
            }
        }
        let (utterance, percent) = verdict.unwrap();
        assert!(utterance == id && (percent > 50) == finished, "{name}: {percent}");
        assert!(!text.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_caller_who_went_on_is_judged_by_the_later_pause_only_and_every_question_is_answered() {
    let stt = own(1);
    let mut stream = stt.open();
    let id = UtteranceId(1);
    say(&stream, id, &recorded("cards001", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    say(&stream, id, &recorded("cards003", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    let enough = |answers: &[SttOutput]| verdicts(answers) >= 1 && transcripts(answers).len() >= 2;
    let answers = answers(&mut stream, enough).await;
    let words = transcripts(&answers);
    assert_eq!((verdicts(&answers), words.len()), (1, 2), "{answers:?}");
    assert!(words[0] == words[1] && words[0].to_lowercase().contains("seven"), "{answers:?}");
}

#[tokio::test]
async fn a_discarded_utterance_is_not_judged() {
    let stt = own(1);
    let mut stream = stt.open();
    let id = UtteranceId(1);
    say(&stream, id, &recorded("cards001", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    send(&stream, SttInput::Guess(id)).await;
    send(&stream, SttInput::Discard(id)).await;
    assert!(answers(&mut stream, |_| true).await.is_empty());
}

#[tokio::test]
async fn an_utterance_that_goes_on_is_guessed_at() {
    let stt = own(1);
    let mut stream = stt.open();
    let id = UtteranceId(1);
    let line = recorded("lv0870", 1.0);
    say(&stream, id, &line[..150]).await;
    send(&stream, SttInput::Guess(id)).await;
    let Some(SttOutput::Partial { utterance, text }) = stream.output.recv().await else { panic!("no partial") };
    assert!(utterance == id && text.to_lowercase().contains("dashwood"), "{text}");
    // One that has just begun holds no word; the answer to the question is the next to come.
    let next = UtteranceId(2);
    say(&stream, next, &line[..5]).await;
    send(&stream, SttInput::Guess(next)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    assert!(matches!(stream.output.recv().await, Some(SttOutput::Transcript { utterance, .. }) if utterance == id));
}

#[tokio::test]
async fn a_guess_ends_where_the_question_begins() {
    let stt = own(1);
    let mut stream = stt.open();
    let id = UtteranceId(1);
    say(&stream, id, &recorded("lv0870", 0.8)).await;
    send(&stream, SttInput::Guess(id)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    let answers = answers(&mut stream, |answers| !transcripts(answers).is_empty()).await;
    assert!(answers.iter().all(|answer| !matches!(answer, SttOutput::Partial { .. })), "{answers:?}");
}

/// Even noise, the same in each run.
fn noise(frames: usize, amplitude: f32, shape: impl Fn(usize) -> f32) -> Vec<Frame> {
    let mut state = 0x9e37_79b9_u32;
    let mut at = 0;
    let mut sample = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        at += 1;
        encode(((state as f32 / u32::MAX as f32 * 2.0 - 1.0) * amplitude * shape(at) * 32_767.0) as i16)
    };
    (0..frames).map(|_| Frame::new(std::array::from_fn(|_| sample()))).collect()
}

#[tokio::test]
async fn noise_has_no_words() {
    let mut stream = MOONSHINE.open();
    let mut lines = Vec::new();
    for amplitude in [0.3, 0.03, 0.005] {
        for frames in [25, 75, 150] {
            lines.push(noise(frames, amplitude, |_| 1.0));
            lines.push(noise(frames, amplitude, |at| (at as f32 / 2000.0).sin().powi(2)));
            lines.push(noise(frames, amplitude, |at| if at % 2600 < 60 { 1.0 } else { 0.02 }));
        }
    }
    for (id, line) in (1..).map(UtteranceId).zip(lines) {
        say(&stream, id, &line).await;
        send(&stream, SttInput::Transcribe(id)).await;
        assert_eq!(answer(&mut stream).await, (id, String::new()));
    }
}
