//! Charts as SVG by hand: horizontal positions are shares of the width, so that the same page
//! suits a wide screen, a phone and paper, and text keeps its size.

use super::page::escape;
use super::text;

/// The height of a plot in pixels, its labels left out.
const HEIGHT: f64 = 260.0;
/// The room below it for the axis and its name.
const BELOW: f64 = 40.0;

/// An axis, and where its values lie.
#[derive(Clone, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// The marked values and their texts.
    ticks: Vec<(f64, String)>,
    /// What is measured.
    name: &'static str,
}

impl Axis {
    /// An even axis with these marks.
    pub fn even(low: f64, high: f64, ticks: Vec<(f64, String)>, name: &'static str) -> Axis {
        Axis { low, high, logarithmic: false, ticks, name }
    }

    /// A logarithmic axis with these marks. `low` is above 0.
    pub fn logarithmic(low: f64, high: f64, ticks: Vec<(f64, String)>, name: &'static str) -> Axis {
        Axis { low, high, logarithmic: true, ticks, name }
    }

    /// A logarithmic axis of milliseconds that holds all of `values`, with marks at 1, 2 and 5
    /// times the powers of ten, or at these alone where they would be too many.
    pub fn of_ms(values: impl Iterator<Item = f64>, name: &'static str) -> Axis {
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = values
            .fold((f64::MAX, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if high > 0.0 { (low, high) } else { (1.0, 10.0) };
        let marks: Vec<f64> = (-3..6)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10_f64.powi(power)))
            .collect();
        let below = marks.iter().rev().find(|mark| **mark <= low * 1.000_1);
        let above = marks.iter().find(|mark| **mark >= high * 0.999_9);
        let low = below.copied().unwrap_or(low);
        let high = above.copied().unwrap_or(high).max(low * 2.0);
        let within: Vec<f64> =
            marks.into_iter().filter(|mark| (low..=high * 1.000_1).contains(mark)).collect();
        let ten = |mark: f64| (mark.log10() - mark.log10().round()).abs() < 1e-6;
        let many = within.len() > 8;
        let ticks = within
            .into_iter()
            .filter(|mark| !many || ten(*mark))
            .map(|mark| (mark, duration(mark)))
            .collect();
        Axis::logarithmic(low, high, ticks, name)
    }

    /// Where `value` lies, 0 to 1; `None` off the axis.
    fn at(&self, value: f64) -> Option<f64> {
        let share = if self.logarithmic {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (-0.000_1..=1.000_1).contains(&share).then(|| share.clamp(0.0, 1.0))
    }
}

/// Milliseconds as a mark of an axis.
fn duration(ms: f64) -> String {
    if ms < 999.0 {
        format!("{}\u{202f}ms", text::of_ms(ms))
    } else {
        format!("{}\u{202f}s", ms / 1e3)
    }
}

/// A plot of lines and dots.
pub struct Plot<'a> {
    /// The horizontal axis.
    pub x: &'a Axis,
    /// The vertical axis.
    pub y: &'a Axis,
    /// What is drawn, for those who cannot see it.
    pub label: &'a str,
    html: String,
}

impl<'a> Plot<'a> {
    /// The frame: lines at the marks, and their texts.
    pub fn new(x: &'a Axis, y: &'a Axis, label: &'a str) -> Plot<'a> {
        let mut html = String::new();
        for (value, text) in &y.ticks {
            let Some(at) = y.at(*value) else { continue };
            let top = (1.0 - at) * HEIGHT;
            html.push_str(&format!(
                "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{top:.1}\" y2=\"{top:.1}\"/>\
                 <text class=\"y\" x=\"-8\" y=\"{:.1}\">{}</text>",
                top + 4.0,
                escape(text)
            ));
        }
        for (nth, (value, text)) in x.ticks.iter().enumerate() {
            let Some(at) = x.at(*value) else { continue };
            let odd = if nth % 2 == 1 { " odd" } else { "" };
            html.push_str(&format!(
                "<line class=\"grid\" x1=\"{0}\" x2=\"{0}\" y1=\"0\" y2=\"{HEIGHT}\"/>\
                 <text class=\"x{odd}\" x=\"{0}\" y=\"{1}\">{2}</text>",
                percent(at),
                HEIGHT + 18.0,
                escape(text)
            ));
        }
        html.push_str(&format!(
            "<line class=\"base\" x1=\"0\" x2=\"100%\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/>\
             <text class=\"axis\" x=\"100%\" y=\"{}\">{}</text>",
            HEIGHT + 36.0,
            escape(x.name)
        ));
        Plot { x, y, label, html }
    }

    /// A line through `points`; it is interrupted where they leave the axes.
    pub fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        let mut draws = false;
        for (x, y) in points {
            let (Some(x), Some(y)) = (self.x.at(x), self.y.at(y)) else {
                draws = false;
                continue;
            };
            let command = if draws { 'L' } else { 'M' };
            path.push_str(&format!("{command}{:.1} {:.1}", x * 1e3, (1.0 - y) * 1e3));
            draws = true;
        }
        self.html.push_str(&format!(
            "<svg class=\"inner\" height=\"{HEIGHT}\" viewBox=\"0 0 1000 1000\" \
             preserveAspectRatio=\"none\"><path class=\"edge {class}\" d=\"{path}\"/></svg>"
        ));
    }

