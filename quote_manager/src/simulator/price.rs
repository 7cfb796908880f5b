//! Prices that wander: a pure function of seed, stock and time.
//!
//! Each stock has a level, and around it the sum of eight waves of noise, from an 18-hour swing
//! to a four-second flicker. A wave's height grows with the square root of its length, as in a
//! random walk, but the sum is bounded, and no price needs to know the one before it. Noise is
//! added to the logarithm, so that a cheap stock moves by cents and a dear one by dollars.

use super::chance::{mix, stock_bits, unit};
use domain::trading::{Price, Stock};

/// The bounds of prices in real logs: 1.00 to 4,999.00.
const MIN_CENTS: i64 = 100;
const MAX_CENTS: i64 = 499_900;
const FLOOR: Price = match Price::from_cents(MIN_CENTS) {
    Some(price) => price,
    None => panic!("the floor is a price"),
};

/// The shortest wave, in milliseconds. Each next one is four times as long and twice as high.
const SHORTEST_WAVE_MS: u64 = 4_000;
const WAVES: u32 = 8;
/// How far the longest wave reaches, in the logarithm of the price: 49 % up, 33 % down.
const LONGEST_REACH: f64 = 0.4;

/// The price of `stock` at `unix_ms` in the world of `seed`. Nine of ten stocks live between
/// about 1 and 500, the tenth up to 4,999.
pub fn price(seed: u64, stock: Stock, unix_ms: u64) -> Price {
    let origin = mix(mix(seed) ^ stock_bits(stock));
    let mut log = level(origin);
    let mut reach = LONGEST_REACH;
    for wave in (0..WAVES).rev() {
        let period = SHORTEST_WAVE_MS << (2 * wave);
        log += reach * noise(mix(origin ^ u64::from(wave + 1)), unix_ms, period);
        reach /= 2.0;
    }
    let cents = (exp(log) * 100.0).round() as i64;
    // The bounds lie inside those of a price, so the floor is never fallen back on.
    Price::from_cents(cents.clamp(MIN_CENTS, MAX_CENTS)).unwrap_or(FLOOR)
}

/// The logarithm of a stock's level: even between 3 and 240 for nine of ten, 240 to 3,000 for
/// the tenth, so that the waves rarely meet the bounds.
fn level(origin: u64) -> f64 {
    const LN_3: f64 = 1.0986;
    const LN_240: f64 = 5.4806;
    const LN_3000: f64 = 8.0064;
    let drawn = unit(mix(origin));
    if drawn < 0.9 {
        LN_3 + (LN_240 - LN_3) * (drawn / 0.9)
    } else {
        LN_240 + (LN_3000 - LN_240) * ((drawn - 0.9) / 0.1)
    }
}

/// A smooth curve from -1 to 1 through a random value at each multiple of `period`.
fn noise(origin: u64, at: u64, period: u64) -> f64 {
    let value = |step: u64| 2.0 * unit(mix(origin.wrapping_add(step))) - 1.0;
    let (step, within) = (at / period, (at % period) as f64 / period as f64);
    let (from, to) = (value(step), value(step + 1));
    from + (to - from) * within * within * (3.0 - 2.0 * within)
}

/// e to the power of `x`, near enough, from multiplications alone: they give the same bits on
/// every machine, which the exponential of a system library does not.
fn exp(x: f64) -> f64 {
    (0..10).fold(1.0 + x / 1024.0, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = bus::Clock::VIRTUAL_START_UNIX_MS;

    fn cents(seed: u64, stock: &str, at: u64) -> i64 {
        price(seed, Stock::parse(stock.as_bytes()).unwrap(), at).cents()
    }

    fn stocks() -> impl Iterator<Item = String> {
        ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| format!("{a}{b}")))
    }

    #[test]
    fn recorded_prices_stay_what_they_were() {
        let seen = ["S", "ABC", "abc", "ZZ"]
            .map(|stock| [START, START + 1_000, START + 60_000].map(|at| cents(7, stock, at)));
        assert_eq!(
            seen,
            [
                [9_047, 9_050, 9_164],
                [940, 941, 949],
                [1_215, 1_214, 1_218],
                [21_683, 21_688, 22_200]
            ]
        );
    }

    #[test]
    fn prices_stay_in_bounds_and_mostly_under_500() {
        let mut low = 0;
        let mut all = 0;
        for stock in stocks() {
            for hour in 0..50 {
                let cents = cents(1, &stock, START + hour * 3_600_000);
                assert!((MIN_CENTS..=MAX_CENTS).contains(&cents));
                low += i32::from(cents <= 50_000);
                all += 1;
            }
        }
        assert!(low * 100 > all * 88, "{low} of {all}");
    }

    #[test]
    fn a_price_moves_within_a_minute_but_does_not_jump() {
        let mut moved = 0;
        for stock in stocks() {
            let (now, soon) = (cents(1, &stock, START), cents(1, &stock, START + 60_000));
            moved += i32::from(now != soon);
            assert!((now - soon).abs() * 10 < now, "{stock}: {now} to {soon}");
            let next = cents(1, &stock, START + 1);
            assert!((now - next).abs() * 1_000 <= now + 1_000, "{stock}: {now} to {next}");
        }
        assert!(moved > 600, "{moved} of 676");
    }

    #[test]
    fn any_time_has_a_price() {
        for at in [0, 1, u64::MAX - 1, u64::MAX] {
            cents(u64::MAX, "S", at);
        }
    }
}
