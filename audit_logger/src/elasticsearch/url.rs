//! Where a search server is, as it is given on the command line.

use elasticsearch::http::Url;
use std::fmt;
use std::str::FromStr;

/// The port that Elasticsearch listens on unless it is told otherwise.
const PORT: u16 = 9200;

/// What a URL must look like.
const FORM: &str = "`http[s]://[USER[:PASSWORD]@]HOST[:PORT]` is expected";

/// Where an Elasticsearch is: `http[s]://[USER[:PASSWORD]@]HOST[:PORT]`. With `https` the server's
/// certificate must be signed by one that the system trusts, or by one in the file that the
/// environment names as `SSL_CERT_FILE`.
#[derive(Clone)]
pub struct SearchUrl {
    base: Url,
    credentials: Option<(String, String)>,
    shown: String,
}

impl FromStr for SearchUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<SearchUrl, String> {
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        let usual_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(FORM.to_string()),
        };
        // What the library says of a URL can quote it, the password with it.
        let mut base = Url::parse(text).map_err(|error| match error.to_string() {
            reason if reason.contains("host") => format!("a host is missing; {FORM}"),
            reason if reason.contains("port") => format!("the port is no number; {FORM}"),
            _ => FORM.to_string(),
        })?;
        if !matches!(base.path(), "" | "/") || base.query().is_some() || base.fragment().is_some() {
            return Err(format!("nothing may stand behind the port; {FORM}"));
        }
        let credentials = (!base.username().is_empty())
            .then(|| (decoded(base.username()), decoded(base.password().unwrap_or_default())));
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place).trim_end_matches('/');
        // A port that is usual for the scheme is not kept.
        if base.port().is_none() && !place.ends_with(usual_port) {
            base.set_port(Some(PORT)).map_err(|()| FORM.to_string())?;
        }
        let host = base.host_str().unwrap_or_default();
        let port = base.port_or_known_default().unwrap_or(PORT);
        let shown = match &credentials {
            Some((user, _)) => format!("{scheme}://{user}@{host}:{port}"),
            None => format!("{scheme}://{host}:{port}"),
        };
        let gone = base.set_username("").and_then(|()| base.set_password(None));
        gone.map_err(|()| FORM.to_string())?;
        Ok(SearchUrl { base, credentials, shown })
    }
}

impl SearchUrl {
    /// The address alone.
    pub(super) fn base(&self) -> Url {
        self.base.clone()
    }

    /// User and password.
    pub(super) fn credentials(&self) -> Option<(String, String)> {
        self.credentials.clone()
    }
}

/// Text with its `%XX` resolved.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for SearchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SearchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_and_never_shown() {
        for (text, shown) in [
            ("http://localhost:9201", "http://localhost:9201"),
            ("http://localhost", "http://localhost:9200"),
            ("http://localhost:80", "http://localhost:80"),
            ("http://[::1]:9201/", "http://[::1]:9201"),
            ("http://ann:s3cret@db", "http://ann@db:9200"),
            ("https://ann:s3cret@db", "https://ann@db:9200"),
            ("https://db:443", "https://db:443"),
            ("https://db:80/", "https://db:80"),
            ("http://db:443", "http://db:443"),
            ("http://ann:s3%40cret@db:1", "http://ann@db:1"),
        ] {
            let url: SearchUrl = text.parse().unwrap();
            assert_eq!(format!("{url} {url:?}"), format!("{shown} {shown}"));
            assert!(!url.base().as_str().contains("cret"));
        }
        let url: SearchUrl = "http://ann:s3%40cret@db:1".parse().unwrap();
        assert_eq!(url.credentials(), Some(("ann".to_string(), "s3@cret".to_string())));
    }

    #[test]
    fn what_is_no_url_of_a_search_server_is_refused_without_its_password() {
        for (text, told) in [
            ("", "is expected"),
            ("localhost:9200", "is expected"),
            ("postgres://db/audit", "is expected"),
            ("ftp://ann:s3cret@db:9200", "is expected"),
            ("HTTP://ann:s3cret@db:9200", "is expected"),
            ("https://ann:s3cret@", "host is missing"),
            ("http://", "host is missing"),
            ("http://ann:s3cret@", "host is missing"),
            ("http://ann:s3cret@db:port", "port is no number"),
            ("http://ann:s3cret@db:9200/index", "behind the port"),
        ] {
            let error = text.parse::<SearchUrl>().unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
