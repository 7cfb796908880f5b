//! User names and stock symbols: random to look at, unique by construction,
//! nothing to look up.

use super::prng::Prng;

/// How many symbols of one to three letters there are, in upper and lower
/// case: 52 + 52² + 52³.
pub const MAX_STOCKS: u32 = 52 + 52 * 52 + 52 * 52 * 52;

/// Letters and digits of a user name, and how many names of ten there are.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const NAMES: u64 = 62_u64.pow(10);

/// A step through all names: odd and not a multiple of 31, so without a
/// common factor with 62^10, and near its golden section, so that following
/// names have little in common.
const STEP: u64 = 518_714_303_871_402_927;

/// Users by number, as names of ten letters and digits.
#[derive(Debug)]
pub(super) struct UserNames {
    offset: u64,
}

impl UserNames {
    /// Names for one file.
    pub(super) fn new(rng: &mut Prng) -> Self {
        Self { offset: rng.below(NAMES) }
    }

    /// The name of a user; two users never share one.
    pub(super) fn get(&self, user: u32) -> [u8; 10] {
        let walked = u128::from(user) * u128::from(STEP) + u128::from(self.offset);
        let mut number = (walked % u128::from(NAMES)) as u64;
        let mut name = [0; 10];
        for letter in &mut name {
            *letter = ALPHABET[(number % 62) as usize];
            number /= 62;
        }
        name
    }
}

/// One to three letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    letters: [u8; 3],
    len: u8,
}

impl Symbol {
    fn new(letters: &[u8]) -> Self {
        let mut symbol = Self { letters: [0; 3], len: letters.len() as u8 };
        symbol.letters[..letters.len()].copy_from_slice(letters);
        symbol
    }

    /// The letters.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.letters[..usize::from(self.len)]
    }
}

/// The stocks of one file.
#[derive(Debug)]
pub(super) struct Symbols(Vec<Symbol>);

impl Symbols {
    /// `stocks` symbols. Three upper-case letters come first, as in the
    /// official files; when those run out, two and one; then mixed case.
    pub(super) fn new(stocks: u32, rng: &mut Prng) -> Self {
        let upper = &ALPHABET[..26];
        let any = &ALPHABET[..52];
        let mut symbols = Vec::with_capacity(stocks as usize);
        let mut take = |tier: Vec<Symbol>| {
            let mut tier = tier;
            shuffle(&mut tier, rng);
            let room = stocks as usize - symbols.len();
            symbols.extend(tier.into_iter().take(room));
            symbols.len() == stocks as usize
        };
        let done = take(words(upper, 3))
            || take([words(upper, 2), words(upper, 1)].concat())
            || take(
                [words(any, 3), words(any, 2), words(any, 1)]
                    .concat()
                    .into_iter()
                    .filter(|symbol| symbol.as_bytes().iter().any(u8::is_ascii_lowercase))
                    .collect(),
            );
        debug_assert!(done, "more stocks than symbols got past validation");
        Self(symbols)
    }

    /// The symbol of a stock.
    pub(super) fn get(&self, stock: u32) -> &Symbol {
        &self.0[stock as usize]
    }
}

/// All words of `len` letters.
fn words(letters: &[u8], len: usize) -> Vec<Symbol> {
    let mut words = vec![Vec::new()];
    for _ in 0..len {
        words = words
            .iter()
            .flat_map(|word| {
                letters.iter().map(move |&letter| {
                    let mut longer: Vec<u8> = word.clone();
                    longer.push(letter);
                    longer
                })
            })
            .collect();
    }
    words.iter().map(|word| Symbol::new(word)).collect()
}

fn shuffle(items: &mut [Symbol], rng: &mut Prng) {
    for end in (1..items.len()).rev() {
        let other = rng.below(end as u64 + 1) as usize;
        items.swap(end, other);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_users_share_a_name() {
        assert_eq!(STEP % 2, 1);
        assert_ne!(STEP % 31, 0);
        let names = UserNames::new(&mut Prng::new(3));
        let seen: HashSet<_> = (0..200_000).map(|user| names.get(user)).collect();
        assert_eq!(seen.len(), 200_000);
        assert!(seen.iter().flatten().all(u8::is_ascii_alphanumeric));
    }

    #[test]
    fn every_symbol_can_be_had_once_and_upper_case_comes_first() {
        let symbols = Symbols::new(MAX_STOCKS, &mut Prng::new(3)).0;
        let seen: HashSet<_> = symbols.iter().map(Symbol::as_bytes).collect();
        assert_eq!(seen.len(), MAX_STOCKS as usize);
        let upper = |symbol: &Symbol| symbol.as_bytes().iter().all(u8::is_ascii_uppercase);
        assert!(symbols[..17_576].iter().all(|s| upper(s) && s.len == 3));
        assert!(symbols[..18_278].iter().all(upper));
        assert!(!symbols[18_278..].iter().any(upper));
    }
}
