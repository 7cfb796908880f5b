//! Signing up, in and out.

use crate::app::{App, Caller};
use crate::people::devices::{DeviceId, KNOWN_MS};
use crate::people::passwords;
use crate::people::{PasswordHash, Role, Session, UsersError};
use crate::{Fault, random};
use actix_web::cookie::{Cookie, CookieBuilder, SameSite, time::Duration};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};
use domain::trading::{Action, UserName, Verb};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who somebody says to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 1 to 64 of `A-Z a-z 0-9 _ . @ -`; a new one begins with a letter or digit.
    user: String,
    /// 10 to 128 characters.
    password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// Who.
    user: String,
    /// What they may do: `trader`, `analyst`, `operator`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// What state-changing requests carry as `X-CSRF-Token`.
    csrf: String,
    /// When it ends if nothing is done, in Unix milliseconds.
    expires_ms: u64,
    /// The server's time in Unix milliseconds.
    now_ms: u64,
    /// How many times as fast as time passes that clock runs: 1, but for tests and demonstrations.
    clock_speed: u32,
}

fn view(app: &App, session: &Session) -> SessionView {
    SessionView {
        user: session.user.to_string(),
        roles: app.users.roles(&session.user),
        csrf: session.csrf.clone(),
        expires_ms: session.expires_ms(),
        now_ms: app.now_ms(),
        clock_speed: app.clock.speed(),
    }
}

/// What holds for both: no other site's page, JSON, and not too often. The body is read after all
/// else is known to be good.
async fn admit(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Credentials, Fault> {
    app.check_origin(request, false)?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return Err(Fault::invalid("a body of application/json is expected"));
    }
    let network = app.network(request);
    app.by_address.take(network, app.now_ms()).inspect_err(|_| {
        app.record(request, "rate_limited", None, Some("address".to_string()));
    })?;
    app.bodies_of_strangers.read(network, request, payload).await?.json()
}

/// A new session in place of the one that the request came with, if any. The browser is one of the
/// user's from now on.
fn signed_in(
    app: &App,
    request: &HttpRequest,
    user: &UserName,
    password: &PasswordHash,
    device: Option<DeviceId>,
    status: StatusCode,
) -> Result<HttpResponse, Fault> {
    let value = app.devices.cookie(user, password, device, app.now_ms())?;
    let lifetime = Duration::milliseconds(i64::try_from(KNOWN_MS).unwrap_or(i64::MAX));
    let (cookie, session) = signed_in_cookie(app, request, user)?;
    let device = Cookie::build(device_cookie(app, user), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.config.by_tls())
        .max_age(lifetime)
        .finish();
    Ok(HttpResponse::build(status).cookie(cookie).cookie(device).json(view(app, &session)))
}

/// The name of the cookie by which a browser is known as one of `user`: one for each user.
fn device_cookie(app: &App, user: &UserName) -> String {
    let digest = digest(&SHA256, user.as_str().as_bytes());
    let prefix = if app.config.by_tls() { "__Host-" } else { "" };
    format!("{prefix}daytrade-device-{}", random::hex(&digest.as_ref()[..4]))
}

/// The browser, where it is one in which `user` has signed in with `password` before.
fn known_device(
    app: &App,
    request: &HttpRequest,
    user: &UserName,
    password: &PasswordHash,
) -> Option<DeviceId> {
    let cookie = request.cookie(&device_cookie(app, user))?;
    app.devices.known(cookie.value(), user, password, app.now_ms())
}

/// What the answer is where the users cannot be changed.
pub(super) fn store_fault(error: &UsersError) -> Fault {
    match error {
        UsersError::Taken(_) => Fault::UserTaken,
        UsersError::Busy => Fault::Busy(2),
        error => {
            tracing::error!(%error, "failed to write the users");
            Fault::Unavailable
        }
    }
}

/// A new session in place of the one that the request came with, and the cookie that names it.
pub(super) fn signed_in_cookie(
    app: &App,
    request: &HttpRequest,
    user: &UserName,
) -> Result<(Cookie<'static>, Arc<Session>), Fault> {
    if let Some(token) = app.token(request) {
        app.sessions.end(&token);
    }
    let (token, session) = app.sessions.begin(user, app.now_ms())?;
    Ok((cookie(app, token).finish(), session))
}

fn cookie(app: &App, value: String) -> CookieBuilder<'static> {
    Cookie::build(app.cookie(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.config.by_tls())
}

/// What binds a sign-in with a provider to its browser: it comes along on the way back from the
/// provider's page, which that of the session does not.
pub(super) fn flow_cookie(app: &App, value: String) -> CookieBuilder<'static> {
    Cookie::build(app.flow_cookie(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.by_tls())
}

