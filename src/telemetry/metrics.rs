//! Every metric of ours in one table: what it counts, in which unit, and which labels it may have.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// How often what histograms were told is counted into their buckets. Until then each value is held by itself, also while
/// nobody asks for `/metrics`.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Bounds in seconds for what a caller must not notice: disk, store, models. A call start's lookup has 0.15 s.
const INSTANTS: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.5, 5.0];
/// Bounds in seconds for what a caller waits for.
const WAITS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0];

/// The priorities of the models' threads.
const PRIORITIES: &[&str] = &["final", "turn", "partial"];

/// The threads and tasks that must not end.
const PARTS: &[&str] = &[
    "public listener",
    "operators listener",
    "sweeper",
    "orphans",
    "outbox",
    "journal",
    "sqlite",
    "redis",
    "speech",
    "upkeep",
];

/// Every metric that is recorded anywhere.
const METRICS: &[Metric] = &[
    gauge("redial_build_info", Unit::Count, "Always 1; its label is the version that runs.")
        .with("version", &[env!("CARGO_PKG_VERSION")]),
    // calls
    gauge("redial_calls", Unit::Count, "Calls that ring or are live in this process, as of some seconds ago."),
    counter("redial_calls_total", "Calls that were answered, each time they were taken up again included."),
    counter("redial_calls_resumed_total", "Calls that went on after their stream or their process had ended."),
    counter("redial_calls_refused_total", "Calls that were declined before they were answered.").with(
        "reason",
        &[
            "full",
            "overloaded",
            "caller_busy",
            "shutting_down",
            "data_dir_gone",
            "part_failing",
            "too_many_legs",
            "had_before",
        ],
    ),
    counter("redial_panics_total", "Calls that ended by a fault of this program. Must stay 0."),
    counter(
        "redial_restarts_total",
        "Threads and tasks of this program that died and were started again. Should stay 0.",
    )
    .with("part", PARTS),
    // the carrier's side
    gauge("redial_connections", Unit::Count, "Connections that are open, calls as well.")
        .with("listener", &["public", "operators"]),
    counter("redial_connections_timed_out_total", "Connections that kept us waiting for too long.")
        .with("phase", &["first_byte", "head", "body", "handler", "answer", "idle", "start"]),
    counter("redial_connections_shed_total", "Connections that were dropped because there was no room for them."),
    counter("redial_signatures_refused_total", "Webhooks and streams with a missing or wrong signature."),
    counter("redial_tokens_refused_total", "Streams with a wrong, used or expired token."),
    counter("redial_refused_messages_total", "Messages of a media stream that were ignored.")
        .with("what", &["undecodable", "binary", "other_stream", "start", "outbound media"]),
    counter("redial_shed_messages_total", "Messages of a media stream for which there was no time: it sent too much.")
        .with("what", &["audio", "other"]),
    counter("redial_streams_of_other_instances_total", "Streams of calls whose webhook another instance answered."),
    counter("redial_stream_faults_total", "Media streams that ended because the peer broke the framing.")
        .with("what", &["protocol error", "not UTF-8", "message too big"]),
    counter("redial_stalls_total", "Times that a call's line, or this process, stood still and went on.")
        .with("what", &["line", "process"]),
    counter("redial_sequence_gaps_total", "Messages of media streams that never came."),
    counter("redial_api_refused_total", "Requests to the operators' API without the right token."),
    // how long callers wait
    histogram("redial_lookup_seconds", INSTANTS, "From the webhook to the caller's memory, or to going on without it."),
    histogram("redial_turn_latency_seconds", WAITS, "From the end of a caller's speech to the answer's first audio."),
    histogram(
        "redial_filler_latency_seconds",
        WAITS,
        "From the end of a caller's speech to what covers for a late answer.",
    ),
    histogram("redial_audio_lateness_seconds", INSTANTS, "How long after its time a piece of audio was sent."),
    // models
    gauge("redial_speech_load", Unit::Count, "How busy the speech models are: 0 ample, 1 tight, 2 full."),
    histogram("redial_speech_wait_seconds", INSTANTS, "How long a job waited for a thread of the speech models.")
        .with("priority", PRIORITIES),
    counter("redial_speech_overloaded_total", "Jobs that the speech models had no room for.")
        .with("priority", PRIORITIES),
    counter("redial_stt_dropped_total", "Frames that the recogniser did not take in time."),
    counter("redial_stt_deaths_total", "Recognisers that died in the middle of a call and were opened again."),
    counter("redial_realtime_dropped_total", "Frames and words that the speech-to-speech model did not take in time."),
    counter(
        "redial_realtime_deaths_total",
        "Speech-to-speech models that died in the middle of a call and were opened again.",
    ),
    counter("redial_provider_errors_total", "Failures of what hears, speaks or answers.")
        .with("part", &["stt", "agent", "tts", "realtime"]),
    counter("redial_replies_total", "Answers of the agent that came to their end, by how.")
        .with("end", &["done", "too_long", "refused"]),
    counter("redial_tokens_total", "Tokens that answers have cost, as far as vendors tell.")
        .with("what", &["input", "output"]),
    counter("redial_tool_runs_total", "Runs of tools that have returned.")
        .with("outcome", &["done", "failed", "panicked"]),
    counter("redial_carrier_orders_total", "Calls that the carrier's API was told to end.")
        .with("outcome", &["done", "gone", "failed"]),
    counter("redial_desk_not_understood_total", "Turns whose meaning could not be worked out: taken for a message."),
    counter("redial_agent_fallbacks_total", "Answers that the built-in agent gave for another one."),
    // memory
    counter("redial_memory_errors_total", "Callers who were greeted as strangers because memory did not answer.")
        .with("operation", &["begin_call"]),
    counter("redial_facts_refused_total", "Facts of a model's summary that were not taken in.")
        .with("reason", &["key", "text", "turn", "unsupported", "secret", "instruction"]),
    histogram("redial_journal_seconds", INSTANTS, "How long a batch of turns took to be on the disk."),
    gauge("redial_journal_degraded", Unit::Count, "1 while the disk does not take what is said, else 0."),
    counter("redial_damaged_rows_total", "Rows of journal and outbox that were damaged and put aside."),
    counter("redial_damaged_file_total", "Times that the file of journal and outbox was found damaged as a whole."),
    counter("redial_dead_letters_total", "Deliveries that were put aside because they cannot be made."),
    counter("redial_mirror_dropped_total", "Turns that were not shown to other instances, for want of room."),
    counter("redial_turns_unkept_total", "Turns beyond the most that one call keeps."),
    counter("redial_turns_shortened_total", "Turns that were longer than one may be, and were cut."),
    counter("redial_sessions_lost_total", "Calls whose words could be kept nowhere. Must stay 0."),
    gauge("redial_outbox_waiting", Unit::Count, "Deliveries that wait."),
    gauge("redial_outbox_dead", Unit::Count, "Deliveries that were put aside and wait for somebody."),
    gauge("redial_spool_bytes", Unit::Bytes, "Size of the file of journal and outbox."),
];

