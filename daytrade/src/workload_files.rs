//! `daytrade workload generate`.

use crate::Failure;
use crate::cli::GenerateOptions;
use crate::output;
use anyhow::Context;
use files::AtomicFile;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
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
    let none: [PathBuf; 0] = [];
    let written = match output::target(options.out.as_deref(), &none, options.overwrite)? {
        Some(out) => {
            let path = || out.path().display().to_string();
            spec.validate().map_err(|error| Failure::Usage(error.into()))?;
            let mut file = BufWriter::new(out.create().with_context(path)?);
            match write_workload(&spec, &mut file) {
                Ok(()) => {
                    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
                    file.and_then(AtomicFile::commit).with_context(path)?;
                    Ok(())
                }
                Err(GenerateError::Write(error)) => Err(error).with_context(path)?,
                Err(error) => Err(error),
            }
        }
        None => write(&spec, &mut BufWriter::new(io::stdout().lock())),
    };
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever reads our output has seen enough.
        Err(GenerateError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(GenerateError::Write(error)) => {
            Err(Failure::Fault(anyhow::Error::new(error).context("standard output")))
        }
        Err(error) => Err(Failure::Usage(error.into())),
    }
}

fn write(spec: &Spec, out: &mut impl Write) -> Result<(), GenerateError> {
    write_workload(spec, out)?;
    out.flush().map_err(GenerateError::Write)
}
