//! A file made of the log, a few hundred kilobytes at a time, each time from where the last ended.

use super::trail::broken;
use crate::audit::records::{csv_head, put_csv, put_json};
use audit_logger::query::source::QueryError;
use audit_logger::query::{Filter, Order, Record, Source};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use frontend::trail::Export;
use frontend::{ExportForm, TrailFault};
use std::ops::ControlFlow;

/// Bytes that are made at a time.
const BATCH: usize = 256 << 10;

/// Entries that are looked at for them, at least.
const WINDOW: u64 = 512;

/// By how much more entries are looked at where few fitted.
const GROWTH: u64 = 8;

/// The export.
pub(super) struct LogExport {
    source: Source,
    filter: Filter,
    form: ExportForm,
    server: String,
    /// The first and last entry that were not looked at yet.
    next: u64,
    last: u64,
    window: u64,
    is_begun: bool,
    is_ended: bool,
}

/// What was made of a part of the log.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    renderer: Option<Renderer>,
    /// The entry behind the last one that is in it.
    next: u64,
    /// It is full: more entries fitted.
    is_full: bool,
}

impl LogExport {
    /// The entries of `source` that fit `filter`.
    pub(super) fn new(source: Source, filter: Filter, form: ExportForm, server: &str) -> LogExport {
        let (next, last) = (source.first().max(*filter.entries.start()), *filter.entries.end());
        LogExport {
            source,
            filter,
            form,
            server: server.to_string(),
            next,
            last,
            window: WINDOW,
            is_begun: false,
            is_ended: false,
        }
    }

    /// Looks at the next entries.
    fn look(&mut self, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let from = self.next;
        let to = from.saturating_add(self.window - 1).min(self.last);
        self.filter.entries = from..=to;
        let (form, server) = (self.form, self.server.as_str());
        let mut stopped = None;
        self.source.scan(
            &self.filter,
            Order::OldestFirst,
            usize::MAX,
            |part: &mut Part, number, entry| {
                if part.bytes.len() >= BATCH {
                    part.is_full = true;
                    return;
                }
                part.next = number + 1;
                match form {
                    ExportForm::Xml => {
                        let renderer = part.renderer.get_or_insert_with(|| Renderer::new(server));
                        renderer.render(&entry, &mut part.bytes);
                    }
                    ExportForm::Jsonl => put_json(&Record::of(number, &entry), &mut part.bytes),
                    ExportForm::Csv => put_csv(&Record::of(number, &entry), &mut part.bytes),
                }
            },
            |part| {
                out.extend_from_slice(&part.bytes);
                if part.is_full || out.len() >= BATCH {
                    stopped = Some(part.next);
                    return Ok::<_, QueryError>(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        self.next = stopped.unwrap_or(to.saturating_add(1));
        self.window = match stopped {
            Some(at) => (at - from).max(WINDOW),
            None if out.len() < BATCH / 4 => self.window.saturating_mul(GROWTH),
            None => self.window,
        };
        Ok(())
    }
}

impl Export for LogExport {
    fn next(&mut self) -> Result<Option<Vec<u8>>, TrailFault> {
        let mut out = Vec::new();
        if !self.is_begun {
            self.is_begun = true;
            match self.form {
                ExportForm::Xml => out.extend_from_slice(HEAD.as_bytes()),
                ExportForm::Csv => out.extend_from_slice(csv_head().as_bytes()),
                ExportForm::Jsonl => {}
            }
        }
        if self.next <= self.last {
            self.look(&mut out).map_err(broken)?;
            return Ok(Some(out));
        }
        if self.is_ended {
            return Ok(None);
        }
        self.is_ended = true;
        if self.form == ExportForm::Xml {
            out.extend_from_slice(FOOT.as_bytes());
        }
        Ok(Some(out))
    }
}
