//! A recorder of metrics that breaks: whatever records one dies there, wherever that is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Panics when these metrics are recorded, each as often as it is told; counts how often all were.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokenRecorder {
    breaks: Arc<Mutex<BTreeMap<String, u32>>>,
    recorded: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl BrokenRecorder {
    /// Breaks so many times where this metric is recorded, named as in `recorded`.
    pub(crate) fn breaking(self, metric: &str, times: u32) -> Self {
        self.breaks.lock().unwrap().insert(metric.to_owned(), times);
        self
    }

    /// How often a metric was recorded without breaking: its name, and the values of its labels behind a blank each.
    pub(crate) fn recorded(&self, metric: &str) -> u32 {
        self.recorded.lock().unwrap().get(metric).copied().unwrap_or(0)
    }

    fn record(&self, key: &Key) {
        let labels = key.labels().map(|label| format!(" {}", label.value())).collect::<String>();
        let metric = format!("{}{labels}", key.name());
        let breaks = {
            let mut breaks = self.breaks.lock().unwrap_or_else(PoisonError::into_inner);
            let left = breaks.get_mut(&metric).filter(|left| **left > 0);
            left.map(|left| *left -= 1).is_some()
        };
        assert!(!breaks, "{metric} cannot be recorded, as the test wants it");
        *self.recorded.lock().unwrap().entry(metric).or_default() += 1;
    }
}

impl Recorder for BrokenRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.record(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.record(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.record(key);
        Histogram::noop()
    }
}
