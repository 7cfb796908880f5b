//! Gauges that services keep (the `metrics` facade), for whoever reads `/metrics`.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the gauges are.
const HELP: [(&str, &str); 6] = [
    ("daytrade_follower_position", "The next entry that the store does not have."),
    ("daytrade_follower_lag_entries", "Entries of the log that the store does not have."),
    ("daytrade_follower_lag_seconds", "How long ago it last had every entry; 0 while it has."),
    ("daytrade_follower_entries_per_second", "What it took lately."),
    ("daytrade_follower_attempts", "Attempts that failed since the last that did not."),
    ("daytrade_follower_state", "1 for the state it is in, 0 for the others."),
];

/// The gauges of a name, by their labels.
type Gauges = BTreeMap<String, BTreeMap<String, Arc<AtomicU64>>>;

/// The gauges.
#[derive(Clone, Default)]
pub struct Figures(Arc<Mutex<Gauges>>);

/// Keeps gauges from now on.
pub fn keep() -> Figures {
    let figures = Figures::default();
    // Only one process-wide keeper can be: a second one would keep nothing.
    let _ = metrics::set_global_recorder(figures.clone());
    figures
}

impl Figures {
    fn lock(&self) -> MutexGuard<'_, Gauges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them in the form of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, gauges) in self.lock().iter() {
            if let Some((_, help)) = HELP.iter().find(|(known, _)| known == name) {
                text.push_str(&format!("# HELP {name} {help}\n"));
            }
            text.push_str(&format!("# TYPE {name} gauge\n"));
            for (labels, gauge) in gauges {
                let value = f64::from_bits(gauge.load(Ordering::Relaxed));
                text.push_str(&format!("{name}{labels} {value}\n"));
            }
        }
        text
    }
}

/// Labels as Prometheus reads them.
fn labels(key: &Key) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let each = key.labels().map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value())));
    match each.collect::<Vec<_>>().join(",") {
        none if none.is_empty() => none,
        labels => format!("{{{labels}}}"),
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut gauges = self.lock();
        let named = gauges.entry(key.name().to_string()).or_default();
        Gauge::from_arc(named.entry(labels(key)).or_default().clone())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{gauge, with_local_recorder};

    #[test]
    fn gauges_are_told_under_their_names_and_labels() {
        let figures = Figures::default();
        with_local_recorder(&figures, || {
            gauge!("daytrade_follower_position", "store" => "postgres").set(7.0);
            gauge!("daytrade_follower_position", "store" => "elasticsearch").set(6.0);
            gauge!("daytrade_follower_position", "store" => "postgres").set(8.5);
            gauge!("daytrade_plain").set(1.0);
        });
        let text = figures.text();
        assert!(text.contains("daytrade_follower_position{store=\"postgres\"} 8.5\n"), "{text}");
        assert!(text.contains("position{store=\"elasticsearch\"} 6\n"), "{text}");
        assert!(text.contains("\ndaytrade_plain 1\n"), "{text}");
        assert_eq!(text.matches("# TYPE ").count(), 2, "each name is described once: {text}");
    }
}
