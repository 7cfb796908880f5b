//! Reports to test with: an ordinary one and the ones that break charts.

use super::*;

/// A run as it should be, with figures that follow from nothing.
pub(super) fn full() -> RunReport {
    let mut report = RunReport {
        version: "0.1.0".to_owned(),
        started_at_ms: 1_790_000_000_000,
        files: vec!["course-1000users.txt".to_owned()],
        clock: "real".to_owned(),
        quotes: "sim, no delay".to_owned(),
        seed: Some(1),
        users: 1_000,
        commands: 1_000_000,
        accepted: 569_103,
        wall_s: 2.434,
        commands_per_s: 410_846.3,
        quote_requests: 2_000,
        quote_cache_hits: 240_113,
        peak_memory_bytes: 312_000_000,
        log: LogFacts {
            entries: 1_000_000,
            bytes: 148_331_904,
            segments: 3,
            head: "9f2c7ad0f6d8b3c41e5a77902d4be6c8a1f0935be2d47c68130fa9be5d27c4e1".to_owned(),
        },
        dumps: vec![DumpFacts {
            file: "testLOG".to_owned(),
            bytes: 402_112_803,
            elements: 1_842_116,
            wall_s: 1.21,
        }],
        ..RunReport::default()
    };
    for (code, count) in [
        ("no_order", 198_512),
        ("no_shares", 105_903),
        ("nothing_pending", 77_912),
        ("amount_below_price", 47_716),
        ("insufficient_shares", 853),
        ("invalid_amount", 1),
    ] {
        report.rejected.insert(code.to_owned(), count);
    }
    for (at, (name, count)) in [
        ("BUY", 140_360),
        ("QUOTE", 129_800),
        ("ADD", 111_030),
        ("DISPLAY_SUMMARY", 89_700),
        ("SET_BUY_TRIGGER", 83_990),
        ("COMMIT_BUY", 80_900),
        ("SET_SELL_TRIGGER", 72_970),
        ("SELL", 64_420),
        ("SET_BUY_AMOUNT", 48_360),
        ("SET_SELL_AMOUNT", 45_210),
        ("COMMIT_SELL", 43_500),
        ("CANCEL_SET_SELL", 25_200),
        ("CANCEL_BUY", 25_000),
        ("CANCEL_SELL", 20_200),
        ("CANCEL_SET_BUY", 19_359),
        ("DUMPLOG", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let slow = match name {
            "BUY" | "QUOTE" | "SELL" => 9.0,
            "DUMPLOG" => 40_000.0,
            _ => 1.0 + at as f64 / 20.0,
        };
        let of = |scale: f64, tail: f64| Quantiles {
            p50: scale,
            p95: scale * 2.1,
            p99: scale * 3.7,
            p99_99: scale * tail,
            max: scale * tail * 3.0,
            mean: scale * 1.2,
        };
        let latency = CommandLatency {
            count,
            execution_us: if count == 1 { of(21.0 * slow, 3.7) } else { of(0.42 * slow, 120.0) },
            durable_us: if count == 1 {
                of(22.0 * slow, 3.7)
            } else {
                of(1_450.0 + 60.0 * slow, 14.0)
            },
        };
        report.latency.insert(name.to_owned(), latency);
    }
    for at in 1..=25_u64 {
        let last = at == 25;
        let commands = if last { 14_000 } else { 38_000 + (at * 7_919) % 6_100 };
        report.series.push(Interval {
            t_s: if last { 2.434 } else { at as f64 / 10.0 },
            commands,
            rejected: commands * (40 + at % 5) / 100,
            quote_requests: if at < 6 { 2_000 >> at } else { at % 3 },
            quote_cache_hits: commands / 4,
        });
    }
    report
}

/// Three commands in a millisecond and a half, within one interval.
pub(super) fn small() -> RunReport {
    let quantiles =
        Quantiles { p50: 12.0, p95: 80.5, p99: 80.5, p99_99: 80.5, max: 80.5, mean: 34.8 };
    RunReport {
        commands: 3,
        accepted: 2,
        rejected: BTreeMap::from([("insufficient_funds".to_owned(), 1)]),
        unreadable: 1,
        users: 1,
        wall_s: 0.0015,
        commands_per_s: 2_000.0,
        quote_requests: 1,
        quote_cache_hits: 1,
        latency: BTreeMap::from([(
            "BUY".to_owned(),
            CommandLatency { count: 3, execution_us: quantiles, durable_us: quantiles },
        )]),
        series: vec![Interval {
            t_s: 0.0015,
            commands: 3,
            rejected: 1,
            quote_requests: 1,
            quote_cache_hits: 1,
        }],
        log: LogFacts { entries: 3, bytes: 412, segments: 1, head: "c0ffee".to_owned() },
        ..RunReport::default()
    }
}

/// Nothing happened.
pub(super) fn empty() -> RunReport {
    RunReport::default()
}

/// Every text is an attack, every number is none.
pub(super) fn hostile() -> RunReport {
    let evil = "\"><script>alert('x')</script>&\u{1b}[31m\u{0}]]>".to_owned();
    let none = f64::NAN;
    let quantiles = Quantiles {
        p50: none,
        p95: f64::INFINITY,
        p99: -1.0,
        p99_99: f64::NEG_INFINITY,
        max: none,
        mean: none,
    };
    RunReport {
        version: evil.clone(),
        files: vec![evil.clone(), evil.clone(), evil.clone()],
        clock: evil.clone(),
        quotes: evil.clone(),
        commands: 7,
        rejected: BTreeMap::from([(evil.clone(), 7)]),
        wall_s: none,
        commands_per_s: f64::INFINITY,
        latency: BTreeMap::from([(
            evil.clone(),
            CommandLatency { count: 7, execution_us: quantiles, durable_us: quantiles },
        )]),
        series: vec![Interval { t_s: none, commands: 7, ..Interval::default() }; 3],
        log: LogFacts { head: evil.clone(), ..LogFacts::default() },
        dumps: vec![DumpFacts { file: evil, wall_s: none, ..DumpFacts::default() }],
        ..RunReport::default()
    }
}

/// Numbers as large as they can be.
pub(super) fn huge() -> RunReport {
    let most = u64::MAX;
    let quantiles =
        Quantiles { p50: 0.001, p95: 1.0, p99: 1e6, p99_99: 1e12, max: f64::MAX, mean: 1e12 };
    RunReport {
        started_at_ms: most,
        users: most,
        commands: most,
        accepted: most,
        rejected: BTreeMap::from([("a".to_owned(), most), ("b".to_owned(), most)]),
        unreadable: most,
        skipped: most,
        wall_s: 1e12,
        commands_per_s: f64::MAX,
        quote_requests: most,
        quote_cache_hits: most,
        peak_memory_bytes: most,
        latency: BTreeMap::from([(
            "BUY".to_owned(),
            CommandLatency { count: most, execution_us: quantiles, durable_us: quantiles },
        )]),
        series: (1..=5_000)
            .map(|at| Interval {
                t_s: f64::from(at) * 1e8,
                commands: most,
                rejected: most,
                quote_requests: most,
                quote_cache_hits: most,
            })
            .collect(),
        log: LogFacts { entries: most, bytes: most, segments: most, head: "f".repeat(64) },
        ..RunReport::default()
    }
}

/// All of them.
pub(super) fn all() -> Vec<RunReport> {
    vec![full(), small(), empty(), hostile(), huge()]
}
