//! From XML to elements: one pass, one element at a time, nothing kept.

use super::VerifyFault;
use super::element::Element;
use super::findings::{FindingKind, Findings, quoted};
use super::schema::{ElementKind, Field};
use super::source::{LONGEST_EVENT_BYTES, Source};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};
use std::io::BufRead;

/// Deepest nesting of foreign elements that is followed.
const DEEPEST: u32 = 64;

/// Where in the document the reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Prolog,
    Root,
    Element,
    /// In a child (`None`: one of no use), whose text begins there.
    Child(Option<Field>, usize),
    Epilog,
    Stopped,
}

/// The elements of a log.
pub(super) struct Elements<R> {
    reader: Reader<Source<R>>,
    buffer: Vec<u8>,
    cursor: Cursor,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(log: R) -> Elements<R> {
        let mut reader = Reader::from_reader(Source::new(log));
        reader.config_mut().expand_empty_elements = true;
        let cursor = Cursor { place: Place::Prolog, skipping: 0, likely: 0, closed: false };
        Elements { reader, buffer: Vec::new(), cursor }
    }

    /// Bytes read.
    pub(super) fn bytes(&self) -> u64 {
        self.reader.get_ref().bytes_read()
    }

    /// The line that the reader is in.
    pub(super) fn line(&mut self) -> u64 {
        self.reader.get_mut().line()
    }

    /// Whether reading stopped before the end of the text.
    pub(super) fn stopped(&self) -> bool {
        self.cursor.place == Place::Stopped
    }

    /// Whether the root element was closed: until it is, the last transaction may be cut off.
    pub(super) fn closed(&self) -> bool {
        self.cursor.closed
    }

    /// Reads the next element into `element`; false at the end.
    pub(super) fn next(
        &mut self,
        element: &mut Element,
        findings: &mut Findings,
    ) -> Result<bool, VerifyFault> {
        while !self.stopped() {
            self.buffer.clear();
            self.reader.get_mut().begin();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => {
                    self.fail(error, findings)?;
                    return Ok(false);
                }
            };
            let cursor = &mut self.cursor;
            let mut at = At { source: self.reader.get_mut(), findings };
            match event {
                Event::Text(text) => cursor.text(text.as_bytes(), element, &mut at),
                Event::Start(tag) => cursor.start(&tag, element, &mut at),
                Event::End(_) if cursor.end(element, &mut at) => return Ok(true),
                Event::GeneralRef(reference) => cursor.reference(&reference, element, &mut at),
                Event::CData(text) => cursor.cdata(text.as_bytes(), element, &mut at),
                Event::DocType(_) => at.stray("a document type"),
                Event::Eof => {
                    cursor.end_of_text(&mut at);
                    return Ok(false);
                }
                // Comments, processing instructions and the declaration say nothing.
                _ => {}
            }
            if element.len() > LONGEST_EVENT_BYTES {
                let message = || "an element too long to be one of a log".to_string();
                findings.add(FindingKind::XmlOversized, element.line, None, message);
                self.cursor.place = Place::Stopped;
            }
        }
        Ok(false)
    }

    /// Says why the text cannot be read on. Only a fault of the reader below is an error.
    fn fail(&mut self, error: Error, findings: &mut Findings) -> Result<(), VerifyFault> {
        let source = self.reader.get_mut();
        let (line, oversized) = (source.line(), source.oversized());
        self.cursor.place = Place::Stopped;
        match error {
            Error::Io(_) if oversized => {
                findings.add(FindingKind::XmlOversized, line, None, || {
                    "a tag or a text too long to be one of a log".to_string()
                })
            }
            Error::Io(fault) => {
                return Err(VerifyFault::Log(std::io::Error::new(fault.kind(), fault)));
            }
            error => findings.add(FindingKind::XmlMalformed, line, None, || {
                // The error may quote the text.
                let error: String = error.to_string().chars().take(200).collect();
                format!("reading stopped here: {}", error.escape_debug())
            }),
        }
        Ok(())
    }
}

/// The place of an event in the text, worked out when there is something to say about it.
struct At<'a, R> {
    source: &'a mut Source<R>,
    findings: &'a mut Findings,
}

impl<R: BufRead> At<'_, R> {
    fn add(&mut self, kind: FindingKind, message: impl FnOnce() -> String) {
        self.findings.add(kind, self.source.line(), None, message);
    }

    fn stray(&mut self, what: &str) {
        self.add(FindingKind::StrayMarkup, || what.to_string());
    }
}

/// The reader's place in the document.
struct Cursor {
    place: Place,
    /// Levels of an element of no use that the reader is in.
    skipping: u32,
    /// The place in [`Field::ALL`] behind the last child: logs mostly keep the order.
    likely: usize,
    /// Whether the root element was closed.
    closed: bool,
}

impl Cursor {
    /// Whether text here belongs to a child.
    const fn in_child(&self) -> bool {
        matches!(self.place, Place::Child(_, _)) && self.skipping == 0
    }

    fn text<R: BufRead>(&mut self, text: &[u8], element: &mut Element, at: &mut At<'_, R>) {
        if self.in_child() {
            element.push(text);
            return;
        }
        let text = text.trim_ascii();
        if self.skipping == 0 && !text.is_empty() {
            let kind = match self.place {
                Place::Epilog => FindingKind::AfterRoot,
                _ => FindingKind::StrayMarkup,
            };
            at.add(kind, || format!("text {}", quoted(text)));
        }
    }

