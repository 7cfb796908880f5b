//! The client: the files that were built into the binary, or a page that says how to build them.

use super::fixed::Fixed;
use crate::Fault;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::HashMap;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A file of the client.
struct Page {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// All of them by path.
static PACKED: LazyLock<HashMap<&str, Fixed>> =
    LazyLock::new(|| PAGES.iter().map(|page| (page.path, Fixed::new(page.bytes))).collect());

/// Says that there is no client, and how to get one.
const NO_CLIENT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>daytrade</title>\n<h1>daytrade is running</h1>\n\
    <p>This binary was built without its web client, because Node.js and npm were not there or \
    the client did not build.</p>\n<p>Install Node.js 20 or newer, then: <code>cargo build \
    --release</code>, which builds <code>frontend/web</code> too.</p>\n\
    <p>The server itself is complete: <a href=\"/api/v1/openapi.json\">its description</a>.</p>\n";

/// Whether the client is in the binary.
pub fn has_client() -> bool {
    find("/").is_some()
}

fn find(path: &str) -> Option<&'static Page> {
    let path = if path == "/" { "/index.html" } else { path };
    PAGES.iter().find(|page| page.path == path)
}

/// Serves a file, or the client's page for any of its screens.
pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let path = request.path();
    if path.starts_with("/api/") || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Fault::NotFound);
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match find(path).or_else(|| if is_file { None } else { find("/") }) {
        Some(page) => {
            // Names of built files hold a hash of what is in them; that of the page does not.
            let cache = match page.path.starts_with("/assets/") {
                true => "public, max-age=31536000, immutable",
                false => "no-cache",
            };
            let mut response = HttpResponse::Ok();
            response.content_type(page.kind).insert_header((header::CACHE_CONTROL, cache));
            match PACKED.get(page.path) {
                Some(packed) => Ok(packed.answer(&request, response)),
                None => Ok(response.body(page.bytes)),
            }
        }
        None if is_file => Err(Fault::NotFound),
        None => Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(NO_CLIENT)),
    }
}
