//! URLs on the command line: their passwords are shown to nobody.

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

/// Reads an argument that is a URL. Unlike clap's own parser, its error shows no password.
pub struct UrlParser<T>(PhantomData<fn() -> T>);

impl<T> UrlParser<T> {
    pub const fn new() -> UrlParser<T> {
        UrlParser(PhantomData)
    }
}

impl<T> Clone for UrlParser<T> {
    fn clone(&self) -> UrlParser<T> {
        UrlParser::new()
    }
}

impl<T> TypedValueParser for UrlParser<T>
where
    T: FromStr<Err: Display> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|error| {
            let argument =
                argument.map(|argument| format!(" for '{argument}'")).unwrap_or_default();
            let shown = without_password(&text);
            let message = format!("invalid value '{shown}'{argument}: {error}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

/// A word of the command line as it may be shown: the password of a URL is left out, before the
/// host and among the parameters.
pub fn without_password(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_string() };
    let authority = rest.split('/').next().unwrap_or_default();
    // A password may hold an `@` or a `/` that should have been escaped.
    let end = authority.rfind('@').or_else(|| rest.find('@')).unwrap_or_default();
    let masked = match rest[..end].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:PASSWORD{}", &rest[end..]),
        None => word.to_string(),
    };
    let Some((address, query)) = masked.split_once('?') else { return masked };
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((key, _)) if key.eq_ignore_ascii_case("password") => format!("{key}=PASSWORD"),
        _ => parameter.to_string(),
    });
    format!("{address}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (word, shown) in [
            ("postgres://me:s3cret@host/db", "postgres://me:PASSWORD@host/db"),
            (
                "postgres://host/db?user=me&password=s3cret&sslmode=require",
                "postgres://host/db?user=me&password=PASSWORD&sslmode=require",
            ),
            ("--audit=redis://:p@ss@host:1/0", "--audit=redis://:PASSWORD@host:1/0"),
            ("postgres://me:s3/cret?@host/db", "postgres://me:PASSWORD@host/db"),
            ("postgres://me@host/db:x@y", "postgres://me@host/db:x@y"),
            ("tcp://127.0.0.1:4444", "tcp://127.0.0.1:4444"),
            ("a file:with@signs", "a file:with@signs"),
        ] {
            assert_eq!(without_password(word), shown);
        }
    }
}
