//! Chance that repeats: numbers that follow from a seed, the same for ever and everywhere.
//!
//! Written here because a library may change its sequence between versions, and recorded runs
//! must not change with it.

use domain::trading::Stock;

/// A sequence of random numbers (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    /// The sequence of the `ordinal`th request for `stock`.
    pub fn of_request(seed: u64, stock: Stock, ordinal: u64) -> Chance {
        Chance::new(mix(mix(seed ^ stock_bits(stock)).wrapping_add(ordinal)))
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        finish(self.state)
    }

    /// The next number, from 0 to just under 1.
    pub fn unit(&mut self) -> f64 {
        unit(self.next_u64())
    }

    /// The next number, from 0 to just under `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }
}

/// `input` scrambled: near inputs give unrelated outputs.
pub(super) const fn mix(input: u64) -> u64 {
    finish(input.wrapping_add(0x9E37_79B9_7F4A_7C15))
}

const fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The upper 53 bits of `bits` as a number from 0 to just under 1.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The letters of `stock` as a number.
pub(super) fn stock_bits(stock: Stock) -> u64 {
    stock.letters().as_bytes().iter().fold(0, |bits, &letter| bits << 8 | u64::from(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The reference implementation's first outputs for seed 1234567
        // (https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64).
        let mut chance = Chance::new(1_234_567);
        let first: [u64; 3] = std::array::from_fn(|_| chance.next_u64());
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn bounds_hold() {
        let mut chance = Chance::new(1);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&chance.unit())));
        let mut seen = [0u32; 3];
        (0..3_000).for_each(|_| seen[chance.below(3)] += 1);
        assert!(seen.iter().all(|&count| count > 900), "{seen:?}");
    }
}
