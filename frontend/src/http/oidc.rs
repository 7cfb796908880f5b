//! Signing in with a provider, as browsers go: to the provider's page and back.

use super::people::{flow_cookie, open_account, signed_in_cookie, store_fault};
use crate::Fault;
use crate::app::App;
use crate::people::oidc::{LIFETIME, Oidc, Returned, Vouched};
use crate::people::{Role, Roles, UsersError};
use actix_web::cookie::time::Duration;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::trading::UserName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where browsers come back to.
const CALLBACK: &str = "/api/v1/oidc/callback";

/// The ways in.
#[derive(Serialize, ToSchema)]
pub struct WaysIn {
    /// With name and password: always.
    password: bool,
    /// With a provider, where the server has one.
    oidc: Option<WayByProvider>,
}

/// The way in with a provider.
#[derive(Serialize, ToSchema)]
pub struct WayByProvider {
    /// What stands on the button.
    name: String,
    /// Where the button leads.
    start: &'static str,
}

/// What a provider sends a browser back with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Callback {
    /// What the provider is asked with.
    code: Option<String>,
    /// Which sign-in it is.
    state: Option<String>,
    /// Who the provider says to be.
    iss: Option<String>,
    /// What the provider has against it.
    error: Option<String>,
}

/// Tells how one can sign in.
#[utoipa::path(get, path = "/api/v1/sign-in", responses((status = 200, body = WaysIn)))]
pub(crate) async fn ways_in(app: web::Data<App>) -> HttpResponse {
    let oidc = app
        .oidc
        .as_ref()
        .map(|oidc| WayByProvider { name: oidc.name().to_string(), start: "/api/v1/oidc/start" });
    HttpResponse::Ok().json(WaysIn { password: true, oidc })
}

/// Begins a sign-in with the provider: leads to its page.
#[utoipa::path(get, path = "/api/v1/oidc/start", responses(
    (status = 303, description = "to the provider's page, with a cookie for the way back"),
    (status = "4XX", body = crate::fault::Problem), (status = 503, body = crate::fault::Problem)))]
pub(crate) async fn start(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match begin(&app, &request).await {
        Ok(response) => response,
        Err(fault) => refuse(&request, &fault),
    }
}

async fn begin(app: &App, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let oidc = app.oidc.as_ref().ok_or(Fault::NotFound)?;
    app.check_origin(request, false)?;
    limit(app, request)?;
    let redirect = format!("{}{CALLBACK}", own_origin(app, request));
    let begun = oidc.begin(redirect, app.token(request)).await;
    let begun = begun.map_err(|error| {
        tracing::warn!(%error, "no sign-in with the provider can begin");
        app.record(request, "sign_in_failed", None, Some(format!("oidc: {error}")));
        error.fault()
    })?;
    let lifetime = Duration::seconds(LIFETIME.as_secs() as i64);
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, begun.url))
        .cookie(flow_cookie(app, begun.browser).max_age(lifetime).finish())
        .finish())
}

/// Ends a sign-in with the provider: signs in whom it vouches for, and leads to the screen.
#[utoipa::path(get, path = "/api/v1/oidc/callback", params(Callback), responses(
    (status = 303, description = "to the screen, with a session"),
    (status = "4XX", body = crate::fault::Problem), (status = 503, body = crate::fault::Problem)))]
pub(crate) async fn callback(
    app: web::Data<App>,
    request: HttpRequest,
    query: Result<web::Query<Callback>, actix_web::Error>,
) -> HttpResponse {
    let done = match query {
        Ok(query) => end(&app, &request, &query).await,
        Err(_) => Err(Fault::invalid("code and state are expected")),
    };
    let mut response = done.unwrap_or_else(|fault| refuse(&request, &fault));
    // Whatever came of it, it was the browser's one try.
    let gone = flow_cookie(&app, String::new()).max_age(Duration::ZERO).finish();
    let _ = response.add_cookie(&gone);
    response
}