    /// A dot that says `tip` when it is pointed at.
    pub fn dot(&mut self, class: &str, at: (f64, f64), radius: f64, tip: &str) {
        let (Some(x), Some(y)) = (self.x.at(at.0), self.y.at(at.1)) else { return };
        self.html.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{:.1}\" r=\"{radius}\"><title>{}</title></circle>",
            percent(x),
            (1.0 - y) * HEIGHT,
            escape(tip)
        ));
    }

    /// A dashed line at a value of the horizontal axis.
    pub fn mark(&mut self, x: f64, text: &str) {
        let Some(at) = self.x.at(x) else { return };
        self.html.push_str(&format!(
            "<line class=\"mark\" x1=\"{0}\" x2=\"{0}\" y1=\"0\" y2=\"{HEIGHT}\"/>\
             <text class=\"mark\" x=\"{0}\" dx=\"6\" y=\"{1}\">{2}</text>",
            percent(at),
            HEIGHT - 8.0,
            escape(text)
        ));
    }

    /// A bar from the horizontal axis up to `y`, over a stretch of it.
    pub fn bar(&mut self, class: &str, from: f64, to: f64, y: f64, tip: &str) {
        let (Some(from), Some(to), Some(y)) = (self.x.at(from), self.x.at(to), self.y.at(y)) else {
            return;
        };
        self.html.push_str(&format!(
            "<rect class=\"{class}\" x=\"{}\" width=\"{}\" y=\"{:.1}\" height=\"{:.1}\" rx=\"2\">\
             <title>{}</title></rect>",
            percent(from),
            percent(to - from),
            (1.0 - y) * HEIGHT,
            y * HEIGHT,
            escape(tip)
        ));
    }

    /// The plot as markup.
    pub fn finish(self) -> String {
        format!(
            "<svg class=\"plot\" role=\"img\" aria-label=\"{}\" height=\"{}\">{}</svg>\n",
            escape(self.label),
            HEIGHT + BELOW,
            self.html
        )
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// Marks at every `step` from 0 to `high`, in words.
pub fn steps(high: f64, step: f64, words: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let count = (high / step + 1e-6).floor() as u32;
    (0..=count.min(100)).map(|nth| f64::from(nth) * step).map(|at| (at, words(at))).collect()
}

/// A round step that marks an axis up to `high` about five times.
pub fn round_step(high: f64) -> f64 {
    if !high.is_finite() || high <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf((high / 5.0).log10().floor());
    let fits = |times: &f64| times * power * 5.0 >= high * 0.999_9;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_no_number_reaches_the_page() {
        let x = Axis::of_ms([8.0, f64::NAN, 4_000.0, 0.0].into_iter(), "time");
        let y = Axis::even(0.0, 1.0, steps(1.0, 0.5, |at| at.to_string()), "share");
        let mut plot = Plot::new(&x, &y, "a plot of <nothing>");
        plot.line("wait", [(9.0, 0.5), (f64::NAN, 0.5), (0.0, 1.0), (1e9, 0.2), (10.0, 1.0)]);
        plot.dot("wait", (f64::INFINITY, 0.5), 3.0, "far away");
        let html = plot.finish();
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        assert!(html.contains("&lt;nothing&gt;"));
        assert_eq!(html.matches('M').count(), 2, "one move for each piece of the line: {html}");
    }

    #[test]
    fn an_axis_holds_its_values_and_has_a_handful_of_marks() {
        for (low, high) in [(9.0, 9.0), (8.0, 60.0), (7.0, 4_000.0), (0.4, 60_000.0)] {
            let axis = Axis::of_ms([low, high].into_iter(), "time");
            assert!(axis.at(low).is_some() && axis.at(high).is_some(), "{axis:?}");
            assert!((2..=12).contains(&axis.ticks.len()), "{axis:?}");
        }
        assert!(Axis::of_ms(std::iter::empty(), "time").ticks.len() > 1);
    }

    #[test]
    fn steps_are_round() {
        for (high, step) in [(100.0, 20.0), (508.0, 200.0), (7.0, 2.0), (0.3, 0.1), (0.0, 1.0)] {
            assert!((round_step(high) - step).abs() < 1e-9, "{high}: {}", round_step(high));
        }
    }
}
