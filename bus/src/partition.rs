//! Which partition a user belongs to. The number of partitions never changes, so that workers can
//! come and go without moving users between partitions.

use domain::trading::command::Action;

/// How many partitions there are: far more than the cores of any machine that runs workers, few
/// enough that a queue for each is cheap.
pub const PARTITIONS: usize = 256;

/// The partition of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// The partition of the user of that name: FNV-1a and the finaliser of MurmurHash3, the same
    /// on every machine, for ever.
    pub fn of_user(user: &str) -> Partition {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in user.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // FNV alone leaves the last characters in the low bits.
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Partition((hash >> 56) as u8)
    }

    /// The partition that decides `action`. What names no user has one of its own: the first.
    pub fn of(action: &Action) -> Partition {
        action.user().map_or(Partition(0), Partition::of_user)
    }

    /// Which of `workers` owns the partition.
    pub fn worker(self, workers: usize) -> usize {
        self.0 as usize % workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_never_moves_to_another_partition() {
        assert_eq!(Partition::of_user("oY01WVirLr"), Partition(0x77));
        assert_eq!(Partition::of_user(""), Partition(0xef));
    }

    #[test]
    fn users_spread_over_the_partitions() {
        let mut counts = [0u32; PARTITIONS];
        for user in 0..25_600 {
            counts[Partition::of_user(&format!("user{user}")).0 as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (40..250).contains(&count)), "{counts:?}");
    }
}
