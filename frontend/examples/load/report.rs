//! What was measured, for people and programs.

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Named figures, in order.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, Value, String)>);

impl Report {
    /// A figure as it stands.
    pub(crate) fn put(&mut self, name: &str, value: impl Into<Value>, shown: impl Into<String>) {
        self.0.push((name.to_string(), value.into(), shown.into()));
    }

    /// A count.
    pub(crate) fn count(&mut self, name: &str, count: u64) {
        self.put(name, count, grouped(count));
    }

    /// A rate a second.
    pub(crate) fn rate(&mut self, name: &str, count: u64, during: Duration) {
        let rate = (count as f64 / during.as_secs_f64()).round() as u64;
        self.put(name, rate, format!("{}/s", grouped(rate)));
    }

    /// Percentiles of microseconds.
    pub(crate) fn times(&mut self, name: &str, times: &Histogram<u64>) {
        let at = |quantile| times.value_at_quantile(quantile);
        let shown = |us: u64| format!("{:.2}", us as f64 / 1000.0);
        let value = json!({
            "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "p999_us": at(0.999),
            "max_us": times.max()
        });
        let text = format!(
            "p50 {}   p90 {}   p99 {}   p99.9 {}   max {} ms",
            shown(at(0.5)),
            shown(at(0.9)),
            shown(at(0.99)),
            shown(at(0.999)),
            shown(times.max())
        );
        self.put(name, value, text);
    }

    /// Prints it.
    pub(crate) fn print(&self, as_json: bool) {
        if as_json {
            let object: Map<String, Value> = self
                .0
                .iter()
                .map(|(name, value, _)| (name.replace([' ', '-'], "_"), value.clone()))
                .collect();
            println!("{}", Value::Object(object));
            return;
        }
        let width = self.0.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        println!();
        for (name, _, shown) in &self.0 {
            println!("  {name:width$}  {shown}");
        }
        println!();
    }
}

/// A histogram of microseconds.
#[allow(clippy::expect_used, reason = "the crate takes these bounds and every such precision")]
pub(crate) fn times() -> Histogram<u64> {
    Histogram::new_with_max(600_000_000, 3).expect("ten minutes, three digits")
}

/// The load of the machine over the last minute, whoever causes it.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_string()
}

/// A number that people can read.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
