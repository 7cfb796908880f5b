//! `daytrade workload generate`.

use crate::Failure;
use crate::cli::GenerateOptions;
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use workload::generate::{GenerateError, Spec, generate as write_workload};

pub fn generate(options: GenerateOptions) -> Result<ExitCode, Failure> {
    let spec = Spec {
        users: options.users,
        commands: options.commands,
        stocks: options.stocks,
        profile: options.profile,
        seed: options.seed,
    };
    let written = match &options.out {
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            write(&spec, &mut BufWriter::new(file))
        }
        None => write(&spec, &mut BufWriter::new(io::stdout().lock())),
    };
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever reads our output has seen enough.
        Err(GenerateError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(GenerateError::Write(error)) => Err(Failure::Fault(error.into())),
        Err(error) => Err(Failure::Usage(error.into())),
    }
}

fn write(spec: &Spec, out: &mut impl Write) -> Result<(), GenerateError> {
    write_workload(spec, out)?;
    out.flush().map_err(GenerateError::Write)
}
