//! One of the six elements, as text.

use super::schema::{ElementKind, Field};

/// An element: the texts of its children, in memory that the next element uses again.
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

    /// Becomes an element without children.
    pub(super) fn begin(&mut self, kind: ElementKind, line: u64) {
        self.kind = kind;
        self.line = line;
        self.present = 0;
        self.text.clear();
    }

    /// Appends to the text of the child at hand.
    pub(super) fn push(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Bytes of text so far: where the next child begins.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Ends a child whose text began at `start`.
    pub(super) fn close(&mut self, field: Field, start: usize) {
        self.present |= field.bit();
        self.spans[field as usize] = (start as u32, self.text.len() as u32);
    }

    /// The children that are there, as bits.
    pub(super) const fn present(&self) -> u16 {
        self.present
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
