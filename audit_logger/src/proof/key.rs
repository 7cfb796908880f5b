//! The key of an installation: who has the public half can tell what the private half signed. The
//! private half stays in its file and is never shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

const SECRET: &str = "ed25519-secret:";
const PUBLIC: &str = "ed25519:";

/// A key that cannot be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The operating system said no.
    #[error("{path}: {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{0}: holds no signing key (a line `ed25519-secret:…`)")]
    NoKey(PathBuf),
    /// Others could have read it.
    #[error("{path}: others may read this key (mode {mode:o}): chmod 600 it, or make a new one")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// No place for it is known.
    #[error("no place for the signing key: neither XDG_DATA_HOME nor HOME is set, name a file")]
    NoHome,
}

/// Where the key of this installation is: `$XDG_DATA_HOME/daytrade/signing.key`, or
/// `~/.local/share/daytrade/signing.key`.
///
/// # Errors
/// Neither is known.
pub fn default_path() -> Result<PathBuf, KeyError> {
    let folder = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute())
    };
    let data = folder("XDG_DATA_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local").join("share")));
    Ok(data.ok_or(KeyError::NoHome)?.join("daytrade").join("signing.key"))
}

/// Where the public half of the key at `path` is.
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Whether the file at `path` holds a key, or the public half of one.
pub fn holds_key(path: &Path) -> bool {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_string(&mut text));
    read.is_ok() && (text.starts_with(SECRET) || text.trim().parse::<PublicKey>().is_ok())
}

/// The private half.
#[derive(Clone)]
pub struct InstallationKey(SigningKey);

impl InstallationKey {
    /// The key at `path`, which is made if it is not there, for its owner's eyes only; its public
    /// half stands beside it.
    ///
    /// # Errors
    /// It cannot be read or made, or others may read it.
    pub fn load_or_make(path: &Path) -> Result<InstallationKey, KeyError> {
        if !path.exists() {
            make(path)?;
        }
        let key = InstallationKey::load(path)?;
        let public = public_path(path);
        if !public.exists() {
            // Best effort: it can be told at any time.
            let _ = files::write_atomically(&public, |file| writeln!(file, "{}", key.public()));
        }
        Ok(key)
    }

    /// The key at `path`.
    ///
    /// # Errors
    /// It cannot be read, or others may read it.
    pub fn load(path: &Path) -> Result<InstallationKey, KeyError> {
        let mut file = File::open(path).map_err(io_error(path, "open"))?;
        let metadata = file.metadata().map_err(io_error(path, "read"))?;
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Open { path: path.to_path_buf(), mode });
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io_error(path, "read"))?;
        let secret = text.trim().strip_prefix(SECRET).and_then(bytes);
        let secret = secret.ok_or_else(|| KeyError::NoKey(path.to_path_buf()))?;
        Ok(InstallationKey(SigningKey::from_bytes(&secret)))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `text`.
    pub fn sign(&self, text: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text).to_bytes())
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private half of {}", self.public())
    }
}

/// Makes a key at `path`. Two programs that do so at once come to the same one.
fn make(path: &Path) -> Result<(), KeyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io_error(folder, "create"))?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| io_error(path, "make a key for")(io::Error::other(error.to_string())))?;
    let unfinished = path.with_extension(format!("unfinished-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished).map_err(io_error(&unfinished, "create"))?;
    let written = file
        .write_all(format!("{SECRET}{}\n", URL_SAFE_NO_PAD.encode(secret)).as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io_error(&unfinished, "write"));
    // A link, unlike a renamed file, takes nothing's place.
    let linked = written.and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked.map_err(io_error(path, "create")),
    });
    let _ = fs::remove_file(&unfinished);
    linked
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> KeyError {
    move |source| KeyError::Io { path: path.to_path_buf(), action, source }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The public half, written as `ed25519:` and 43 letters.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Whether `signature` is this key's under `text`.
    pub fn vouches(&self, text: &[u8], signature: &str) -> bool {
        let Some(signature) = bytes::<64>(signature) else { return false };
        self.0.verify_strict(text, &Signature::from_bytes(&signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicKey, String> {
        let key = text.trim().strip_prefix(PUBLIC).and_then(bytes);
        key.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .map(PublicKey)
            .ok_or("a public key is `ed25519:` and 43 letters behind it".to_string())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<PublicKey, String> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("signing.key");
        let key = InstallationKey::load_or_make(&path).unwrap();
        let again = InstallationKey::load_or_make(&path).unwrap();
        assert_eq!(key.public(), again.public());
        let public = fs::read_to_string(public_path(&path)).unwrap();
        assert_eq!(public.parse(), Ok(key.public()));
        let secret = fs::read_to_string(&path).unwrap();
        assert!(!format!("{key:?}").contains(secret.trim().strip_prefix(SECRET).unwrap()));
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(InstallationKey::load(&path), Err(KeyError::Open { .. })));
        }
    }

    #[test]
    fn a_signature_is_of_one_text_and_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| InstallationKey::load_or_make(&folder.path().join(name)).unwrap();
        let (ours, theirs) = (key("ours"), key("theirs"));
        let signature = ours.sign(b"text");
        assert!(ours.public().vouches(b"text", &signature));
        assert!(!ours.public().vouches(b"texT", &signature));
        assert!(!theirs.public().vouches(b"text", &signature));
        assert!(!ours.public().vouches(b"text", &theirs.sign(b"text")));
        assert!(!ours.public().vouches(b"text", ""));
        let text = ours.public().to_string();
        assert_eq!(text.len(), 51);
        assert!(format!("{text}A").parse::<PublicKey>().is_err());
        assert!("ed25519:".parse::<PublicKey>().is_err());
    }
}