async fn end(app: &App, request: &HttpRequest, query: &Callback) -> Result<HttpResponse, Fault> {
    let oidc = app.oidc.as_ref().ok_or(Fault::NotFound)?;
    limit(app, request)?;
    let browser = request.cookie(app.flow_cookie());
    let returned = Returned {
        code: query.code.as_deref(),
        state: query.state.as_deref(),
        issuer: query.iss.as_deref(),
        error: query.error.as_deref(),
        browser: browser.as_ref().map(|cookie| cookie.value()),
    };
    let vouched = oidc.finish(returned).await.map_err(|error| {
        tracing::warn!(%error, "a sign-in with the provider failed");
        app.record(request, "sign_in_failed", None, Some(format!("oidc: {error}")));
        error.fault()
    })?;
    let user = known_or_new(app, request, oidc, &vouched).await?;
    app.record(request, "signed_in", Some(user.as_str()), Some(format!("oidc: {}", oidc.issuer())));
    open_account(app, &user).await;
    // The cookie of the session does not come with a request from the provider's page.
    if let Some(token) = &vouched.session {
        app.sessions.end(token);
    }
    let (cookie, _) = signed_in_cookie(app, request, &user)?;
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).cookie(cookie).finish())
}

/// The user that somebody is: the one that they were before, with the roles that they have now, or
/// a new one.
async fn known_or_new(
    app: &App,
    request: &HttpRequest,
    oidc: &Oidc,
    vouched: &Vouched,
) -> Result<UserName, Fault> {
    if let Some(user) = app.users.of_identity(&vouched.identity) {
        if let Some(roles) = vouched.roles.clone().filter(|roles| *roles != app.users.roles(&user))
        {
            let (users, name, now_ms) = (app.users.clone(), user.clone(), app.now_ms());
            let told = names(&roles);
            store(move || users.change(&name, None, Some(roles), now_ms)).await?;
            let detail = format!("oidc: {told}");
            app.record(request, "roles_changed", Some(user.as_str()), Some(detail));
        }
        return Ok(user);
    }
    let name = vouched.names.first().and_then(|name| UserName::parse(name.as_bytes()));
    let Some(user) = name else {
        let detail = "oidc: the provider says no name that a user can have".to_string();
        app.record(request, "sign_in_failed", None, Some(detail));
        return Err(Fault::SignInRefused);
    };
    // Somebody else's name, even if only an account of the log has it, is never taken over.
    let account = app.desk.read(&user).await.map_err(|_| Fault::Unavailable)?;
    let taken = || {
        let detail = "oidc: the name is taken".to_string();
        app.record(request, "sign_in_failed", Some(user.as_str()), Some(detail));
        Fault::UserTaken
    };
    if app.users.has(&user) || account.account.is_some() {
        return Err(taken());
    }
    let roles = vouched.roles.clone().unwrap_or_else(|| vec![Role::Trader]);
    let detail = format!("oidc: {}: {}", oidc.issuer(), names(&roles));
    let (users, name, now_ms) = (app.users.clone(), user.clone(), app.now_ms());
    let identity = vouched.identity.clone();
    match store(move || users.add_identity(&name, identity, roles, now_ms)).await {
        Ok(()) => {}
        Err(Fault::UserTaken) => return Err(taken()),
        Err(fault) => return Err(fault),
    }
    app.record(request, "signed_up", Some(user.as_str()), Some(detail));
    Ok(user)
}

async fn store(
    work: impl FnOnce() -> Result<(), UsersError> + Send + 'static,
) -> Result<(), Fault> {
    match web::block(work).await.map_err(|_| Fault::Unavailable)? {
        Ok(()) => Ok(()),
        Err(error) => Err(store_fault(&error)),
    }
}

fn names(roles: &Roles) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

fn limit(app: &App, request: &HttpRequest) -> Result<(), Fault> {
    app.by_address.take(app.network(request), app.now_ms()).inspect_err(|_| {
        app.record(request, "rate_limited", None, Some("address".to_string()));
    })
}

/// The origin by which the browser knows this server: the one it asked, if that is one of ours.
fn own_origin<'a>(app: &'a App, request: &HttpRequest) -> &'a str {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_asked = |origin: &&String| {
        origin.split_once("://").is_some_and(|(_, at)| host.is_some_and(|host| host == at))
    };
    let origins = &app.config.origins;
    origins.iter().find(is_asked).or(origins.first()).map(String::as_str).unwrap_or_default()
}

/// A browser that shows pages is led to the screen, which says what is wrong; others get the
/// problem itself.
fn refuse(request: &HttpRequest, fault: &Fault) -> HttpResponse {
    let accepts = request.headers().get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok());
    if accepts.is_some_and(|kinds| kinds.contains("text/html")) {
        let page = format!("/?sign_in={}", fault.code());
        return HttpResponse::SeeOther().insert_header((header::LOCATION, page)).finish();
    }
    actix_web::ResponseError::error_response(fault)
}
