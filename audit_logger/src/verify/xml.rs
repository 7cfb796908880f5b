//! From XML to elements: one pass, one element at a time, nothing kept.

use super::VerifyFault;
use super::findings::{FindingKind, Findings, quoted};
use super::schema::{ElementKind, Field};
use super::source::Source;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};
use std::io::BufRead;

/// Deepest nesting of foreign elements that is followed.
const DEEPEST: u32 = 64;

/// One of the six elements, as text.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) kind: ElementKind,
    /// The line of its start tag.
    pub(super) line: u64,
    present: u16,
    spans: [(u32, u32); Field::COUNT],
    text: Vec<u8>,
}

impl Element {
    pub(super) const fn new() -> Element {
        let spans = [(0, 0); Field::COUNT];
        Element { kind: ElementKind::DebugEvent, line: 0, present: 0, spans, text: Vec::new() }
    }

    fn begin(&mut self, kind: ElementKind, line: u64) {
        self.kind = kind;
        self.line = line;
        self.present = 0;
        self.text.clear();
    }

    /// The text of a child, if it is there.
    pub(super) fn field(&self, field: Field) -> Option<&[u8]> {
        if self.present & field.bit() == 0 {
            return None;
        }
        let (start, end) = self.spans[field as usize];
        self.text.get(start as usize..end as usize)
    }

    /// Becomes a copy of `other`, in its own memory.
    pub(super) fn copy_from(&mut self, other: &Element) {
        self.kind = other.kind;
        self.line = other.line;
        self.present = other.present;
        self.spans = other.spans;
        self.text.clear();
        self.text.extend_from_slice(&other.text);
    }
}

/// Where in the document the reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Prolog,
    Root,
    Element,
    /// In a child; `None` where its text is of no use.
    Child(Option<Field>, usize),
    Epilog,
    Stopped,
}

/// The elements of a log.
pub(super) struct Elements<R> {
    reader: Reader<Source<R>>,
    buffer: Vec<u8>,
    place: Place,
    /// Levels of an element of no use that the reader is in.
    skipping: u32,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(log: R) -> Elements<R> {
        let mut reader = Reader::from_reader(Source::new(log));
        reader.config_mut().expand_empty_elements = true;
        Elements { reader, buffer: Vec::new(), place: Place::Prolog, skipping: 0 }
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
        self.place == Place::Stopped
    }