/// One metric.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
    /// Its label, and all values that it may have.
    label: Option<(&'static str, &'static [&'static str])>,
}

#[derive(Debug)]
enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, help, label: None }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, label: None }
}

/// In seconds.
const fn histogram(name: &'static str, bounds_s: &'static [f64], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(bounds_s), unit: Unit::Seconds, help, label: None }
}

impl Metric {
    const fn with(self, label: &'static str, values: &'static [&'static str]) -> Self {
        Self { label: Some((label, values)), ..self }
    }

    /// Says what it is, and makes it appear before anything is recorded: an alert on what is not there never fires.
    fn introduce(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.unit, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.unit, self.help),
            Kind::Histogram(_) => metrics::describe_histogram!(self.name, self.unit, self.help),
        }
        match self.label {
            None => self.register(&[]),
            Some((label, values)) => values.iter().for_each(|value| self.register(&[(label, *value)])),
        }
    }

    fn register(&self, labels: &[(&'static str, &'static str)]) {
        match self.kind {
            Kind::Counter => drop(metrics::counter!(self.name, labels)),
            Kind::Gauge => drop(metrics::gauge!(self.name, labels)),
            Kind::Histogram(_) => drop(metrics::histogram!(self.name, labels)),
        }
    }
}

/// Starts counting; what is counted before is lost. A second call changes nothing.
pub(crate) fn install() {
    if recorder().is_none() {
        tracing::warn!("another metrics recorder is installed: /metrics stays empty");
    }
}

