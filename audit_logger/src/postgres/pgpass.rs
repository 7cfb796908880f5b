//! Passwords from the file of libpq, `~/.pgpass` (PostgreSQL manual, "The Password File").

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The password for the first host of `config`, if the file has one.
pub(super) fn find(
    config: &Config,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let home = || Some(PathBuf::from(environment("HOME")?).join(".pgpass"));
    let path = environment("PGPASSFILE").map(PathBuf::from).or_else(home)?;
    let host = match config.get_hosts().first()? {
        Host::Tcp(host) => host.clone(),
        Host::Unix(_) => "localhost".to_string(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().map(str::to_string).or_else(|| environment("USER"))?;
    let wanted = [host.as_str(), &port, config.get_dbname()?, &user];
    look_up(&read(&path)?, wanted)
}

/// The file, unless others than its owner can read it.
fn read(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    if !file.is_file() || file.len() > LONGEST {
        return None;
    }
    if file.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "password file ignored: others can read it (mode 0600 is expected)");
        return None;
    }
    fs::read_to_string(path).ok()
}

/// The password of the first line whose host, port, database and user are as `wanted`.
fn look_up(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        for wanted in wanted {
            let field = fields.next()?;
            if field != "*" && field != wanted {
                return None;
            }
        }
        fields.next().filter(|password| !password.is_empty())
    })
}

/// The fields of a line: `:` is between them, and `\` before a `:` or `\` that is part of one.
fn fields(line: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = line.chars();
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let mut field = String::new();
        loop {
            match rest.next() {
                Some('\\') => field.extend(rest.next()),
                Some(':') => return Some(field),
                Some(character) => field.push(character),
                None => {
                    over = true;
                    return Some(field);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let file = "# a comment\n\
                    db:5432:audit:ann:one\n\
                    db:5432:*:ann:t\\:wo\n\
                    \n\
                    *:*:*:bob:three\\\\\n\
                    *:*:audit:*:four\n";
        let of = |wanted| look_up(file, wanted);
        assert_eq!(of(["db", "5432", "audit", "ann"]).as_deref(), Some("one"));
        assert_eq!(of(["db", "5432", "other", "ann"]).as_deref(), Some("t:wo"));
        assert_eq!(of(["elsewhere", "1", "x", "bob"]).as_deref(), Some("three\\"));
        assert_eq!(of(["elsewhere", "1", "audit", "eve"]).as_deref(), Some("four"));
        assert_eq!(of(["elsewhere", "1", "x", "eve"]), None);
    }

    #[test]
    fn a_password_file_that_others_can_read_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, "*:*:*:*:s3cret\n").unwrap();
        let config: Config = "postgres://ann@db/audit".parse().unwrap();
        let environment =
            |name: &str| (name == "PGPASSFILE").then(|| path.to_str().unwrap().to_string());
        for (mode, found) in [(0o600, Some("s3cret")), (0o640, None), (0o604, None)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(find(&config, &environment).as_deref(), found, "{mode:o}");
        }
    }
}