fn signed_out(app: &App) -> HttpResponse {
    let gone = cookie(app, String::new()).max_age(Duration::ZERO).finish();
    HttpResponse::NoContent().cookie(gone).finish()
}

/// Opens the account of a trader who has none. Where the workers are too busy for it, the next
/// sign-in does it: whoever is signed up is let in.
pub(crate) async fn open_account(app: &App, user: &UserName) {
    let trades = app.users.roles(user).contains(&Role::Trader);
    let has_none = app.desk.read(user).await.is_ok_and(|read| read.account.is_none());
    if trades && has_none {
        let action = Action::User { user: user.clone(), verb: Verb::Register };
        let opened = match app.door.enter(action) {
            Ok(replied) => replied.await.is_ok(),
            Err(_) => false,
        };
        if !opened {
            tracing::warn!(%user, "the account is not open yet");
        }
    }
}

/// Signs a new user up, and in.
#[utoipa::path(post, path = "/api/v1/users", request_body = Credentials, responses(
    (status = 201, body = SessionView), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn sign_up(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Fault> {
    let Credentials { user, password } = admit(&app, &request, payload).await?;
    let user = UserName::parse(user.as_bytes())
        .filter(|user| user.as_str().starts_with(|first: char| first.is_ascii_alphanumeric()))
        .ok_or(Fault::invalid(
            "a user name is 1 to 64 of A-Z a-z 0-9 _ . @ - and begins with a letter or digit",
        ))?;
    passwords::check(&user, &password)?;
    // An account that nobody signs in to, of a workload that was played, is no stranger's.
    let account = app.desk.read(&user).await.map_err(|_| Fault::Unavailable)?;
    if app.users.has(&user) || account.account.is_some() {
        return Err(Fault::UserTaken);
    }
    let hash = app.passwords.hash(password).await?;
    let (users, name, kept, now_ms) = (app.users.clone(), user.clone(), hash.clone(), app.now_ms());
    let added = web::block(move || users.add(&name, kept, vec![Role::Trader], now_ms)).await;
    added.map_err(|_| Fault::Unavailable)?.map_err(|error| store_fault(&error))?;
    app.record(&request, "signed_up", Some(user.as_str()), None);
    open_account(&app, &user).await;
    signed_in(&app, &request, &user, &hash, None, StatusCode::CREATED)
}

/// Signs a user in.
#[utoipa::path(post, path = "/api/v1/session", request_body = Credentials, responses(
    (status = 200, body = SessionView), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn sign_in(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Fault> {
    let Credentials { user: given, password } = admit(&app, &request, payload).await?;
    let user = UserName::parse(given.as_bytes());
    let kept = user.as_ref().and_then(|user| Some((user, app.users.password(user)?)));
    let device = kept.as_ref().and_then(|(user, kept)| known_device(&app, &request, user, kept));
    let limited = match device {
        // Strangers who guess keep nobody out of a browser that is known.
        Some(device) => app.by_device.take(device, app.now_ms()),
        None => app.by_account.take(given.chars().take(80).collect(), app.now_ms()),
    };
    limited.inspect_err(|_| {
        app.record(&request, "rate_limited", Some(&given), Some("account".to_string()));
    })?;
    // A text that nobody has as a password takes no longer than one that somebody may have.
    let password = password.chars().take(129).collect();
    let hash = kept.as_ref().map(|(_, hash)| hash.clone());
    let right = app.passwords.matches(hash, password).await?;
    let Some((user, hash)) = kept.filter(|_| right) else {
        app.record(&request, "sign_in_failed", Some(&given), None);
        return Err(Fault::WrongCredentials);
    };
    app.record(&request, "signed_in", Some(user.as_str()), None);
    open_account(&app, user).await;
    signed_in(&app, &request, user, &hash, device, StatusCode::OK)
}

/// Tells who is signed in.
#[utoipa::path(get, path = "/api/v1/session", responses(
    (status = 200, body = SessionView), (status = 401, body = crate::fault::Problem)))]
pub(crate) async fn session(app: web::Data<App>, caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(view(&app, &caller.session))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", responses(
    (status = 204), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn sign_out(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> HttpResponse {
    if let Some(token) = app.token(&request) {
        app.sessions.end(&token);
    }
    app.record(&request, "signed_out", Some(caller.user.as_str()), None);
    signed_out(&app)
}

/// Signs out everywhere.
#[utoipa::path(delete, path = "/api/v1/sessions", responses(
    (status = 204), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn sign_out_everywhere(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
) -> HttpResponse {
    app.sessions.end_all(&caller.user);
    app.record(&request, "signed_out_everywhere", Some(caller.user.as_str()), None);
    signed_out(&app)
}
