//! The status of a store as the text that Prometheus reads, for its textfile collector: the same
//! names as the followers of a running process have.

/// The names of the figures, and what they are.
const FIGURES: [(&str, &str); 4] = [
    ("daytrade_follower_position", "The next entry that the store does not have."),
    ("daytrade_follower_lag_entries", "Entries of the log that the store does not have."),
    ("daytrade_follower_lag_seconds", "From the last entry of the store to the last of the log."),
    ("daytrade_follower_entries_per_second", "What the store took when it last took any."),
];

/// The figures of each store, in the order of their names.
pub fn text(stores: &[(&str, [f64; 4])]) -> String {
    let mut text = String::new();
    for (nth, (name, help)) in FIGURES.iter().enumerate() {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for (store, figures) in stores {
            text.push_str(&format!("{name}{{store=\"{store}\"}} {}\n", figures[nth]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_a_line_that_prometheus_reads() {
        let text = text(&[
            ("postgres", [1_001.0, 0.0, 0.25, 123_456.5]),
            ("elasticsearch", [901.0, 100.0, 0.5, 20_000.0]),
        ]);
        assert!(text.contains("daytrade_follower_position{store=\"postgres\"} 1001\n"), "{text}");
        assert!(text.contains("per_second{store=\"postgres\"} 123456.5\n"), "{text}");
        assert!(text.contains("lag_entries{store=\"elasticsearch\"} 100\n"), "{text}");
        assert_eq!(text.matches("# TYPE ").count(), 4, "each name is described once");
    }
}