    /// Reads the next element into `element`; false at the end.
    pub(super) fn next(
        &mut self,
        element: &mut Element,
        findings: &mut Findings,
    ) -> Result<bool, VerifyFault> {
        while self.place != Place::Stopped {
            self.buffer.clear();
            self.reader.get_mut().begin();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => {
                    self.fail(error, findings)?;
                    return Ok(false);
                }
            };
            let line = self.reader.get_mut();
            match event {
                Event::Text(text) => match self.place {
                    Place::Child(_, _) if self.skipping == 0 => {
                        element.text.extend_from_slice(text.as_bytes());
                    }
                    _ if self.skipping == 0 && !text.trim_ascii().is_empty() => {
                        let kind = match self.place {
                            Place::Epilog => FindingKind::AfterRoot,
                            _ => FindingKind::StrayMarkup,
                        };
                        let text = text.as_bytes().trim_ascii();
                        findings.add(kind, line.line(), None, || format!("text {}", quoted(text)));
                    }
                    _ => {}
                },
                Event::Start(tag) => {
                    if self.skipping > 0 {
                        self.skipping += 1;
                        if self.skipping > DEEPEST {
                            let message = || "elements nested too deep".to_string();
                            findings.add(FindingKind::XmlMalformed, line.line(), None, message);
                            self.place = Place::Stopped;
                        }
                        continue;
                    }
                    let line = line.line();
                    attributes(&tag, self.place, line, findings);
                    let name = tag.name().into_inner();
                    let (place, enters) = start(self.place, name, line, element, findings);
                    self.place = place;
                    self.skipping = u32::from(!enters);
                }
                Event::End(_) => {
                    if self.skipping > 0 {
                        self.skipping -= 1;
                        continue;
                    }
                    match self.place {
                        Place::Child(field, start) => {
                            if let Some(field) = field {
                                element.present |= field.bit();
                                let end = element.text.len();
                                element.spans[field as usize] = (start as u32, end as u32);
                            }
                            self.place = Place::Element;
                        }
                        Place::Element => {
                            self.place = Place::Root;
                            missing(element, findings);
                            return Ok(true);
                        }
                        _ => self.place = Place::Epilog,
                    }
                }
                Event::GeneralRef(reference) => {
                    let place = self.place;
                    if !matches!(place, Place::Child(_, _)) || self.skipping > 0 {
                        let message = || "a reference where no text belongs".to_string();
                        findings.add(FindingKind::StrayMarkup, line.line(), None, message);
                    } else if let Some(char) = resolve(&reference) {
                        let mut utf8 = [0; 4];
                        element.text.extend_from_slice(char.encode_utf8(&mut utf8).as_bytes());
                    } else {
                        let name = reference.as_bytes();
                        let message = || format!("unknown reference {}", quoted(name));
                        findings.add(FindingKind::XmlMalformed, line.line(), None, message);
                    }
                }
                Event::CData(text) => match self.place {
                    Place::Child(_, _) if self.skipping == 0 => {
                        element.text.extend_from_slice(text.as_bytes());
                    }
                    _ => {
                        let message = || "CDATA where no text belongs".to_string();
                        findings.add(FindingKind::StrayMarkup, line.line(), None, message);
                    }
                },
                Event::DocType(_) => {
                    let message = || "a document type".to_string();
                    findings.add(FindingKind::StrayMarkup, line.line(), None, message);
                }
                Event::Eof => {
                    self.end(findings);
                    return Ok(false);
                }
                // Comments, processing instructions and the declaration say nothing.
                _ => {}
            }
            if element.text.len() > super::source::LONGEST_EVENT_BYTES {
                let message = || "an element too long to be one of a log".to_string();
                findings.add(FindingKind::XmlOversized, element.line, None, message);
                self.place = Place::Stopped;
            }
        }
        Ok(false)
    }

    /// The text has ended: was the root closed?
    fn end(&mut self, findings: &mut Findings) {
        let line = self.line();
        match self.place {
            Place::Prolog => findings.add(FindingKind::WrongRoot, line, None, || {
                "the text ends without a log element".to_string()
            }),
            Place::Epilog | Place::Stopped => {}
            _ => findings.add(FindingKind::UnclosedRoot, line, None, || {
                "the text ends before </log>: the log was cut off".to_string()
            }),
        }
    }

    /// Says why the text cannot be read on. Only a fault of the reader below is an error.
    fn fail(&mut self, error: Error, findings: &mut Findings) -> Result<(), VerifyFault> {
        let source = self.reader.get_mut();
        let (line, oversized) = (source.line(), source.oversized());
        self.place = Place::Stopped;
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

/// A start tag: where it leads, and whether it is of use.
fn start(
    place: Place,
    name: &str,
    line: u64,
    element: &mut Element,
    findings: &mut Findings,
) -> (Place, bool) {
    let mut wrong = |kind, transaction, what: &str| {
        findings.add(kind, line, transaction, || format!("{what} {}", quoted(name.as_bytes())));
    };
    match place {
        Place::Prolog => {
            if name != "log" {
                wrong(FindingKind::WrongRoot, None, "the root element is not log but");
            }
            (Place::Root, true)
        }
        Place::Root => match ElementKind::parse(name) {
            Some(kind) => {
                element.begin(kind, line);
                (Place::Element, true)
            }
            None => {
                wrong(FindingKind::UnknownElement, None, "unknown element");
                (Place::Root, false)
            }
        },
        Place::Element => {
            let start = element.text.len();
            let Some(field) = Field::parse(name) else {
                wrong(FindingKind::UnknownChild, None, "unknown child");
                return (Place::Child(None, start), true);
            };
            if element.kind.allowed() & field.bit() == 0 {
                let what = format!("{} has no child", element.kind.name());
                wrong(FindingKind::UnknownChild, None, &what);
            } else if element.present & field.bit() != 0 {
                wrong(FindingKind::DuplicateChild, None, "a second");
            } else {
                return (Place::Child(Some(field), start), true);
            }
            (Place::Child(None, start), true)
        }
        Place::Child(_, _) => {
            wrong(FindingKind::StrayMarkup, None, "an element inside a child:");
            (place, false)
        }
        Place::Epilog | Place::Stopped => {
            wrong(FindingKind::AfterRoot, None, "reading stopped at a second root element");
            (Place::Stopped, false)
        }
    }
}

/// No element of a log has attributes; a root with a namespace is common, and harmless.
fn attributes(tag: &BytesStart<'_>, place: Place, line: u64, findings: &mut Findings) {
    if place != Place::Prolog && !tag.attributes_raw().trim_ascii().is_empty() {
        let message = || format!("attributes on {}", quoted(tag.name().into_inner().as_bytes()));
        findings.add(FindingKind::StrayMarkup, line, None, message);
    }
}

/// Says which mandatory children are not there.
fn missing(element: &Element, findings: &mut Findings) {
    let missing = element.kind.mandatory() & !element.present;
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