    fn cdata<R: BufRead>(&mut self, text: &[u8], element: &mut Element, at: &mut At<'_, R>) {
        if self.in_child() {
            element.push(text);
        } else if self.skipping == 0 {
            at.stray("CDATA where no text belongs");
        }
    }

    fn reference<R: BufRead>(
        &mut self,
        reference: &BytesRef<'_>,
        element: &mut Element,
        at: &mut At<'_, R>,
    ) {
        if !self.in_child() {
            if self.skipping == 0 {
                at.stray("a reference where no text belongs");
            }
        } else if let Some(char) = resolve(reference) {
            element.push(char.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let name = reference.as_bytes();
            at.add(FindingKind::XmlMalformed, || format!("unknown reference {}", quoted(name)));
        }
    }

    fn start<R: BufRead>(
        &mut self,
        tag: &BytesStart<'_>,
        element: &mut Element,
        at: &mut At<'_, R>,
    ) {
        if self.skipping > 0 {
            self.skipping += 1;
            if self.skipping > DEEPEST {
                at.add(FindingKind::XmlMalformed, || "elements nested too deep".to_string());
                self.place = Place::Stopped;
            }
            return;
        }
        let name = tag.name().into_inner();
        let what = |what: &str| format!("{what} {}", quoted(name.as_bytes()));
        // No element of a log has attributes; a root with a namespace is common, and harmless.
        if tag.len() > name.len()
            && self.place != Place::Prolog
            && !tag.attributes_raw().trim_ascii().is_empty()
        {
            at.add(FindingKind::StrayMarkup, || what("attributes on"));
        }
        match self.place {
            Place::Element => self.child(name, element, at),
            Place::Root => match ElementKind::parse(name) {
                Some(kind) => {
                    element.begin(kind, at.source.line());
                    self.likely = 0;
                    self.place = Place::Element;
                }
                None => {
                    at.add(FindingKind::UnknownElement, || what("unknown element"));
                    self.skipping = 1;
                }
            },
            Place::Prolog => {
                if name != "log" {
                    at.add(FindingKind::WrongRoot, || what("the root element is not log but"));
                }
                self.place = Place::Root;
            }
            Place::Child(_, _) => {
                at.add(FindingKind::StrayMarkup, || what("an element inside a child:"));
                self.skipping = 1;
            }
            Place::Epilog | Place::Stopped => {
                let message = || what("reading stopped at a second root element:");
                at.add(FindingKind::AfterRoot, message);
                self.place = Place::Stopped;
            }
        }
    }

    fn child<R: BufRead>(&mut self, name: &str, element: &mut Element, at: &mut At<'_, R>) {
        let ahead = Field::ALL[self.likely..].iter().copied();
        let field = ahead.take(4).find(|field| field.name() == name);
        let field = field.or_else(|| Field::parse(name));
        let mut wrong = |kind, what: &str| {
            at.add(kind, || {
                format!("{what} {} in {}", quoted(name.as_bytes()), element.kind.name())
            });
        };
        let field = match field {
            None => {
                wrong(FindingKind::UnknownChild, "unknown child");
                None
            }
            Some(field) if element.kind.allowed() & field.bit() == 0 => {
                wrong(FindingKind::UnknownChild, "no place for");
                None
            }
            Some(field) if element.present() & field.bit() != 0 => {
                wrong(FindingKind::DuplicateChild, "a second");
                None
            }
            field => field,
        };
        self.likely = field.map_or(0, |field| field as usize + 1);
        self.place = Place::Child(field, element.len());
    }

    /// An end tag. Returns whether it ends an element.
    fn end<R: BufRead>(&mut self, element: &mut Element, at: &mut At<'_, R>) -> bool {
        if self.skipping > 0 {
            self.skipping -= 1;
            return false;
        }
        match self.place {
            Place::Child(field, start) => {
                if let Some(field) = field {
                    element.close(field, start);
                }
                self.place = Place::Element;
                false
            }
            Place::Element => {
                self.place = Place::Root;
                missing(element, at.findings);
                true
            }
            _ => {
                self.place = Place::Epilog;
                self.closed = true;
                false
            }
        }
    }

    /// The text has ended: was the root closed?
    fn end_of_text<R: BufRead>(&mut self, at: &mut At<'_, R>) {
        match self.place {
            Place::Prolog => {
                at.add(FindingKind::WrongRoot, || "the text ends without a log element".to_string())
            }
            Place::Epilog | Place::Stopped => {}
            _ => at.add(FindingKind::UnclosedRoot, || {
                "the text ends before </log>: the log was cut off".to_string()
            }),
        }
    }
}

/// Says which mandatory children are not there.
fn missing(element: &Element, findings: &mut Findings) {
    let missing = element.kind.mandatory() & !element.present();
    if missing == 0 {
        return;
    }
    for field in Field::ALL.into_iter().filter(|field| missing & field.bit() != 0) {
        let number = element.field(Field::TransactionNum).and_then(super::money::integer);
        findings.add(FindingKind::MissingChild, element.line, number, || {
            format!("{} without {}", element.kind.name(), field.name())
        });
    }
}

/// The character behind a reference.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    match reference.as_bytes() {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"apos" => Some('\''),
        b"quot" => Some('"'),
        _ => None,
    }
}
