//! Which transactions of a workload have been played: a bit for each.

/// A set of transaction numbers, compact where they are dense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    bits: Vec<u64>,
    count: u64,
    beyond: u64,
}

/// Numbers beyond this are counted, not remembered: no workload file is that long.
const MOST: u64 = 1 << 36;

impl Played {
    /// Adds a number.
    pub fn insert(&mut self, transaction: u64) {
        if transaction >= MOST {
            self.beyond += 1;
            return;
        }
        let (word, bit) = ((transaction / 64) as usize, transaction % 64);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count += u64::from(self.bits[word] >> bit & 1 == 0);
        self.bits[word] |= 1 << bit;
    }

    /// Whether the number is in the set.
    pub fn contains(&self, transaction: u64) -> bool {
        let word = usize::try_from(transaction / 64).unwrap_or(usize::MAX);
        self.bits.get(word).is_some_and(|bits| bits >> (transaction % 64) & 1 == 1)
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The numbers as ranges of neighbours (first, last), in order.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (word, &bits) in self.bits.iter().enumerate() {
            let mut left = bits;
            while left != 0 {
                let number = word as u64 * 64 + u64::from(left.trailing_zeros());
                left &= left - 1;
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == number => *last = number,
                    _ => ranges.push((number, number)),
                }
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_a_range() {
        let mut played = Played::default();
        for number in [1, 2, 3, 63, 64, 65, 200, 2] {
            played.insert(number);
        }
        assert_eq!(played.ranges(), [(1, 3), (63, 65), (200, 200)]);
        assert_eq!(played.len(), 7);
        assert!(played.contains(64) && !played.contains(66) && !played.contains(u64::MAX));
    }
}
