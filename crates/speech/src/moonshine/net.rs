//! The nets: an encoder over the audio, keys and values for the decoder to attend to, and the decoder, one token a step.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use redial_call::audio::SAMPLE_RATE_HZ;
use redial_provider::{BoxError, ProviderError};
use rten::{Model, ModelOptions, NodeId, RunError, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use serde::Deserialize;

use crate::joined::joined;
use crate::models::{self, ModelError};
use crate::pool::Worker;
use crate::resample;

const ENCODER: &str = "moonshine-tiny-en/encoder.onnx";
const CROSS: &str = "moonshine-tiny-en/cross_kv.onnx";
const DECODER: &str = "moonshine-tiny-en/decoder.onnx";
const VOCABULARY: &str = "moonshine-tiny-en/tokenizer.json";

/// Tokens that open and close a text.
const START: i32 = 1;
const END: i32 = 2;
/// English has fewer tokens a second than this; the bound is the model's authors'. More of them are a decoder that has
/// lost its way.
const TOKENS_PER_SECOND: f32 = 6.5;
/// Tokens that any audio may have, so that a short "yes." is not cut.
const TOKENS_AT_LEAST: usize = 3;
/// Attention heads and the width of each, as the decoder's caches are shaped.
const HEADS: usize = 8;
const HEAD_WIDTH: usize = 36;
/// Audio shorter than 100 ms holds no word, and the encoder's first convolutions need some of it.
const SHORTEST: usize = SAMPLE_RATE_HZ as usize / 10;

/// Words of which the decoder is less sure than this, as the mean log-probability of its tokens, are listened for once more.
/// Of our recordings one in five is on a good line, and half are in noise.
const DOUBTFUL: f32 = -0.25;
/// The silence around the audio at the second hearing, in samples: 100 ms before it and 200 ms after it. What the net makes of doubtful
/// audio hangs on how it lies under its convolutions, so another lie is another opinion; the surer one counts. In noise
/// that leaves 13 % of the words wrong instead of 15.5 % (our measurement, 7 times 272 words).
const SILENCE_BEFORE: usize = SAMPLE_RATE_HZ as usize / 10;
const SILENCE_AFTER: usize = SAMPLE_RATE_HZ as usize / 5;
/// The longest audio that is heard twice: 8 s. More would take too long.
const LONGEST_TWICE: usize = 8 * SAMPLE_RATE_HZ as usize;

/// The three nets and the vocabulary.
pub(super) struct Net {
    encoder: Part,
    cross: Part,
    decoder: Part,
    vocabulary: Vocabulary,
    /// What the decoder wants, in its order.
    wants: Vec<Want>,
    /// Which of the decoder's caches each output of `cross` fills, and each output of the decoder after its first.
    cross_fills: Vec<usize>,
    decoder_fills: Vec<usize>,
    caches: usize,
}

/// An input of the decoder.
#[derive(Clone, Copy)]
enum Want {
    Token,
    Mask,
    Hidden,
    Cache(usize),
}

impl Net {
    pub(super) fn load(folder: &Path) -> Result<Self, ModelError> {
        let (decoder, encoder, cross) = thread::scope(|scope| {
            let encoder = scope.spawn(|| Part::load(folder, ENCODER));
            let cross = scope.spawn(|| Part::load(folder, CROSS));
            (Part::load(folder, DECODER), joined(encoder), joined(cross))
        });
        let (decoder, encoder, cross) = (decoder?, encoder?, cross?);
        let vocabulary = Vocabulary::load(folder)?;

        let mut caches = HashMap::new();
        let wants = decoder.input_names.iter().map(|name| match name.as_str() {
            "input_ids" => Ok(Want::Token),
            "encoder_attention_mask" => Ok(Want::Mask),
            "encoder_hidden_states" => Ok(Want::Hidden),
            cache => {
                let suffix = cache.strip_prefix("past_key_values").ok_or_else(|| unknown(DECODER, cache))?;
                let count = caches.len();
                Ok(Want::Cache(*caches.entry(suffix.to_owned()).or_insert(count)))
            }
        });
        let wants = wants.collect::<Result<_, _>>()?;
        let fills = |file, names: &[String]| {
            let slots = names.iter().map(|name| {
                let slot = name.strip_prefix("present").and_then(|suffix| caches.get(suffix));
                slot.copied().ok_or_else(|| unknown(file, name))
            });
            slots.collect::<Result<Vec<_>, _>>()
        };
        let cross_fills = fills(CROSS, &cross.output_names)?;
        let decoder_fills = fills(DECODER, decoder.output_names.get(1..).unwrap_or_default())?;
        Ok(Self { encoder, cross, decoder, vocabulary, wants, cross_fills, decoder_fills, caches: caches.len() })
    }

    /// The words in `samples` (8000 Hz, full scale 1.0); empty when there are none, or when the work was cancelled. Doubtful ones
    /// are listened for twice if there is time.
    pub(super) fn transcribe(&self, samples: &[f32], worker: &Worker<'_>) -> Result<String, ProviderError> {
        if samples.len() < SHORTEST {
            return Ok(String::new());
        }
        // Entered once here, so that the net is not handed to that thread anew for each token.
        let heard = worker.rten().run(|| {
            let first = self.decode(samples, worker)?;
            if first.sureness >= DOUBTFUL || samples.len() > LONGEST_TWICE || !worker.has_time() {
                return Ok(first);
            }
            let before = [0.0; SILENCE_BEFORE];
            let after = [0.0; SILENCE_AFTER];
            let second = self.decode(&[&before, samples, &after].concat(), worker)?;
            Ok(if second.sureness > first.sureness { second } else { first })
        });
        heard.map(|heard| self.vocabulary.text(&heard.tokens)).map_err(ProviderError::Other)
    }

    fn decode(&self, samples: &[f32], worker: &Worker<'_>) -> Result<Heard, BoxError> {
        let rten = worker.rten();
        let doubled = resample::double(samples);
        let len = doubled.len();
        let mask = Tensor::from_data(&[1, len], vec![1_i32; len]);
        let audio = Tensor::from_data(&[1, len], doubled);
        let encoded = self.encoder.run(vec![audio.view().into(), mask.view().into()], rten)?;
        let hidden = tensor(encoded.into_iter().next())?;

        let mut caches = vec![Tensor::from_data(&[1, HEADS, 0, HEAD_WIDTH], Vec::<f32>::new()); self.caches];
        let crossed = self.cross.run(vec![hidden.view().into()], rten)?;
        for (&slot, value) in self.cross_fills.iter().zip(crossed) {
            caches[slot] = tensor(Some(value))?;
        }

        let seconds = samples.len() as f32 / SAMPLE_RATE_HZ as f32;
        let most = (seconds * TOKENS_PER_SECOND) as usize + TOKENS_AT_LEAST;
        let (mut tokens, mut last) = (Vec::new(), START);
        let (mut sureness, mut steps) = (0.0, 0.0);
        while tokens.len() < most && !worker.is_cancelled() {
            let token = Tensor::from_data(&[1, 1], vec![last]);
            let inputs = self.wants.iter().map(|want| match *want {
                Want::Token => token.view().into(),
                Want::Mask => mask.view().into(),
                Want::Hidden => hidden.view().into(),
                Want::Cache(slot) => caches[slot].view().into(),
            });
            let mut outputs = self.decoder.run(inputs.collect(), rten)?.into_iter();
            let log_probability;
            (last, log_probability) = likeliest(&tensor(outputs.next())?);
            sureness += log_probability;
            steps += 1.0;
            if last == END {
                break;
            }
            for (&slot, value) in self.decoder_fills.iter().zip(outputs) {
                caches[slot] = tensor(Some(value))?;
            }
            tokens.push(last);
            if let Some(keep) = before_loop(&tokens) {
                tokens.truncate(keep);
                break;
            }
        }
        Ok(Heard { tokens, sureness: sureness / f32::max(steps, 1.0) })
    }
}

/// What one hearing came to.
struct Heard {
    tokens: Vec<i32>,
    /// The mean log-probability of the tokens and the end.
    sureness: f32,
}

/// One net, with its inputs and outputs by name.
struct Part {
    model: Model,
    inputs: Vec<NodeId>,
    input_names: Vec<String>,
    outputs: Vec<NodeId>,
    output_names: Vec<String>,
}

impl Part {
    fn load(folder: &Path, file: &str) -> Result<Self, ModelError> {
        let bytes = models::load(folder, file)?;
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
            .map_err(|error| ModelError::Rejected { file: file.to_owned(), source: error.into() })?;
        let names = |ids: &[NodeId]| {
            let name = |id: &NodeId| Some(model.node_info(*id)?.name()?.to_owned());
            ids.iter().map(|id| name(id).unwrap_or_default()).collect()
        };
        let (inputs, outputs) = (model.input_ids().to_vec(), model.output_ids().to_vec());
        Ok(Self { input_names: names(&inputs), output_names: names(&outputs), inputs, outputs, model })
    }

    /// Runs the net; `values` are in the order of its inputs.
    fn run(&self, values: Vec<ValueOrView<'_>>, rten: &Arc<ThreadPool>) -> Result<Vec<Value>, RunError> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(rten)));
        self.model.run(self.inputs.iter().copied().zip(values).collect(), &self.outputs, Some(options))
    }
}

fn unknown(file: &str, name: &str) -> ModelError {
    ModelError::Rejected { file: file.to_owned(), source: format!("`{name}` is not known").into() }
}

fn tensor(value: Option<Value>) -> Result<Tensor<f32>, BoxError> {
    Ok(value.ok_or("an output is missing")?.try_into()?)
}

fn likeliest(logits: &Tensor<f32>) -> (i32, f32) {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let Some((token, &best)) = best else { return (END, 0.0) };
    let others: f32 = logits.iter().map(|logit| (logit - best).exp()).sum();
    (i32::try_from(token).unwrap_or(END), -others.ln())
}

/// Notices a decoder that repeats itself for ever: the same tokens, up to 12 of them, six times over and at least eight in all.
/// People do say "no, no, no" and "zero zero zero zero", but not that long. Answers how many tokens to keep: those up to the
/// second round.
fn before_loop(tokens: &[i32]) -> Option<usize> {
    const ROUNDS: usize = 6;
    const LONGEST: usize = 12;
    const AT_LEAST: usize = 8;
    (1..=LONGEST).find_map(|period| {
        let len = (period * ROUNDS).max(AT_LEAST);
        let tail = &tokens[tokens.len().checked_sub(len)?..];
        tail[period..].iter().eq(&tail[..len - period]).then(|| tokens.len() - len + period)
    })
}

/// What each token writes.
struct Vocabulary(Vec<Vec<u8>>);

#[derive(Deserialize)]
struct Tokenizer {
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: HashMap<String, usize>,
}

impl Vocabulary {
    fn load(folder: &Path) -> Result<Self, ModelError> {
        let bytes = models::load(folder, VOCABULARY)?;
        let tokenizer: Tokenizer = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Rejected { file: VOCABULARY.to_owned(), source: error.into() })?;
        let vocab = tokenizer.model.vocab;
        let mut tokens = vec![Vec::new(); vocab.len()];
        for (token, id) in vocab {
            if let Some(place) = tokens.get_mut(id) {
                *place = written(&token);
            }
        }
        Ok(Self(tokens))
    }

    fn text(&self, tokens: &[i32]) -> String {
        let written = tokens.iter().filter_map(|&token| self.0.get(usize::try_from(token).ok()?));
        let bytes = written.flatten().copied().collect::<Vec<u8>>();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// A token's bytes: `▁` stands for a space, `<0x0A>` for one byte, `<s>` and the like for nothing.
fn written(token: &str) -> Vec<u8> {
    match token {
        "<unk>" | "<s>" | "</s>" => return Vec::new(),
        _ => (),
    }
    let byte = token.strip_prefix("<0x").and_then(|hex| hex.strip_suffix('>'));
    match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => vec![byte],
        None => token.replace('▁', " ").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_repeats_itself_is_stopped() {
        let mut tokens = vec![5, 6, 7];
        for _ in 0..5 {
            tokens.extend([40, 41]);
            assert_eq!(before_loop(&tokens), None);
        }
        tokens.extend([40, 41]);
        assert_eq!(before_loop(&tokens), Some(5));
        assert_eq!(before_loop(&[9, 9, 9, 9, 9, 9, 9]), None);
        assert_eq!(before_loop(&[1, 9, 9, 9, 9, 9, 9, 9, 9]), Some(2));
        assert_eq!(before_loop(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]), None);
    }

    #[test]
    fn tokens_write_spaces_bytes_or_nothing() {
        assert_eq!(written("▁call"), b" call");
        assert_eq!(written("<0xE2>"), [0xe2]);
        assert_eq!(written("</s>"), b"");
        assert_eq!(written("<'"), b"<'");
    }

    #[test]
    fn text_that_is_not_utf8_is_no_failure() {
        let vocabulary = Vocabulary(vec![vec![0xff], b" a".to_vec()]);
        assert_eq!(vocabulary.text(&[1, 0, -4, 99]), "a\u{fffd}");
    }
}
