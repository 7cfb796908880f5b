//! Sign-in with a provider: OpenID Connect, by authorisation code with PKCE.
//!
//! * `provider`: what is asked of the provider.
//! * `token`: whether its word can be trusted.
//! * `flow`: a sign-in that is on its way, sealed in the browser's cookie.
//! * [`names`]: what somebody is called here.
//!
//! A sign-in is begun in one browser and ended in the same: it is good once and for ten minutes,
//! and the browser keeps it, so that unfinished ones take no memory here. The provider is asked when somebody signs in, never before: one
//! that is down is in nobody's way.

mod flow;
pub mod names;
mod provider;
mod token;

use super::{Identity, Role, Roles};
use crate::{Fault, random};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow::{Flow, Seal};
use provider::Provider;
use reqwest::Url;
use serde_json::{Map, Value};
use std::time::Duration;
use thiserror::Error;

/// How long somebody may take at the provider: of the time that passes, however fast the system's
/// clock runs, as the tokens' times are those of the machine's clock.
pub const LIFETIME: Duration = Duration::from_secs(600);

/// How a provider is asked.
#[derive(Clone)]
pub struct OidcSettings {
    /// The address that names the provider, without a slash at its end.
    pub issuer: String,
    /// What the provider calls this server.
    pub client_id: String,
    /// What this server shows to the provider, if anything.
    pub client_secret: Option<String>,
    /// What stands on the button.
    pub name: String,
    /// Whether the provider says who is an analyst or operator, as Keycloak does
    /// (`realm_access.roles`).
    pub gives_roles: bool,
}

impl std::fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcSettings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why nobody is signed in.
#[derive(Debug, Error)]
pub enum OidcError {
    /// The state is not one that was given to this browser, or was used, or is too old.
    #[error("the state was not given to this browser, or is over")]
    Over,
    /// The provider says no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// What the provider says cannot be trusted.
    #[error("the provider's answer is not good: {0}")]
    Untrusted(String),
    /// The provider does not answer as one does.
    #[error("the provider is not there: {0}")]
    Unreachable(String),
    /// The provider is asked for too many sign-ins at once.
    #[error("too many sign-ins are on their way")]
    Busy,
    /// The operating system gives no chance.
    #[error(transparent)]
    Chance(#[from] Fault),
}

impl OidcError {
    /// What is told to whoever asked: nothing that came from the provider.
    pub fn fault(&self) -> Fault {
        match self {
            OidcError::Over => Fault::SignInOver,
            OidcError::Refused(_) | OidcError::Untrusted(_) => Fault::SignInRefused,
            OidcError::Unreachable(_) => Fault::ProviderUnavailable,
            OidcError::Busy => Fault::Busy(5),
            OidcError::Chance(fault) => fault.clone(),
        }
    }
}

/// Where a browser goes to sign in.
pub struct Begun {
    /// The provider's page.
    pub url: String,
    /// What the browser keeps, and shows when it comes back: the sealed flow.
    pub browser: String,
}

/// With what a browser comes back.
#[derive(Debug, Default)]
pub struct Returned<'a> {
    /// What the provider is asked with.
    pub code: Option<&'a str>,
    /// Which sign-in it is.
    pub state: Option<&'a str>,
    /// Who the provider says to be.
    pub issuer: Option<&'a str>,
    /// What the provider has against it.
    pub error: Option<&'a str>,
    /// What the browser shows.
    pub browser: Option<&'a str>,
}

/// Somebody for whom the provider vouches.
#[derive(Debug)]
pub struct Vouched {
    /// Who it is, for ever.
    pub identity: Identity,
    /// What they are to be called here, best first.
    pub names: Vec<String>,
    /// What they may do, where the provider says so.
    pub roles: Option<Roles>,
    /// The session that the browser had before.
    pub session: Option<String>,
}

/// Sign-in with one provider.
pub struct Oidc {
    settings: OidcSettings,
    provider: Provider,
    seal: Seal,
}

impl Oidc {
    /// Nobody is on the way yet; the provider is not asked.
    ///
    /// # Errors
    /// The issuer is no address of a provider, or TLS cannot be set up.
    pub fn new(settings: OidcSettings) -> Result<Oidc, OidcError> {
        provider::check_address(&settings.issuer, &settings.issuer)?;
        let provider = Provider::new(settings.clone())?;
        Ok(Oidc { settings, provider, seal: Seal::new(LIFETIME)? })
    }

