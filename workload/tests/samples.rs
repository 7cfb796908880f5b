//! The samples in `samples/` are what the generator makes of seed 1, to the
//! byte: whoever changes the generator sees what it does to everyone's files.
//! To write them anew: `REGENERATE_SAMPLES=1 cargo test -p workload --test samples`.

use std::error::Error;
use std::path::Path;

use workload::generate::{Profile, Spec, generate};

fn check(name: &str, profile: Profile) -> Result<(), Box<dyn Error>> {
    let spec = Spec { users: 10, commands: 1_000, stocks: 50, profile, seed: 1 };
    let mut made = Vec::new();
    generate(&spec, &mut made)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    if std::env::var_os("REGENERATE_SAMPLES").is_some() {
        std::fs::write(&path, &made)?;
    }
    let kept = std::fs::read(&path)?;
    assert!(kept == made, "{} is not what the generator makes", path.display());
    Ok(())
}

#[test]
fn the_course_sample_is_what_the_generator_makes() -> Result<(), Box<dyn Error>> {
    check("course-10users-1000.txt", Profile::Course)
}

#[test]
fn the_valid_sample_is_what_the_generator_makes() -> Result<(), Box<dyn Error>> {
    check("valid-10users-1000.txt", Profile::Valid)
}