/// Everything that was counted, in Prometheus' text format. No label names a caller.
pub(crate) fn render() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

/// Keeps what histograms hold small, until `stop`.
pub(crate) async fn keep_up(stop: CancellationToken) {
    let Some(recorder) = recorder() else { return stop.cancelled().await };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(UPKEEP_EVERY) => recorder.run_upkeep(),
        }
    }
}

/// The process's metrics; `None` when another recorder was installed before.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = builder().ok()?.install_recorder().ok()?;
            METRICS.iter().for_each(Metric::introduce);
            metrics::gauge!("redial_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            Some(recorder)
        })
        .as_ref()
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    METRICS.iter().try_fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        Kind::Histogram(bounds_s) => builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds_s),
        Kind::Counter | Kind::Gauge => Ok(builder),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::super::tests::sources;
    use super::*;

    /// The macros that record, and the first two texts in each: a metric's name and, where it has one, its label.
    fn recorded() -> BTreeSet<(&'static str, String, Option<String>)> {
        let mut found = BTreeSet::new();
        for path in sources().into_iter().filter(|path| !path.ends_with("telemetry/metrics.rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            for kind in ["counter", "gauge", "histogram"] {
                for call in text.split(&format!("{kind}!(")).skip(1) {
                    let call = &call[..call.find(')').unwrap()];
                    let mut texts = call.split('"').skip(1).step_by(2).map(str::to_owned);
                    let name = texts.next().unwrap_or_else(|| panic!("a name is expected in {kind}!({call}"));
                    found.insert((kind, name, texts.next()));
                }
            }
        }
        found
    }

    #[test]
    fn every_metric_that_is_recorded_is_in_the_table_and_no_other() {
        let table: BTreeSet<_> = METRICS
            .iter()
            .filter(|metric| metric.name != "redial_build_info")
            .map(|metric| {
                let kind = match metric.kind {
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                    Kind::Histogram(_) => "histogram",
                };
                (kind, metric.name.to_owned(), metric.label.map(|(label, _)| label.to_owned()))
            })
            .collect();
        assert_eq!(recorded(), table);
    }

    #[test]
    fn names_say_the_unit_and_what_is_counted() {
        for Metric { name, kind, unit, help, .. } in METRICS {
            assert!(name.starts_with("redial_"), "{name}");
            assert_eq!(name.ends_with("_total"), matches!(kind, Kind::Counter), "{name}");
            assert_eq!(name.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
            assert_eq!(name.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
            assert!(help.ends_with('.') && help.len() > 10, "{name}: {help}");
        }
        for bounds in [INSTANTS, WAITS] {
            assert!(bounds.is_sorted());
        }
    }

    #[test]
    fn every_metric_that_a_document_names_is_there() {
        for document in ["README.md", "docs/alerts.yml"] {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
            let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
            let mut named = 0;
            for name in text.split(|c| !is_part(c)).filter(|word| word.starts_with("redial_")) {
                let name = name.trim_end_matches("_bucket");
                assert!(METRICS.iter().any(|metric| metric.name == name), "{name} of {document}");
                named += 1;
            }
            assert!(named > 5, "{document}");
        }
    }

    #[test]
    fn before_anything_happens_every_metric_is_there_with_its_help_its_type_and_zero() {
        install();
        let text = render();
        let line_of = |what: &str, name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("# {what} {name} ")));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        for metric in METRICS {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            assert_eq!(line_of("HELP", metric.name), [metric.help], "{text}");
            assert_eq!(line_of("TYPE", metric.name), [kind], "{text}");
        }
        let values: BTreeMap<&str, f64> = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())).unwrap())
            .collect();
        for series in [
            "redial_calls_total",
            "redial_calls_refused_total{reason=\"full\"}",
            "redial_outbox_waiting",
            "redial_sessions_lost_total",
            "redial_turn_latency_seconds_bucket{le=\"+Inf\"}",
            "redial_turn_latency_seconds_count",
        ] {
            assert_eq!(values.get(series), Some(&0.0), "{series} in {text}");
        }
        assert!(!text.contains("quantile="), "{text}");
        // Tests share the process under another runner, and may have counted.
        let described = |name: &&str| METRICS.iter().any(|metric| name.starts_with(metric.name));
        assert!(values.keys().all(described), "{text}");
    }
}
