//! A flat file as a store: the way in which the seed system began.

use anyhow::Context as _;
use audit_logger::LogError;
use audit_logger::follow::{Batch, LogId, Position, Sink, SinkError};
use audit_logger::log::LogReader;
use audit_logger::xml::Renderer;
use std::fs::{File, remove_file};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The server that the elements name.
const SERVER: &str = "experiment";

/// Where the file of the log in `log` is.
pub fn beside(log: &Path) -> PathBuf {
    log.with_extension("xml")
}

/// A file that is written entry by entry.
pub struct XmlFile {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    renderer: Renderer,
    position: Position,
}

impl XmlFile {
    /// A file that is made when it is first asked for.
    pub fn new(path: PathBuf) -> XmlFile {
        let renderer = Renderer::new(SERVER);
        XmlFile { path, file: None, renderer, position: Position::START }
    }
}

impl Sink for XmlFile {
    fn name(&self) -> &'static str {
        "xml_file"
    }

    async fn position(&mut self, _: &LogId) -> Result<Position, SinkError> {
        if self.file.is_none() {
            let made = File::create(&self.path).map_err(|error| refused(&self.path, &error))?;
            self.file = Some(BufWriter::new(made));
        }
        Ok(self.position)
    }

    async fn write(&mut self, _: &LogId, batch: &Batch, _: f64) -> Result<(), SinkError> {
        let Some(file) = &mut self.file else {
            return Err(SinkError::Unavailable("not open".to_string()));
        };
        let mut elements = Vec::new();
        for record in batch.records() {
            elements.clear();
            self.renderer.render(record.entry, &mut elements);
            let written = file.write_all(&elements).and_then(|()| file.flush());
            written.map_err(|error| refused(&self.path, &error))?;
        }
        self.position = batch.after;
        Ok(())
    }

    async fn reset(&mut self, _: &LogId) -> Result<(), SinkError> {
        (self.file, self.position) = (None, Position::START);
        remove_file(&self.path).map_err(|error| refused(&self.path, &error))
    }
}

/// Part of a batch may be in the file: it cannot be sent again.
fn refused(path: &Path, error: &std::io::Error) -> SinkError {
    SinkError::Refused(format!("{}: {error}", path.display()))
}

/// How many entries of the log in `log` stand in the file at `path`, one behind the other.
pub fn held(path: &Path, log: &Path) -> anyhow::Result<u64> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut renderer = Renderer::new(SERVER);
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let (mut held, mut same) = (0, true);
    LogReader::open(log)?.for_each(u64::MAX, |_, entry| {
        expected.clear();
        renderer.render(&entry, &mut expected);
        found.resize(expected.len(), 0);
        same = same && file.read_exact(&mut found).is_ok() && found == expected;
        held += u64::from(same);
        Ok::<(), LogError>(())
    })?;
    Ok(held)
}