    /// What stands on the button.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The address that names the provider.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Fetches what the provider says about itself.
    ///
    /// # Errors
    /// The provider does not answer, or not as one does.
    pub async fn check(&self) -> Result<(), OidcError> {
        self.provider.metadata().await.map(drop)
    }

    /// Begins a sign-in that comes back to `redirect`; `session` is the one that it replaces.
    ///
    /// # Errors
    /// The provider does not answer, or is asked too much.
    pub async fn begin(
        &self,
        redirect: String,
        session: Option<String>,
    ) -> Result<Begun, OidcError> {
        let page = self.provider.metadata().await?.authorization_endpoint.clone();
        let flow = Flow {
            state: random::token()?,
            nonce: random::token()?,
            // 43 to 128 characters (RFC 7636, 4.1).
            verifier: random::token()? + &random::token()?,
            redirect,
            // Whatever else a cookie says is no session, and may be long.
            session: session.filter(|token| random::is_token(token)),
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, flow.verifier.as_bytes()));
        let mut url = Url::parse(&page)
            .map_err(|_| OidcError::Unreachable("its page has no address".to_string()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &flow.redirect)
            .append_pair("scope", "openid profile email")
            .append_pair("state", &flow.state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { url: url.into(), browser: self.seal.seal(flow)? })
    }

    /// The flow that comes back: it is good once, whatever comes of it. Whoever has only the state,
    /// and not the browser, does not end it for its owner.
    fn take(&self, returned: &Returned<'_>) -> Option<Flow> {
        self.seal.take(returned.browser?, returned.state?)
    }

    /// Ends a sign-in: asks the provider who it is.
    ///
    /// # Errors
    /// It was not begun here, the provider says no, or what it says cannot be trusted.
    pub async fn finish(&self, returned: Returned<'_>) -> Result<Vouched, OidcError> {
        let flow = self.take(&returned).ok_or(OidcError::Over)?;
        if returned.issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(OidcError::Untrusted("another provider answers".to_string()));
        }
        if let Some(error) = returned.error {
            return Err(OidcError::Refused(plain(error)));
        }
        let code = returned.code.ok_or_else(|| OidcError::Refused("no code".to_string()))?;
        let tokens = self.provider.exchange(code, &flow.verifier, &flow.redirect).await?;
        let id = self.read(&tokens.id_token, token::Kind::Id { nonce: &flow.nonce }).await?;
        let subject = token::text(&id, "sub").filter(|sub| (1..=255).contains(&sub.len()));
        let subject = subject.ok_or_else(|| OidcError::Untrusted("no subject".to_string()))?;
        let identity =
            Identity { issuer: self.settings.issuer.clone(), subject: subject.to_string() };
        let roles = match self.settings.gives_roles {
            true => Some(self.roles(&id, tokens.access_token.as_deref()).await),
            false => None,
        };
        Ok(Vouched { identity, names: names::of(&id), roles, session: flow.session })
    }

    /// Reads a token with the provider's keys, and once more with new ones where the key is not
    /// among them: providers change theirs.
    async fn read(
        &self,
        token: &str,
        kind: token::Kind<'_>,
    ) -> Result<Map<String, Value>, OidcError> {
        let (issuer, client) = (&self.settings.issuer, &self.settings.client_id);
        let keys = self.provider.keys(false).await?;
        match token::read(token, &keys, issuer, client, kind) {
            Err(token::Bad::UnknownKey) => {
                let keys = self.provider.keys(true).await?;
                token::read(token, &keys, issuer, client, kind)
            }
            read => read,
        }
        .map_err(|bad| OidcError::Untrusted(bad.to_string()))
    }

    /// What the provider lets somebody do. Keycloak says so in the access token; whoever set it up
    /// may have it in the identity token too.
    async fn roles(&self, id: &Map<String, Value>, access: Option<&str>) -> Roles {
        let mut roles = vec![Role::Trader];
        roles.extend(token::roles(id));
        if let Some(access) = access
            && let Ok(claims) = self.read(access, token::Kind::Access).await
        {
            roles.extend(token::roles(&claims));
        }
        roles.sort();
        roles.dedup();
        roles
    }
}

/// An error's name, as far as it is one: nothing else of it goes into the record.
fn plain(error: &str) -> String {
    let known = |char: &char| char.is_ascii_alphanumeric() || *char == '_';
    error.chars().filter(known).take(40).collect()
}
