//! `daytrade audit export`: entries in the order of the log, as they are read; memory does not
//! grow with them.

use super::filter::FilterArgs;
use super::parquet::ParquetWriter;
use super::place::Place;
use super::records::{csv_head, put_csv, put_json, put_out};
use crate::Failure;
use crate::keys::{KeyArgs, now_ms};
use crate::output::{self, Overwrite};
use crate::terminal::{during, warn};
use anyhow::{Context, anyhow};
use audit_logger::proof::export::{About, Part, proof_path};
use audit_logger::proof::{self, InstallationKey, Prover};
use audit_logger::query::{Filter, Order, Record, Source};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use clap::{Args, ValueEnum};
use files::{AtomicFile, OutputFile, write_atomically};
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct ExportOptions {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    filter: FilterArgs,

    /// The course's XML log, JSON lines, CSV or Parquet
    #[arg(long, value_name = "FORM")]
    format: ExportForm,

    /// The file to write; standard output if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Write a signed proof beside the file, `FILE.proof`: with it `audit check --export FILE` finds
    /// any change to the file, wherever it is
    #[arg(long, requires = "out", conflicts_with = "from")]
    prove: bool,

    #[command(flatten)]
    key: KeyArgs,

    /// The name of this server in the XML log
    #[arg(long, default_value = "daytrade", value_name = "NAME")]
    server: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportForm {
    Xml,
    Jsonl,
    Csv,
    Parquet,
}

/// What a thread made of a part of the log.
#[derive(Default)]
struct Rendered {
    bytes: Vec<u8>,
    renderer: Option<Renderer>,
    parts: Vec<Part>,
}

pub fn run(options: ExportOptions) -> Result<ExitCode, Failure> {
    if options.prove && options.format == ExportForm::Parquet {
        return Err(Failure::Usage(anyhow!(
            "--prove: a Parquet file has no lines to prove: --format xml, jsonl or csv"
        )));
    }
    let inputs: Vec<&Path> = options.key.file().into_iter().collect();
    let out = output::target(options.out.as_deref(), &inputs, options.overwrite)?;
    let proof_out = match (&out, options.prove) {
        (Some(out), true) => {
            Some(output::check(&proof_path(out.path()), &inputs, options.overwrite)?)
        }
        (None, true) => {
            return Err(Failure::Usage(anyhow!("--prove: a proof needs a file: --out names one")));
        }
        (_, false) => None,
    };
    let source = options.place.open(options.filter.is_narrow())?;
    // What is not proven here is not vouched for elsewhere.
    let mut proof = match options.prove {
        true => Some(Proof::begin(&options.place.log()?, &options)?),
        false => None,
    };
    let mut filter = options.filter.filter(&source)?;
    if let Some(proof) = &proof {
        filter.entries = 0..=proof.about.log_entries;
    }
    let (form, server) = (options.format, &options.server);
    if form == ExportForm::Parquet {
        return parquet(&source, &filter, out);
    }
    let mut target = Target::make(out)?;
    let (head, foot) = match form {
        ExportForm::Xml => (HEAD.to_string(), FOOT),
        ExportForm::Jsonl | ExportForm::Parquet => (String::new(), ""),
        ExportForm::Csv => (csv_head(), ""),
    };
    if let Some(proof) = &mut proof {
        proof.prover.add(head.as_bytes(), &[Part::of(0, head.as_bytes())]);
    }
    if target.put(head.as_bytes())?.is_break() {
        return Ok(ExitCode::SUCCESS);
    }
    let mut gone = false;
    let proves = proof.is_some();
    source.scan(
        &filter,
        Order::OldestFirst,
        usize::MAX,
        |part: &mut Rendered, number, entry| {
            let begins = part.bytes.len();
            match form {
                ExportForm::Xml => {
                    let renderer = part.renderer.get_or_insert_with(|| Renderer::new(server));
                    renderer.render(&entry, &mut part.bytes);
                }
                ExportForm::Jsonl => put_json(&Record::of(number, &entry), &mut part.bytes),
                ExportForm::Csv => put_csv(&Record::of(number, &entry), &mut part.bytes),
                ExportForm::Parquet => {}
            }
            if proves {
                part.parts.push(Part::of(number, &part.bytes[begins..]));
            }
        },
        |part| {
            if let Some(proof) = &mut proof {
                proof.prover.add(&part.bytes, &part.parts);
            }
            let flow = target.put(&part.bytes)?;
            gone = flow.is_break();
            Ok::<_, anyhow::Error>(flow)
        },
    )?;
    if !gone {
        let _ = target.put(foot.as_bytes())?;
        target.finish()?;
        if let (Some(mut proof), Some(out)) = (proof, proof_out) {
            proof.prover.add(foot.as_bytes(), &[Part::of(0, foot.as_bytes())]);
            proof.finish(&out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parquet(source: &Source, filter: &Filter, out: Option<OutputFile>) -> Result<ExitCode, Failure> {
    if out.is_none() && io::stdout().is_terminal() {
        let reason = "a Parquet file is nothing to read on a terminal: --out names a file for it";
        return Err(Failure::Usage(anyhow!(reason)));
    }
    let mut writer = ParquetWriter::begin(Target::make(out)?)?;
    source.scan(
        filter,
        Order::OldestFirst,
        usize::MAX,
        |part: &mut Vec<Record>, number, entry| part.push(Record::of(number, &entry)),
        |part| {
            writer.put(part)?;
            Ok::<_, anyhow::Error>(ControlFlow::Continue(()))
        },
    )?;
    writer.finish()?.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// The proof of an export that is being made.
struct Proof {
    prover: Prover,
    key: InstallationKey,
    about: About,
}

impl Proof {
    /// Begins a proof: of a log that is whole, up to its last entry now.
    fn begin(folder: &Path, options: &ExportOptions) -> anyhow::Result<Proof> {
        let key = options.key.load_for(folder)?;
        let checkpoint = during("checking the log", || proof::prove(folder, &key, now_ms()))?;
        let form = match options.format {
            ExportForm::Xml => "xml",
            ExportForm::Jsonl => "jsonl",
            ExportForm::Csv => "csv",
            ExportForm::Parquet => "parquet",
        };
        let about = About {
            log: checkpoint.log,
            log_entries: checkpoint.entries,
            chain: checkpoint.chain,
            form: form.to_string(),
            filter: options.filter.as_given(),
            time_ms: checkpoint.time_ms,
        };
        Ok(Proof { prover: Prover::default(), key, about })
    }

    fn finish(self, out: &OutputFile) -> anyhow::Result<()> {
        let path = out.path();
        let mut bytes = Vec::new();
        let signed = self.prover.finish(&self.key, self.about, &mut bytes)?;
        write_atomically(path, |file| file.write_all(&bytes))
            .with_context(|| path.display().to_string())?;
        warn(format_args!("proof   {}, signed by {}", path.display(), signed.key));
        Ok(())
    }
}

/// Where an export goes. A file is complete or absent.
enum Target {
    Output,
    File { path: PathBuf, file: AtomicFile },
}

impl Target {
    fn make(out: Option<OutputFile>) -> anyhow::Result<Target> {
        let Some(out) = out else { return Ok(Target::Output) };
        let file = out
            .create()
            .with_context(|| format!("{}: the file cannot be created", out.path().display()))?;
        Ok(Target::File { path: out.path().to_path_buf(), file })
    }

    fn put(&mut self, bytes: &[u8]) -> anyhow::Result<ControlFlow<()>> {
        match self {
            Target::Output if put_out(bytes).context("standard output")? => {
                Ok(ControlFlow::Continue(()))
            }
            Target::Output => Ok(ControlFlow::Break(())),
            Target::File { file, path } => {
                file.write_all(bytes).with_context(|| path.display().to_string())?;
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// Puts a file in its place.
    fn finish(self) -> anyhow::Result<()> {
        match self {
            Target::Output => put_out(b"").map(|_| ()).context("standard output"),
            Target::File { path, file } => {
                file.commit().with_context(|| path.display().to_string())
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Output => io::stdout().lock().write(bytes),
            Target::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Output => io::stdout().lock().flush(),
            Target::File { file, .. } => file.flush(),
        }
    }
}
