//! The routes, and what all answers have in common.
//!
//! * [`body`]: reading request bodies within bounds.
//! * [`people`]: signing up, in and out.
//! * `fixed`: answers that never change.
//! * [`commands`]: commands and what comes of them.
//! * [`looks`]: accounts, prices, history, the audit trail.
//! * [`machine`]: what programs that watch the server ask.
//! * [`oidc`]: signing in with a provider.
//! * [`pages`]: the client.

pub mod body;
pub mod commands;
mod fixed;
pub mod looks;
pub mod machine;
pub mod oidc;
pub mod pages;
pub mod people;

use crate::app::App;
use crate::{Fault, live::stream};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use serde::de::DeserializeOwned;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// The longest path with its query, in bytes: every filter at its longest fits.
const LONGEST_URI: usize = 8 << 10;

/// How long a request may take until its answer begins: a command may wait for a minute, the rest
/// is for its body to come.
const SLOWEST: Duration = Duration::from_secs(90);

/// The same, where it is another.
#[derive(Clone, Copy)]
struct Slowest(Duration);

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

/// What a request is answered with beside the answer itself.
#[derive(Clone, Copy, Debug)]
struct Dress {
    is_api: bool,
    by_tls: bool,
}

impl Dress {
    fn put_on(self, headers: &mut HeaderMap) {
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.by_tls {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
        }
        if self.is_api {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

/// A refusal in place of an answer that does not come: whoever sends it adds nothing.
#[derive(Debug, Error)]
#[error("{fault}")]
struct Refusal {
    fault: Fault,
    dress: Dress,
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.fault.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.fault.error_response();
        self.dress.put_on(response.headers_mut());
        response
    }
}

/// What is refused whatever the route, before a byte of the body is read.
fn refused_by_head(request: &ServiceRequest) -> Option<Fault> {
    // Behind an upgrade there is no end of a body: whoever asks for one elsewhere would wait for it.
    if request.headers().contains_key(header::UPGRADE) && request.path() != STREAM {
        return Some(Fault::invalid(NO_UPGRADE));
    }
    // A few bytes of it can become any number of bytes in memory.
    if body::is_encoded(request.headers()) {
        return Some(Fault::EncodedBody);
    }
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    (uri > LONGEST_URI).then_some(Fault::TooLarge)
}

/// Gives every answer its headers, and every refusal, whoever made it, the documented form.
pub(crate) async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let dress = Dress {
        is_api: request.path().starts_with("/api/"),
        by_tls: request
            .app_data::<web::Data<App>>()
            .is_some_and(|app| app.came_by_tls(request.request())),
    };
    let slowest = request.app_data::<Slowest>().map_or(SLOWEST, |slowest| slowest.0);
    let response = match refused_by_head(&request) {
        Some(fault) => request.into_response(fault.error_response()),
        None => match timeout(slowest, next.call(request)).await {
            Ok(Ok(response)) => response.map_into_boxed_body(),
            Ok(Err(error)) => {
                let fault = Fault::of_status(error.as_response_error().status_code());
                return Err(Refusal { fault, dress }.into());
            }
            Err(_) => return Err(Refusal { fault: Fault::TooSlow, dress }.into()),
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
    dress.put_on(response.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpServer, error};
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// What a server with these limits answers.
    fn answer(request: &'static str) -> String {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(|| {
                let fails = from_fn(async |request: ServiceRequest, next: Next<BoxBody>| {
                    match request.path() {
                        "/fails" => Err(error::ErrorPayloadTooLarge("in words of the inside")),
                        _ => next.call(request).await,
                    }
                });
                App::new()
                    .app_data(Slowest(Duration::from_millis(50)))
                    .wrap(fails)
                    .wrap(from_fn(finish))
                    .default_service(web::to(async |_: web::Bytes| "all of it is here"))
            });
            let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            let handle = server.handle();
            let client = std::thread::spawn(move || {
                let mut client = TcpStream::connect(address).unwrap();
                client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                client.write_all(request.as_bytes()).unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).unwrap();
                answer
            });
            let serving = actix_web::rt::spawn(server);
            let answer = web::block(move || client.join().unwrap()).await.unwrap();
            handle.stop(false).await;
            serving.await.unwrap().unwrap();
            answer
        })
    }

    #[track_caller]
    fn is_dressed(answer: &str) {
        for (name, value) in HEADERS {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{name}: {answer}");
        }
    }

    #[test]
    fn a_body_that_does_not_come_is_not_waited_for() {
        let slow = "POST /api/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
        let answer = answer(slow);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"too_slow\""));
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        is_dressed(&answer);
    }

    #[test]
    fn what_fails_and_what_does_not_have_the_same_headers() {
        let refused = answer("GET /fails HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
        assert!(refused.contains("\"too_large\"") && !refused.contains("inside"), "{refused}");
        let good = answer("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("all of it is here"), "{good}");
        [refused, good].iter().for_each(|answer| is_dressed(answer));
    }
}
