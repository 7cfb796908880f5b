//! User names, as numbers.

use rustc_hash::FxHashMap;

/// Every user name of the log and the workload has a number, so that accounts and queues are
/// reached without the text.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: FxHashMap<Box<[u8]>, u32>,
    texts: Vec<Box<[u8]>>,
    last: u32,
}

impl Names {
    /// The number of a name, new or known.
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        // The elements of a command stand together.
        if self.texts.get(self.last as usize).is_some_and(|text| **text == *name) {
            return self.last;
        }
        self.last = match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                let number = self.texts.len() as u32;
                self.numbers.insert(name.into(), number);
                self.texts.push(name.into());
                number
            }
        };
        self.last
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        self.texts.get(number as usize).map_or(b"", |text| text)
    }
}
