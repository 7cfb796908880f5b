//! Runs a check once for each seed of a range: a fixed slice in every run of the tests, or the
//! seeds that `DAYTRADE_SEEDS=FROM..TO` names, both ends included.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A line is printed whenever this many more seeds are done.
const PROGRESS_EVERY: u64 = 50;

/// A campaign is given up after this many failures: more say nothing new.
const MOST_FAILURES: usize = 20;

/// What one seed did, by name; summed up over all seeds.
pub(crate) type Counts = Vec<(&'static str, u64)>;

/// A check that is repeated for many seeds.
pub(crate) struct Campaign {
    /// The target of the Makefile that runs it.
    pub(crate) target: &'static str,
    /// The seeds of every run of the tests.
    pub(crate) slice: RangeInclusive<u64>,
    /// How many seeds run at once.
    pub(crate) threads: usize,
}

#[derive(Default)]
struct Tally {
    done: u64,
    counts: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
}

impl Campaign {
    /// Runs `check` for each seed; a seed whose check panics has failed.
    ///
    /// # Panics
    /// When all seeds are through and some of them failed.
    pub(crate) fn run(&self, check: impl Fn(u64) -> Counts + Sync) {
        let seeds = self.seeds();
        let (first, last) = (*seeds.start(), *seeds.end());
        let (next, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
        let started = Instant::now();
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > last {
                    break;
                }
                let counted = catch_unwind(AssertUnwindSafe(|| check(seed)));
                let mut tally = tally.lock().unwrap();
                tally.done += 1;
                match counted {
                    Ok(counts) => {
                        for (name, count) in counts {
                            *tally.counts.entry(name).or_default() += count;
                        }
                    }
                    Err(_) => {
                        println!("seed {seed} FAILED; repeat it: {}", self.command(seed));
                        tally.failed.push(seed);
                    }
                }
                if tally.done.is_multiple_of(PROGRESS_EVERY) && seed < last {
                    println!("{}", self.line(&tally, &seeds, started.elapsed()));
                }
                if tally.failed.len() >= MOST_FAILURES {
                    next.store(last + 1, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(work);
            }
        });
        let tally = tally.into_inner().unwrap();
        println!("{} (end)", self.line(&tally, &seeds, started.elapsed()));
        let commands: Vec<String> = tally.failed.iter().map(|seed| self.command(*seed)).collect();
        assert!(commands.is_empty(), "failed seeds:\n  {}", commands.join("\n  "));
    }

    fn seeds(&self) -> RangeInclusive<u64> {
        let Ok(given) = std::env::var("DAYTRADE_SEEDS") else { return self.slice.clone() };
        let parsed = given.split_once("..").and_then(|(first, last)| {
            Some(first.parse().ok()?..=last.trim_start_matches('=').parse().ok()?)
        });
        match parsed {
            Some(seeds) if !seeds.is_empty() => seeds,
            _ => panic!("DAYTRADE_SEEDS={given}: FROM..TO is expected, both ends included"),
        }
    }

    /// What repeats one seed.
    fn command(&self, seed: u64) -> String {
        format!("make {} SEEDS={seed}..{seed}", self.target)
    }

    fn line(&self, tally: &Tally, seeds: &RangeInclusive<u64>, took: Duration) -> String {
        let all = seeds.end() - seeds.start() + 1;
        let counts: Vec<String> =
            tally.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        format!(
            "{} {}..{}: {} of {all} seeds in {:.1} s, {} failed; {}",
            self.target,
            seeds.start(),
            seeds.end(),
            tally.done,
            took.as_secs_f64(),
            tally.failed.len(),
            counts.join(", ")
        )
    }
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers of `seed`.
    pub(crate) fn of(seed: u64) -> Chance {
        let mut chance = Chance(seed);
        // Neighboring seeds share nothing after the first number.
        chance.0 = chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `all`.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
