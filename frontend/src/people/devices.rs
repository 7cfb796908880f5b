//! Known devices: browsers in which a user has signed in with the password before. Whoever guesses
//! at a user's password exhausts the limit of strangers, not that of the user's own browsers.
//!
//! A browser proves it by a cookie: a random name of its own and when that was given, signed for
//! one user and one password. It lets nobody in, it only has attempts counted apart. A new password
//! makes all of them strangers again.

use super::PasswordHash;
use crate::{Fault, random};
use aws_lc_rs::hmac;
use domain::trading::UserName;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// How long a device is known after its last sign-in, in milliseconds: 180 days.
pub const KNOWN_MS: u64 = 180 * 24 * 3_600_000;

/// The name of a device.
pub type DeviceId = [u8; 16];

/// Signs and checks the cookies.
pub struct Devices {
    key: hmac::Key,
}

const KEY_LEN: usize = 32;

impl Devices {
    /// With the key in the file at `path`, which is made where it is not there.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn open(path: &Path) -> io::Result<Devices> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(path)?,
            read => read?,
        };
        let expected = || {
            let said = "64 hexadecimal digits are expected; remove it to have a new one made";
            io::Error::new(io::ErrorKind::InvalidData, said)
        };
        let key = random::unhex(text.trim()).filter(|key| key.len() == KEY_LEN);
        Ok(Devices { key: hmac::Key::new(hmac::HMAC_SHA256, &key.ok_or_else(expected)?) })
    }

    /// The value of a cookie for a browser in which `user` has just signed in with `password`;
    /// `before` is what it was called, if it was known.
    ///
    /// # Errors
    /// The operating system gives no chance.
    pub fn cookie(
        &self,
        user: &UserName,
        password: &PasswordHash,
        before: Option<DeviceId>,
        now_ms: u64,
    ) -> Result<String, Fault> {
        let device = before.map_or_else(random::bits, Ok)?;
        let tag = hmac::sign(&self.key, &signed(user, password, device, now_ms));
        Ok(format!("{}.{now_ms}.{}", random::hex(&device), random::hex(tag.as_ref())))
    }

    /// The device whose `cookie` this is, if it was given to `user` for `password` not too long
    /// ago.
    pub fn known(
        &self,
        cookie: &str,
        user: &UserName,
        password: &PasswordHash,
        now_ms: u64,
    ) -> Option<DeviceId> {
        let mut parts = cookie.splitn(3, '.');
        let mut next = || parts.next().filter(|part| part.len() <= 2 * KEY_LEN);
        let device: DeviceId = random::unhex(next()?)?.try_into().ok()?;
        let given_ms: u64 = next()?.parse().ok()?;
        let tag = random::unhex(next()?)?;
        hmac::verify(&self.key, &signed(user, password, device, given_ms), &tag).ok()?;
        (now_ms.saturating_sub(given_ms) < KNOWN_MS).then_some(device)
    }
}

fn signed(user: &UserName, password: &PasswordHash, device: DeviceId, given_ms: u64) -> Vec<u8> {
    let salt = password.salt();
    format!("device 1\n{user}\n{salt}\n{}\n{given_ms}", random::hex(&device)).into_bytes()
}

/// Makes a key and its file, on disk when this returns.
fn make_key(path: &Path) -> io::Result<String> {
    let mut key = [0; KEY_LEN];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let text = random::hex(&key) + "\n";
    let fresh = path.with_extension("fresh");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_browser_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.key");
        let devices = Devices::open(&path).unwrap();
        let user = |name: &str| UserName::parse(name.as_bytes()).unwrap();
        let (ann, bob) = (user("ann"), user("bob"));
        let password = PasswordHash::of(b"a good long password").unwrap();
        let cookie = devices.cookie(&ann, &password, None, 1000).unwrap();
        let known = devices.known(&cookie, &ann, &password, 2000).unwrap();
        // A restart knows it too, and it keeps its name.
        let restarted = Devices::open(&path).unwrap();
        assert_eq!(restarted.known(&cookie, &ann, &password, 2000), Some(known));
        let again = restarted.cookie(&ann, &password, Some(known), 5000).unwrap();
        assert_eq!(devices.known(&again, &ann, &password, 6000), Some(known));
        // Another user, another password, another server, and too long ago.
        let changed = PasswordHash::of(b"a good long password").unwrap();
        let other = Devices::open(&folder.path().join("other.key")).unwrap();
        assert_eq!(devices.known(&cookie, &bob, &password, 2000), None);
        assert_eq!(devices.known(&cookie, &ann, &changed, 2000), None);
        assert_eq!(other.known(&cookie, &ann, &password, 2000), None);
        assert_eq!(devices.known(&cookie, &ann, &password, 1000 + KNOWN_MS), None);
        for at in 0..cookie.len() {
            let mut noise = cookie.clone().into_bytes();
            noise[at] = if noise[at] == b'0' { b'1' } else { b'0' };
            let noise = String::from_utf8(noise).unwrap();
            assert_eq!(devices.known(&noise, &ann, &password, 2000), None, "{noise}");
        }
        for noise in ["", "..", "a.b.c", &"f".repeat(5000)] {
            assert_eq!(devices.known(noise, &ann, &password, 2000), None);
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.key");
        fs::write(&path, "short").unwrap();
        assert_eq!(Devices::open(&path).err().unwrap().kind(), io::ErrorKind::InvalidData);
    }
}
