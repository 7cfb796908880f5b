//! `daytrade quote-server`.

use crate::Failure;
use crate::cli::QuoteServerOptions;
use crate::terminal::say;
use anyhow::Context;
use bus::Clock;
use quote_manager::simulator::{Quirks, Simulator, SimulatorConfig, listen};
use std::process::ExitCode;

pub fn run(options: QuoteServerOptions) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(options.listen).with_context(|| options.listen.to_string())?;
        let quirks = Quirks {
            sticky: options.sticky,
            skew_ms: options.skew_ms,
            corrupts_above: options.corrupts_above,
        };
        let config = SimulatorConfig {
            seed: options.seed,
            delay: options.delay,
            faults: options.faults,
            clock: Clock::real(),
        };
        let simulator = Simulator::with_quirks(config, quirks);
        say(format_args!("quote server on {}, ends with Ctrl-C", listener.local_addr()?));
        let interrupted = async {
            // Without a signal handler Ctrl-C ends the process anyway.
            let _ = tokio::signal::ctrl_c().await;
        };
        simulator.clone().serve(listener, interrupted).await;
        let counts = simulator.counts();
        say(format_args!(
            "\n{} requests: {} answered, {} bad, {} faults played, {} given up by the client",
            counts.requests, counts.answered, counts.bad_requests, counts.faults, counts.abandoned
        ));
        Ok(ExitCode::SUCCESS)
    })
}
