//! The page of an experiment: its frame and its tables. One file, no network, light and dark.

use ::workload::report::BASE_STYLE;
pub use ::workload::report::escape;

const STYLE: &str = include_str!("page.css");

/// A page that grows from top to bottom.
pub struct Page {
    html: String,
}

/// One of the figures under the headline.
pub struct Tile<'a> {
    /// What it is.
    pub name: &'a str,
    /// The figure.
    pub value: String,
    /// What qualifies it.
    pub note: String,
    /// Whose colour it has.
    pub class: &'a str,
}

impl Page {
    /// Begins with the headline: a figure, what it is, and a sentence.
    pub fn new(eyebrow: &str, figure: &str, of: &str, lead: &str) -> Page {
        let mut html = String::with_capacity(128 * 1024);
        html.push_str(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; img-src data:\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n",
        );
        let (eyebrow, figure, of) = (escape(eyebrow), escape(figure), escape(of));
        html.push_str(&format!(
            "<title>{figure} {of} – daytrade experiment</title>\n<style>\n{BASE_STYLE}{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<header>\n<p class=\"eyebrow\">daytrade experiment <span>{eyebrow}</span></p>\n\
             <h1><strong>{figure}</strong> <span>{of}</span></h1>\n<p class=\"lead\">{}</p>\n",
            escape(lead)
        ));
        Page { html }
    }

    /// The figures that qualify the headline; they end the header.
    pub fn tiles(&mut self, tiles: &[Tile<'_>]) {
        self.html.push_str("<dl class=\"tiles\">\n");
        for Tile { name, value, note, class } in tiles {
            self.html.push_str(&format!(
                "<div class=\"{class}\"><dt>{}</dt><dd>{}</dd><dd class=\"note\">{}</dd></div>\n",
                escape(name),
                escape(value),
                escape(note)
            ));
        }
        self.html.push_str("</dl>\n</header>\n");
    }

    /// A section: `inside` is markup.
    pub fn section(&mut self, heading: &str, note: &str, inside: &str) {
        self.html.push_str(&format!(
            "<section>\n<h2>{}</h2>\n<p class=\"note\">{}</p>\n{inside}</section>\n",
            escape(heading),
            escape(note)
        ));
    }

    /// What `build` adds stands side by side where there is room.
    pub fn side_by_side(&mut self, build: impl FnOnce(&mut Page)) {
        self.html.push_str("<div class=\"pair\">\n");
        build(self);
        self.html.push_str("</div>\n");
    }

    /// Ends the page.
    pub fn finish(mut self) -> String {
        self.html.push_str("</main>\n</body>\n</html>\n");
        self.html
    }
}

/// A row of a table: its cells as text, and a class.
pub struct Row {
    /// The cells.
    pub cells: Vec<String>,
    /// Whose colour it has, or `chosen`.
    pub class: String,
}

/// A table whose first `names` columns are texts and the others figures.
pub fn table(head: &[&str], names: usize, rows: &[Row]) -> String {
    let class = |column: usize| if column < names { " class=\"name\"" } else { "" };
    let mut html = String::from(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures\">\n\
         <table>\n<thead><tr>",
    );
    for (column, cell) in head.iter().enumerate() {
        html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(column), escape(cell)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str(&format!("<tr class=\"{}\">", row.class));
        for (column, cell) in row.cells.iter().enumerate() {
            let tag = if column == 0 { "th scope=\"row\"" } else { "td" };
            let end = if column == 0 { "th" } else { "td" };
            let mark = if column == 0 { "<i></i>" } else { "" };
            html.push_str(&format!("<{tag}{}>{mark}{}</{end}>", class(column), escape(cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
    html
}

/// Names and what they stand for, in two columns.
pub fn facts(facts: &[(&str, String)]) -> String {
    let mut html = String::from("<dl class=\"facts\">\n");
    for (name, value) in facts {
        html.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)));
    }
    html.push_str("</dl>\n");
    html
}

/// A legend: classes and their names.
pub fn legend(entries: &[(&str, &str)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(class, name)| format!("<span class=\"{class}\"><i></i>{}</span>", escape(name)))
        .collect();
    format!("<p class=\"legend\">{entries}</p>\n")
}
