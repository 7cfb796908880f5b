//! Random numbers that stay the same forever: xoshiro256++ seeded through
//! splitmix64 (Blackman and Vigna; both in the public domain). Written out
//! here because a generator taken from a library may change its stream with
//! an update, and every generated file with it.

/// A stream of random numbers, fixed by its seed.
#[derive(Debug, Clone)]
pub(super) struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// The stream of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let mut mix = seed;
        let state = std::array::from_fn(|_| {
            mix = mix.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = mix;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// 64 random bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..n`; 0 for `n = 0`. The multiply-and-shift is uneven by
    /// less than `n / 2^64`, which no test of a workload can see.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(n);
        (wide >> 64) as u64
    }

    /// A number in `0..n`; 0 for `n = 0`.
    pub(super) fn below_u32(&mut self, n: u32) -> u32 {
        self.below(u64::from(n)) as u32
    }

    /// A number in `low..=high`, for `low <= high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high, "an empty range: {low} to {high}");
        low + self.below((high - low) as u64 + 1) as i64
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// True in `percent` of 100 cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A bell around `mean` with the standard deviation `deviation`, as the
    /// sum of twelve even draws: within six deviations of the mean, and in
    /// integers, so that no mathematics library has a say in it.
    pub(super) fn bell(&mut self, mean: i64, deviation: i64) -> i64 {
        let mut sum = 0_i64;
        for _ in 0..3 {
            let bits = self.next_u64();
            for quarter in 0..4 {
                sum += i64::from((bits >> (16 * quarter)) as u16);
            }
        }
        // Twelve draws of 0..65536 have the mean 393,210 and the deviation 65,536.
        mean + (sum - 393_210) * deviation / 65_536
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        // The first word of xoshiro256++ for the state 1, 2, 3, 4 is 41943041,
        // as in the authors' reference.
        let mut reference = Prng { state: [1, 2, 3, 4] };
        assert_eq!(reference.next_u64(), 41_943_041);
        assert_eq!(reference.next_u64(), 58_720_359);
        // splitmix64 of the seed 0 starts with this word.
        assert_eq!(Prng::new(0).state[0], 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = Prng::new(7);
        assert_eq!(rng.below(0), 0);
        for _ in 0..10_000 {
            assert!(rng.below(10) < 10);
            assert!((-3..=3).contains(&rng.between(-3, 3)));
            assert!((-600..=600).contains(&rng.bell(0, 100)));
        }
    }
}
