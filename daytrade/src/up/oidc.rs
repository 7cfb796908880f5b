//! The options of sign-in with a provider.

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use frontend::people::OidcSettings;
use std::path::{Path, PathBuf};

/// The longest secret that is read, in bytes.
const LONGEST_SECRET: usize = 4096;

#[derive(Args)]
pub struct OidcOptions {
    /// Let people sign in with this OpenID Connect provider beside passwords: the address that
    /// names it. With the preset keycloak, of the server or of a realm
    #[arg(long, value_name = "URL", requires = "oidc_client_id")]
    oidc_issuer: Option<String>,

    /// What the provider calls this server
    #[arg(long, value_name = "ID")]
    oidc_client_id: Option<String>,

    /// A file that holds what this server shows to the provider; none for a public client
    #[arg(long, value_name = "FILE", requires = "oidc_client_id")]
    oidc_client_secret_file: Option<PathBuf>,

    /// What is known of the provider: `google` needs no --oidc-issuer; `keycloak` says by its realm
    /// roles who is an analyst or operator, at each sign-in
    #[arg(long, value_name = "PROVIDER", requires = "oidc_client_id")]
    oidc_preset: Option<Preset>,

    /// The realm of a Keycloak whose address is given
    #[arg(long, value_name = "REALM", requires = "oidc_issuer")]
    oidc_realm: Option<String>,

    /// What stands on the button; by the provider if not given
    #[arg(long, value_name = "TEXT", requires = "oidc_client_id")]
    oidc_name: Option<String>,
}

/// What is known of a provider.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Preset {
    Keycloak,
    Google,
}

impl OidcOptions {
    /// How the provider is asked, if there is one.
    ///
    /// # Errors
    /// The options do not go together, or the secret cannot be read.
    pub fn settings(&self) -> anyhow::Result<Option<OidcSettings>> {
        let Some(client_id) = self.oidc_client_id.clone() else { return Ok(None) };
        let given = self.oidc_issuer.as_deref().map(|issuer| issuer.trim_end_matches('/'));
        let issuer = match (given, self.oidc_preset) {
            (Some(issuer), Some(Preset::Keycloak)) => match &self.oidc_realm {
                Some(realm) => format!("{issuer}/realms/{realm}"),
                None if issuer.contains("/realms/") => issuer.to_string(),
                None => return Err(anyhow!("--oidc-issuer {issuer}: give --oidc-realm too")),
            },
            (_, _) if self.oidc_realm.is_some() => {
                return Err(anyhow!("--oidc-realm goes with --oidc-preset keycloak"));
            }
            (None, Some(Preset::Google)) => "https://accounts.google.com".to_string(),
            (Some(issuer), _) => issuer.to_string(),
            (None, _) => return Err(anyhow!("--oidc-client-id: give --oidc-issuer too")),
        };
        let client_secret = self.oidc_client_secret_file.as_deref().map(read_secret).transpose()?;
        let name = self.oidc_name.as_deref().unwrap_or(match self.oidc_preset {
            Some(Preset::Keycloak) => "Sign in with Keycloak",
            Some(Preset::Google) => "Sign in with Google",
            None => "Sign in with single sign-on",
        });
        Ok(Some(OidcSettings {
            issuer,
            client_id,
            client_secret,
            name: name.to_string(),
            gives_roles: self.oidc_preset == Some(Preset::Keycloak),
        }))
    }
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let expected = "the provider's secret for this server on one line is expected";
    let secret =
        std::fs::read_to_string(path).with_context(|| format!("{}: {expected}", path.display()))?;
    let secret = secret.trim();
    if secret.is_empty() || secret.len() > LONGEST_SECRET || secret.contains('\n') {
        return Err(anyhow!("{}: {expected}", path.display()));
    }
    Ok(secret.to_string())
}
