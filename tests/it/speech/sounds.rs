//! Ten minutes of what is on a line beside speech: nobody may take it for a caller.

use std::f32::consts::TAU;

use redial_call::Settings;
use redial_call::audio::{FRAME_DURATION, SAMPLE_RATE_HZ};

use super::ears::{recognise, stretches};
use super::noise::{White, encode, high_pass, pink, power};

const SECOND: usize = SAMPLE_RATE_HZ as usize;
const MINUTE: usize = 60 * SECOND;

/// A minute of one kind of sound; full scale is 1.
type Sound = fn() -> Vec<f32>;

const SOUNDS: [(&str, Sound); 10] = [
    ("ringback", ringback),
    ("busy and fax tones", tones),
    ("keypad", keypad),
    ("music", music),
    ("typing", typing),
    ("breath", breath),
    ("fan", fan),
    ("hum and crackle", hum),
    ("slams", slams),
    ("rustle in an office", rustle),
];

fn sine(hz: f32, at: usize) -> f32 {
    // Reduced first: a large phase has few bits left for the wave.
    (TAU * ((hz * at as f32 / SAMPLE_RATE_HZ as f32) % 1.0)).sin()
}

/// A minute of which each sample is given.
fn minute(sample: impl FnMut(usize) -> f32) -> Vec<f32> {
    (0..MINUTE).map(sample).collect()
}

/// The same at this level, dB below full scale.
fn at_level(mut samples: Vec<f32>, dbfs: f32) -> Vec<f32> {
    let gain = 10_f32.powf(dbfs / 20.0) / power(&samples).sqrt();
    samples.iter_mut().for_each(|sample| *sample *= gain);
    samples
}

/// 440 and 480 Hz, two seconds of six (the precise tone plan of North America), as loud as the plan has it.
fn ringback() -> Vec<f32> {
    minute(|at| if at % (6 * SECOND) < 2 * SECOND { 0.08 * (sine(440.0, at) + sine(480.0, at)) } else { 0.0 })
}

/// Half a minute busy (480 and 620 Hz, half a second of one), then a calling fax (1100 Hz, half a second of 3.5).
fn tones() -> Vec<f32> {
    minute(|at| match (at < MINUTE / 2, at % SECOND < SECOND / 2, at % (7 * SECOND / 2) < SECOND / 2) {
        (true, true, _) => 0.07 * (sine(480.0, at) + sine(620.0, at)),
        (false, _, true) => 0.2 * sine(1100.0, at),
        (_, _, _) => 0.0,
    })
}

/// Keys of 60 to 200 ms with gaps of 60 to 400 ms (DTMF, ITU-T Q.23).
fn keypad() -> Vec<f32> {
    const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let mut white = White::new(3);
    let mut line = Vec::with_capacity(MINUTE + SECOND);
    while line.len() < MINUTE {
        let mut choose = || white.between(0.0, 3.99) as usize;
        let (row, column) = (ROWS[choose()], COLUMNS[choose()]);
        let [on, off] = [(60.0, 200.0), (60.0, 400.0)].map(|(from, to)| (8.0 * white.between(from, to)) as usize);
        line.extend((0..on).map(|at| 0.15 * (sine(row, at) + sine(column, at))));
        line.extend(std::iter::repeat_n(0.0, off));
    }
    line.truncate(MINUTE);
    line
}

/// Hold music as a synthesiser plays it: a bass, a chord that changes every two seconds, a melody of plucked notes, all with
/// overtones, and a beat of noise.
fn music() -> Vec<f32> {
    // Semitones from A3: A minor, F, C, G.
    const CHORDS: [[i32; 3]; 4] = [[0, 3, 7], [-4, 0, 3], [-9, -5, -2], [-2, 2, 5]];
    const MELODY: [i32; 8] = [12, 15, 14, 12, 10, 7, 10, 12];
    let hz = |semitones: i32| 220.0 * 2_f32.powf(semitones as f32 / 12.0);
    let note = |hz: f32, at: usize| (1..=4_u8).map(|n| sine(f32::from(n) * hz, at) / f32::from(n).powi(2)).sum::<f32>();
    let mut white = White::new(4);
    let line = minute(|at| {
        let (bar, eighth) = (at / (2 * SECOND), at / (SECOND / 4));
        let chord = CHORDS[bar % 4];
        let since_note = (at % (SECOND / 4)) as f32 / SAMPLE_RATE_HZ as f32;
        let melody = MELODY[(eighth + bar) % 8];
        let vibrato = 1.0 + 0.004 * sine(5.5, at);
        let beat = white.next() * (-((at % (SECOND / 2)) as f32) / 200.0).exp();
        chord.iter().map(|tone| 0.3 * note(hz(*tone), at)).sum::<f32>()
            + 0.4 * note(hz(chord[0] - 12), at)
            + 0.6 * note(hz(melody) * vibrato, at) * (-6.0 * since_note).exp()
            + 0.3 * beat
    });
    at_level(line, -20.0)
}

