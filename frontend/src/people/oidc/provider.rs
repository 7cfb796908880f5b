//! What is asked of the provider: where its doors are, its keys, and whom a code is for.

use super::{OidcError, OidcSettings, plain};
use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, Response, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long the provider may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long its doors and keys are taken to be what they were.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// Whoever signs with a key that is not known has the keys asked for again, this often at most.
const KEYS_AGAIN: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 256 << 10;

/// Questions that may be on their way at once: a provider that hangs holds up no more.
const AT_ONCE: usize = 64;

/// Where the provider's doors are.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What the provider gives for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What was learnt, and when.
type Learnt<T> = Mutex<Option<(Instant, Arc<T>)>>;

/// The provider.
pub(super) struct Provider {
    settings: OidcSettings,
    client: Client,
    metadata: Learnt<Metadata>,
    keys: Learnt<Vec<Jwk>>,
    places: Semaphore,
}

/// Whether something of the provider of `issuer` may be asked at `address`: by TLS, or on this
/// machine where the issuer is.
pub(super) fn check_address(issuer: &str, address: &str) -> Result<Url, OidcError> {
    let fault = || {
        OidcError::Unreachable(format!(
            "{}: an address with https:// is expected, or one with http:// on this machine",
            address.chars().take(100).collect::<String>()
        ))
    };
    let url = Url::parse(address).map_err(|_| fault())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let is_good = match url.scheme() {
        "https" => !host.is_empty(),
        "http" => is_here && issuer.starts_with("http://"),
        _ => false,
    };
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_good && is_plain { Ok(url) } else { Err(fault()) }
}

impl Provider {
    pub(super) fn new(settings: OidcSettings) -> Result<Provider, OidcError> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent("daytrade")
            .build()
            .map_err(|error| unreachable(&error))?;
        Ok(Provider {
            settings,
            client,
            metadata: Mutex::default(),
            keys: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Where its doors are.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, OidcError> {
        if let Some(known) = known(&self.metadata, GOOD_FOR) {
            return Ok(known);
        }
        let issuer = &self.settings.issuer;
        let url = format!("{issuer}/.well-known/openid-configuration");
        let found: Metadata = self.get(&url).await?;
        if found.issuer != *issuer {
            return Err(OidcError::Unreachable(format!(
                "it calls itself {}, not {issuer}",
                found.issuer.chars().take(100).collect::<String>()
            )));
        }
        for door in [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri] {
            check_address(issuer, door)?;
        }
        Ok(learn(&self.metadata, found))
    }

    /// Its keys; `anew` where one is missing among those that are known.
    pub(super) async fn keys(&self, anew: bool) -> Result<Arc<Vec<Jwk>>, OidcError> {
        if let Some(known) = known(&self.keys, if anew { KEYS_AGAIN } else { GOOD_FOR }) {
            return Ok(known);
        }
        let url = self.metadata().await?.jwks_uri.clone();
        let Keys { keys } = self.get(&url).await?;
        // A key of a kind that is not known here is somebody else's.
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok(learn(&self.keys, keys))
    }

    /// Asks whom a code is for.
    pub(super) async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        redirect: &str,
    ) -> Result<Tokens, OidcError> {
        let metadata = self.metadata().await?;
        let OidcSettings { client_id, client_secret, .. } = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(&metadata.token_endpoint);
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let by_header = methods.is_empty() || methods.iter().any(|it| it == "client_secret_basic");
        match client_secret {
            Some(secret) if by_header => {
                request = request.basic_auth(encoded(client_id), Some(encoded(secret)));
            }
            Some(secret) => form.extend(
                [("client_id", client_id), ("client_secret", secret)]
                    .map(|(name, value)| (name, value.as_str())),
            ),
            None => form.push(("client_id", client_id)),
        }
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let response = request.form(&form).send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = read(response).await?;
        if status.is_client_error() {
            let refusal = serde_json::from_slice::<Refusal>(&body);
            let error = refusal.map_or_else(|_| status.as_str().to_string(), |said| said.error);
            return Err(OidcError::Refused(plain(&error)));
        }
        if !status.is_success() {
            return Err(OidcError::Unreachable(format!("it answers {}", status.as_u16())));
        }
        let tokens = serde_json::from_slice(&body);
        tokens.map_err(|_| OidcError::Untrusted("there is no token in it".to_string()))
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, OidcError> {
        let url = check_address(&self.settings.issuer, url)?;
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let response = self.client.get(url.clone()).send().await;
        let response = response.map_err(|error| unreachable(&error))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(OidcError::Unreachable(format!("{url} answers {status}")));
        }
        let body = read(response).await?;
        let found = serde_json::from_slice(&body);
        found.map_err(|_| OidcError::Unreachable(format!("{url} answers what is not expected")))
    }
}

/// Reads an answer that is not too long.
async fn read(mut response: Response) -> Result<Vec<u8>, OidcError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + piece.len() > LONGEST {
            return Err(OidcError::Unreachable("its answer is too long".to_string()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A text as it stands in a form: so do name and secret in the header (RFC 6749, 2.3.1).
fn encoded(text: &str) -> String {
    let mut url = Url::parse("x:y").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().append_key_only(text);
    }
    url.and_then(|url| url.query().map(str::to_string)).unwrap_or_default()
}

/// Why there is no answer: the last cause says it best.
fn unreachable(error: &reqwest::Error) -> OidcError {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    OidcError::Unreachable(match error.is_timeout() {
        true => format!("no answer within {} s", PATIENCE.as_secs()),
        false => cause.to_string(),
    })
}

fn known<T>(learnt: &Learnt<T>, good_for: Duration) -> Option<Arc<T>> {
    let known = learnt.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, what) = known.as_ref()?;
    (at.elapsed() < good_for).then(|| what.clone())
}

fn learn<T>(learnt: &Learnt<T>, what: T) -> Arc<T> {
    let what = Arc::new(what);
    let now = Some((Instant::now(), what.clone()));
    *learnt.lock().unwrap_or_else(PoisonError::into_inner) = now;
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_by_tls_or_on_this_machine() {
        let (far, near) = ("https://sso.example.com", "http://127.0.0.1:8081/realms/x");
        for (issuer, address, good) in [
            (far, far, true),
            (far, "https://other.example.com/keys", true),
            (far, "http://sso.example.com", false),
            (far, "http://127.0.0.1/keys", false),
            (near, near, true),
            (near, "http://localhost:1/keys", true),
            (near, "http://sso.example.com", false),
            (far, "https://user:word@sso.example.com", false),
            (far, "file:///etc/passwd", false),
            (far, "sso.example.com", false),
        ] {
            assert_eq!(check_address(issuer, address).is_ok(), good, "{address}");
        }
    }

    #[test]
    fn a_secret_is_encoded_as_a_form_has_it() {
        assert_eq!(encoded("a b:c+ü"), "a+b%3Ac%2B%C3%BC");
    }
}
