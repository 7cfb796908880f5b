//! Builds the web client where npm is there, and puts its files into the binary. Never fails the
//! build because it is not: the server then says so itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let web = PathBuf::from("web");
    for watched in [
        "package.json",
        "package-lock.json",
        "index.html",
        "vite.config.ts",
        "tsconfig.json",
        "src",
        "public",
    ] {
        if web.join(watched).exists() {
            println!("cargo::rerun-if-changed=web/{watched}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DAYTRADE_WEB");
    // A build without the client, as tests of the server want it.
    let wanted = env::var("DAYTRADE_WEB").map_or(true, |value| value != "off");
    if wanted && web.join("package.json").exists() {
        build(&web);
    }
    let mut pages = Vec::new();
    if web.join("dist/index.html").exists() {
        gather(&web.join("dist"), "", &mut pages)?;
        pages.sort();
    }
    // Copies, so that a build goes on to work when `dist` is removed.
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let copies = out.join("pages");
    fs::create_dir_all(&copies)?;
    let mut table = String::from("static PAGES: &[Page] = &[\n");
    for (at, (path, file)) in pages.into_iter().enumerate() {
        fs::copy(file, copies.join(at.to_string()))?;
        let _ = writeln!(
            table,
            "    Page {{ path: {path:?}, kind: {:?}, \
             bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/pages/{at}\")) }},",
            kind_of(&path),
        );
    }
    table.push_str("];\n");
    fs::write(out.join("pages.rs"), table)
}

/// Runs npm; says what is missing where that does not work.
fn build(web: &Path) {
    let locked = web.join("package-lock.json").exists();
    // npm keeps its own copy of the lock file beside what it installed for it.
    let changed = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let installed = changed(web.join("node_modules/.package-lock.json"))
        .is_some_and(|at| changed(web.join("package-lock.json")).is_none_or(|lock| lock <= at));
    let fetch: &[&str] = if locked { &["ci", "--no-audit", "--no-fund"] } else { &["install"] };
    let steps: &[&[&str]] =
        if installed { &[&["run", "build"]] } else { &[fetch, &["run", "build"]] };
    for step in steps {
        match Command::new("npm").args(*step).current_dir(web).output() {
            Ok(done) if done.status.success() => {}
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
                println!(
                    "cargo::warning=the web client is not built: npm {}: {line}",
                    step.join(" ")
                );
                return;
            }
            Err(_) => {
                println!(
                    "cargo::warning=the web client is not built: npm is not there (Node.js 20 or newer has it)"
                );
                return;
            }
        }
    }
}

fn gather(folder: &Path, under: &str, pages: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = format!("{under}/{}", item.file_name().to_string_lossy());
        if item.file_type()?.is_dir() {
            gather(&item.path(), &name, pages)?;
        } else if !name.ends_with(".map") {
            pages.push((name, item.path()));
        }
    }
    Ok(())
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
