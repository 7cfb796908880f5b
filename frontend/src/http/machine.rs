//! What programs that watch the server ask.

use super::fixed::Fixed;
use crate::Fault;
use crate::app::{App, Caller};
use crate::live::vitals::Operations;
use crate::people::Role;
use actix_web::{HttpRequest, HttpResponse, web};
use std::fmt::Write;
use std::sync::LazyLock;
use utoipa::OpenApi;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200)))]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// Whether the system takes commands.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200), (status = 503, body = crate::fault::Problem)))]
pub(crate) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, Fault> {
    app.door.ready()?;
    Ok(HttpResponse::Ok().content_type("text/plain").body("ready\n"))
}

/// The state of the system.
#[utoipa::path(get, path = "/api/v1/operations", responses(
    (status = 200, body = Operations), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn operations(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Fault> {
    caller.must_be(Role::Operator)?;
    app.by_reader.take(caller.user, app.now_ms())?;
    Ok(HttpResponse::Ok().json(app.operations()))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200)))]
pub(crate) async fn openapi(request: HttpRequest) -> HttpResponse {
    static DESCRIPTION: LazyLock<Fixed> = LazyLock::new(|| {
        let description = crate::openapi::Description::openapi();
        Fixed::new(serde_json::to_vec(&description).unwrap_or_default())
    });
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    DESCRIPTION.answer(&request, response)
}

/// Figures in the form of Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200)))]
pub(crate) async fn metrics(app: web::Data<App>) -> HttpResponse {
    let (now, totals) = (app.operations(), app.vitals.totals());
    let (pushed, lagged) = app.hub.pushed();
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: f64| {
        let _ = write!(
            text,
            "# HELP daytrade_{name} {help}\n# TYPE daytrade_{name} {kind}\ndaytrade_{name} {value}\n"
        );
    };
    let seconds = |us: u64| us as f64 / 1e6;
    put("commands_total", "counter", "Commands answered.", totals.commands as f64);
    put("commands_rejected_total", "counter", "Commands refused.", totals.rejected as f64);
    put(
        "command_seconds_total",
        "counter",
        "Time from receiving commands to their durable replies.",
        seconds(totals.latency_sum_us),
    );
    put("command_seconds_p50", "gauge", "Median of the last second.", seconds(now.latency_us.p50));
    put(
        "command_seconds_p99",
        "gauge",
        "99th percentile of the last second.",
        seconds(now.latency_us.p99),
    );
    put("commands_queued", "gauge", "Commands before the workers.", now.queued as f64);
    put("commands_at_workers", "gauge", "Commands with the workers.", now.at_workers as f64);
    put("log_entries", "gauge", "Durable entries.", now.entries as f64);
    put(
        "connections_most",
        "gauge",
        "Connections that may be open at once.",
        app.config.connections as f64,
    );
    put("websockets", "gauge", "Open websockets.", now.websockets as f64);
    put("websocket_messages_total", "counter", "Messages pushed.", pushed as f64);
    put("websocket_lagged_total", "counter", "Messages without room.", lagged as f64);
    put("sessions", "gauge", "Sessions.", now.sessions as f64);
    put("orders_armed", "gauge", "Armed orders.", now.orders.armed as f64);
    put("orders_met_total", "counter", "Orders met by a price.", now.orders.fired as f64);
    put("quote_requests_total", "counter", "Quote requests.", now.quotes.requests as f64);
    put("quote_answers_total", "counter", "Usable quotes.", now.quotes.answers as f64);
    put(
        "quotes_unavailable_total",
        "counter",
        "Prices that could not be had.",
        now.quotes.unavailable as f64,
    );
    put(
        "quote_cache_hits_total",
        "counter",
        "Commands that used a known price.",
        now.quotes.cache_hits as f64,
    );
    text.push_str(&app.vitals.figures());
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