/// Short bursts of noise at times that `next` tells: seconds from one to the next, length in seconds, how loud.
fn bursts(seed: u64, mut next: impl FnMut(&mut White) -> (f32, f32, f32)) -> Vec<f32> {
    let mut white = White::new(seed);
    let mut line = vec![0.0; MINUTE];
    let mut at = 0.5;
    while at < 59.0 {
        let (gap, length, gain) = next(&mut white);
        let start = (at * SAMPLE_RATE_HZ as f32) as usize;
        let decay = length * SAMPLE_RATE_HZ as f32 / 3.0;
        for n in 0..(length * SAMPLE_RATE_HZ as f32) as usize {
            if let Some(sample) = line.get_mut(start + n) {
                *sample += gain * white.next() * (-(n as f32) / decay).exp();
            }
        }
        at += gap;
    }
    line
}

/// A keyboard beside the telephone: each key a click down and a softer one up.
fn typing() -> Vec<f32> {
    let mut up = false;
    let mut line = bursts(5, |white| {
        up = !up;
        if up { (white.between(0.05, 0.09), 0.008, 0.4) } else { (white.between(0.06, 0.3), 0.006, 0.2) }
    });
    high_pass(&mut line, 800.0);
    line
}

/// Somebody breathes into the microphone, every three to four seconds.
fn breath() -> Vec<f32> {
    let mut noise = pink(MINUTE, 6);
    high_pass(&mut noise, 400.0);
    for (at, sample) in noise.iter_mut().enumerate() {
        let phase = (at % (7 * SECOND / 2)) as f32 / SECOND as f32;
        // In for 1.2 s, out for 1.5 s.
        let swell = match phase {
            0.0..1.2 => 0.6 * (TAU / 2.0 * phase / 1.2).sin(),
            1.4..2.9 => (TAU / 2.0 * (phase - 1.4) / 1.5).sin(),
            _ => 0.0,
        };
        *sample *= swell.powi(2);
    }
    at_level(noise, -28.0)
}

/// A fan or a car: pink noise that swells slowly, with the blades' tone.
fn fan() -> Vec<f32> {
    let noise = at_level(pink(MINUTE, 7), -26.0);
    minute(|at| noise[at] * (1.0 + 0.3 * sine(0.2, at)) + 0.01 * sine(118.0, at))
}

/// Harmonics of the mains, 40 dB below full scale together, with crackle.
fn hum() -> Vec<f32> {
    let crackle = bursts(8, |white| (white.between(0.02, 0.8), 0.002, white.between(0.05, 0.5)));
    minute(|at| {
        let harmonics = [(60.0, 0.009), (180.0, 0.009), (300.0, 0.006), (420.0, 0.003)];
        crackle[at] + harmonics.iter().map(|(hz, gain)| gain * sine(*hz, at)).sum::<f32>()
    })
}

/// Doors and things put down: low bursts of 0.2 to 0.5 s that ring.
fn slams() -> Vec<f32> {
    let mut line = bursts(9, |white| (white.between(1.0, 3.0), white.between(0.2, 0.5), white.between(0.4, 0.9)));
    let mut low = 0.0;
    for sample in &mut line {
        low += 0.25 * (*sample - low);
        *sample = 1.5 * low;
    }
    high_pass(&mut line, 150.0);
    line
}

/// Paper and clothes on the microphone, over a fan.
fn rustle() -> Vec<f32> {
    let rustle = bursts(10, |white| (white.between(0.1, 1.2), white.between(0.03, 0.4), white.between(0.02, 0.3)));
    let fan = at_level(pink(MINUTE, 11), -40.0);
    minute(|at| rustle[at] + fan[at])
}

#[tokio::test]
async fn ten_minutes_without_speech_open_no_turn() {
    let settings = Settings::default();
    let (mut starts, mut turns) = (0, Vec::new());
    for (name, sound) in SOUNDS {
        let line = encode(&sound());
        assert_eq!(line.len(), MINUTE);
        let opened = stretches(&line);
        starts += opened.len();
        eprintln!("{name:20} {} starts", opened.len());
        for stretch in &opened {
            let words = recognise(&stretch.frames).await;
            let voiced = FRAME_DURATION * stretch.frames.len() as u32;
            // What a call takes for a turn: words, or a clear voice for so long that it asks for them.
            if !words.is_empty() || (voiced >= settings.min_unclear && !stretch.is_murmur) {
                turns.push(format!("{name}: {} ms, {words:?}", voiced.as_millis()));
            }
        }
    }
    eprintln!("{starts} starts, {} turns", turns.len());
    assert!(turns.is_empty(), "{turns:?}");
    // Where the agent speaks, each pauses it for some 600 ms.
    assert!(starts <= 30, "{starts}");
}
