//! Whether a token is the provider's, for this server, for this sign-in, and still good.

use crate::people::Role;
use crate::random;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use thiserror::Error;

/// How far the provider's clock may be off, in seconds.
const LEEWAY: u64 = 60;

/// Signatures that only the holder of the private key can make: with a symmetric one whoever can
/// check it can forge it.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token is for.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Says who somebody is, in answer to this sign-in.
    Id {
        /// What the sign-in was begun with.
        nonce: &'a str,
    },
    /// Says what this server may ask on their behalf; here, what they may do.
    Access,
}

/// What is wrong with a token.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is signed with a key that is not among the provider's.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// It is no token, or its signature, issuer, audience or time is wrong.
    #[error("the token is refused: {0}")]
    Refused(String),
    /// It is for another client of the provider.
    #[error("the token is for another client")]
    Client,
    /// It is of another sign-in.
    #[error("the nonce is another")]
    Nonce,
}

/// The claims of `token`, if all about it is right.
pub(super) fn read(
    token: &str,
    keys: &[Jwk],
    issuer: &str,
    client: &str,
    kind: Kind<'_>,
) -> Result<Map<String, Value>, Bad> {
    let refused = |error: jsonwebtoken::errors::Error| Bad::Refused(error.to_string());
    let header = decode_header(token).map_err(refused)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Bad::Refused("its signature is of a kind that is not taken".to_string()));
    }
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    match kind {
        Kind::Id { .. } => validation.set_audience(&[client]),
        // An access token is for whom the client asks with it; that it is the client's is checked
        // below.
        Kind::Access => {
            validation.validate_aud = false;
            validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        }
    }
    let mut known = keys.iter().filter(|key| fits(key, header.kid.as_deref())).peekable();
    if known.peek().is_none() {
        return Err(Bad::UnknownKey);
    }
    let mut found = Err(Bad::UnknownKey);
    for key in known {
        let key = DecodingKey::from_jwk(key).map_err(refused)?;
        found = decode::<Map<String, Value>>(token, &key, &validation)
            .map(|token| token.claims)
            .map_err(refused);
        if found.is_ok() {
            break;
        }
    }
    let claims = found?;
    let party = claims.get("azp").map(Value::as_str);
    match kind {
        Kind::Id { nonce } => {
            let several =
                claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
            let is_own = match party {
                Some(party) => party == Some(client),
                None => !several,
            };
            if !is_own {
                return Err(Bad::Client);
            }
            let given = text(&claims, "nonce").unwrap_or_default();
            if !random::same(given.as_bytes(), nonce.as_bytes()) {
                return Err(Bad::Nonce);
            }
        }
        Kind::Access => {
            let asked_by = party.or_else(|| claims.get("client_id").map(Value::as_str));
            if asked_by.flatten() != Some(client) {
                return Err(Bad::Client);
            }
        }
    }
    Ok(claims)
}

/// Whether a token with this key id may be signed with `key`.
fn fits(key: &Jwk, id: Option<&str>) -> bool {
    let signs = key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let public =
        !matches!(key.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
    let named = id.is_none_or(|id| key.common.key_id.as_deref().is_none_or(|known| known == id));
    signs && public && named
}

/// A claim that is text.
pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The roles of ours among those of the realm.
pub(super) fn roles(claims: &Map<String, Value>) -> Vec<Role> {
    let all = claims.get("realm_access").and_then(|access| access.get("roles"));
    let all = all.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|role| Role::parse(role.as_str()?)).collect()
}
