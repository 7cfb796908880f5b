//! The routes, and what all answers have in common.
//!
//! * [`people`]: signing up, in and out.
//! * [`commands`]: commands and what comes of them.
//! * [`looks`]: accounts, prices, history, the audit trail.
//! * [`machine`]: what programs that watch the server ask.
//! * [`oidc`]: signing in with a provider.
//! * [`pages`]: the client.

pub mod commands;
pub mod looks;
pub mod machine;
pub mod oidc;
pub mod pages;
pub mod people;

use crate::app::App;
use crate::{Fault, live::stream};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// The longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 << 10;

/// How long a request may take until its answer begins: a command may wait for a minute, the rest
/// is for its body to come.
const SLOWEST: Duration = Duration::from_secs(90);

/// The one route that is another protocol.
const STREAM: &str = "/api/v1/stream";

const NO_UPGRADE: &str = "no other protocol is spoken here: leave the Upgrade header out";

/// Declares the routes once: for the server, and for whoever compares them with the description.
macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)*) => {
        /// The routes that are served, but for the pages: method and path.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        /// Puts the routes up.
        pub(crate) fn configure(config: &mut web::ServiceConfig) {
            $(config.route($path, web::$method().to($handler));)*
        }
    };
}

routes! {
    get "/healthz" => machine::healthz;
    get "/readyz" => machine::readyz;
    get "/metrics" => machine::metrics;
    get "/api/v1/openapi.json" => machine::openapi;
    post "/api/v1/users" => people::sign_up;
    post "/api/v1/session" => people::sign_in;
    get "/api/v1/session" => people::session;
    delete "/api/v1/session" => people::sign_out;
    delete "/api/v1/sessions" => people::sign_out_everywhere;
    get "/api/v1/sign-in" => oidc::ways_in;
    get "/api/v1/oidc/start" => oidc::start;
    get "/api/v1/oidc/callback" => oidc::callback;
    post "/api/v1/commands" => commands::command;
    get "/api/v1/account" => looks::account;
    get "/api/v1/quotes" => looks::quotes;
    get "/api/v1/quotes/{stock}/history" => looks::quote_history;
    get "/api/v1/history" => looks::history;
    get "/api/v1/history/export" => looks::history_export;
    get "/api/v1/history/{transaction}" => looks::history_story;
    get "/api/v1/audit/search" => looks::audit_search;
    get "/api/v1/audit/tx/{transaction}" => looks::audit_story;
    get "/api/v1/audit/stats" => looks::audit_stats;
    get "/api/v1/audit/histogram" => looks::audit_histogram;
    get "/api/v1/audit/followers" => looks::audit_followers;
    get "/api/v1/audit/proof" => looks::audit_proof;
    get "/api/v1/audit/export" => looks::audit_export;
    get "/api/v1/operations" => machine::operations;
    get "/api/v1/stream" => stream::stream;
}

/// Reads a body of JSON.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // An array would be taken for the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Fault::invalid("an object of JSON is expected"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Fault::invalid(match (error.is_data(), about_fields(&error.to_string())) {
            (true, Some(said)) => said,
            (true, None) => {
                format!("a value is not of the kind that is expected: line {line}, column {column}")
            }
            (false, _) => format!("this is no JSON: line {line}, column {column}"),
        })
    })
}

/// What is wrong with the names of fields. All else that is said of a value that cannot be read
/// is in words of the inside.
pub(crate) fn about_fields(error: &str) -> Option<String> {
    let known = ["unknown field", "missing field", "duplicate field"];
    known.iter().any(|known| error.starts_with(known)).then(|| {
        let said = error.split(" at line ").next().unwrap_or_default();
        said.chars().filter(|char| !char.is_control()).take(300).collect()
    })
}

/// What a browser may do with a page of ours: nothing that does not come from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// For a year browsers ask by TLS only.
const TLS_ONLY: &str = "max-age=31536000";

/// Gives every answer its headers, and every refusal, whoever made it, the documented form.
pub(crate) async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_api = request.path().starts_with("/api/");
    let by_tls =
        request.app_data::<web::Data<App>>().is_some_and(|app| app.came_by_tls(request.request()));
    // Behind an upgrade there is no end of a body: whoever asks for one elsewhere would wait for it.
    let upgrades = request.headers().contains_key(header::UPGRADE) && request.path() != STREAM;
    let response = match upgrades {
        true => request.into_response(Fault::invalid(NO_UPGRADE).error_response()),
        false => match timeout(SLOWEST, next.call(request)).await {
            Ok(response) => response?.map_into_boxed_body(),
            Err(_) => return Err(Fault::invalid("the body did not come in time").into()),
        },
    };
    let status = response.status();
    let told = response.headers().get(header::CONTENT_TYPE);
    let is_problem = told.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem"));
    let refused = (status.is_client_error() || status.is_server_error()) && !is_problem;
    let mut response = match refused {
        true => {
            let fault = Fault::of_status(status);
            ServiceResponse::new(response.request().clone(), fault.error_response())
        }
        false => response,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if by_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}
