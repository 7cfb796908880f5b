//! Accounts, prices, history and the audit trail.

use crate::Fault;
use crate::app::{App, Caller};
use crate::live::account::LiveAccount;
use crate::people::Role;
use crate::trail::{ExportForm, Trail, TrailFault, TrailQuery};
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};
use domain::trading::{Stock, UserName};
use serde::Serialize;
use serde_json::json;

/// The own account.
#[utoipa::path(get, path = "/api/v1/account", responses(
    (status = 200, body = LiveAccount), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn account(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Fault> {
    app.by_reader.take(caller.user.clone(), app.now_ms())?;
    let read = app.desk.read(&caller.user).await.map_err(|_| Fault::Unavailable)?;
    Ok(HttpResponse::Ok().json(LiveAccount::of(&caller.user, &read, app.now_ms())))
}

/// The last known prices.
#[utoipa::path(get, path = "/api/v1/quotes", responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn quotes(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Fault> {
    app.by_reader.take(caller.user, app.now_ms())?;
    let (_, quotes) = app.market.quotes();
    Ok(HttpResponse::Ok().json(json!({ "now_ms": app.now_ms(), "quotes": quotes })))
}

/// The prices of a stock that the server knows, oldest first.
#[utoipa::path(get, path = "/api/v1/quotes/{stock}/history",
    params(("stock" = String, Path, description = "1 to 3 letters")), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn quote_history(
    app: web::Data<App>,
    caller: Caller,
    stock: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    app.by_reader.take(caller.user, app.now_ms())?;
    let stock = Stock::parse(stock.as_bytes()).ok_or(Fault::NotFound)?;
    let history = app.market.history(stock);
    let prices: Vec<(u64, String)> =
        history.into_iter().map(|(at_ms, price)| (at_ms, price.to_string())).collect();
    Ok(HttpResponse::Ok().json(json!({ "stock": stock.to_string(), "prices": prices })))
}

/// A question about the own history alone.
fn own(caller: &Caller, mut query: TrailQuery) -> Result<TrailQuery, Fault> {
    if query.user.is_some() {
        return Err(Fault::invalid("the history is one's own: user is not asked for here"));
    }
    query.user = Some(caller.user.to_string());
    Ok(query)
}

/// A question that an analyst may ask.
fn any(caller: &Caller) -> Result<(), Fault> {
    caller.must_be(Role::Analyst)
}

fn asked(app: &App, caller: &Caller, query: Asked) -> Result<TrailQuery, Fault> {
    app.by_looker.take(caller.user.clone(), app.now_ms())?;
    let query = query.map_err(|error| {
        let error = error.to_string();
        let said = error.split_once("error: ").map_or(error.as_str(), |(_, said)| said);
        let said = super::about_fields(said);
        Fault::invalid(said.unwrap_or("a value in the address cannot be read".to_string()))
    })?;
    Ok(query.into_inner())
}

/// A question, as it may be in the address.
type Asked = Result<web::Query<TrailQuery>, actix_web::Error>;

/// A question about the whole log, by whoever may ask that.
fn of_all(app: &App, caller: &Caller, query: Asked) -> Result<TrailQuery, Fault> {
    any(caller)?;
    asked(app, caller, query)
}

/// Answers a question with what `look` finds.
async fn found<T: Serialize + Send + 'static>(
    app: &App,
    caller: &Caller,
    query: TrailQuery,
    look: impl FnOnce(&dyn Trail, &TrailQuery) -> Result<T, TrailFault> + Send + 'static,
) -> Result<HttpResponse, Fault> {
    Ok(HttpResponse::Ok()
        .json(app.trail.look_for(&caller.user, move |trail| look(trail, &query)).await?))
}

/// The own audit trail, newest first.
#[utoipa::path(get, path = "/api/v1/history", params(TrailQuery), responses(
    (status = 200, body = crate::trail::Page), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn history(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    let query = own(&caller, asked(&app, &caller, query)?)?;
    found(&app, &caller, query, |trail, query| trail.page(query)).await
}

/// One of one's own transactions with all that came of it.
#[utoipa::path(get, path = "/api/v1/history/{transaction}",
    params(("transaction" = u64, Path)), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn history_story(
    app: web::Data<App>,
    caller: Caller,
    transaction: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let user = caller.user.clone();
    story(&app, &caller, &transaction, Some(user)).await
}

/// The own history as a file: what a DUMPLOG of oneself holds.
#[utoipa::path(get, path = "/api/v1/history/export", params(TrailQuery), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn history_export(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    let query = own(&caller, asked(&app, &caller, query)?)?;
    let name = format!("daytrade-{}", caller.user);
    export(&app, &caller, query, &name).await
}

/// The whole log's entries that fit, newest first.
#[utoipa::path(get, path = "/api/v1/audit/search", params(TrailQuery), responses(
    (status = 200, body = crate::trail::Page), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_search(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    found(&app, &caller, of_all(&app, &caller, query)?, |trail, query| trail.page(query)).await
}

/// Any transaction with all that came of it.
#[utoipa::path(get, path = "/api/v1/audit/tx/{transaction}",
    params(("transaction" = u64, Path)), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_story(
    app: web::Data<App>,
    caller: Caller,
    transaction: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    any(&caller)?;
    story(&app, &caller, &transaction, None).await
}

/// Counts over the entries that fit.
#[utoipa::path(get, path = "/api/v1/audit/stats", params(TrailQuery), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_stats(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    found(&app, &caller, of_all(&app, &caller, query)?, |trail, query| trail.stats(query)).await
}

/// The entries that fit over time.
#[utoipa::path(get, path = "/api/v1/audit/histogram", params(TrailQuery), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_histogram(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    let buckets =
        |trail: &dyn Trail, query: &TrailQuery| Ok(json!({ "buckets": trail.histogram(query)? }));
    found(&app, &caller, of_all(&app, &caller, query)?, buckets).await
}

/// The stores that follow the log.
#[utoipa::path(get, path = "/api/v1/audit/followers", responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_followers(
    app: web::Data<App>,
    caller: Caller,
) -> Result<HttpResponse, Fault> {
    any(&caller)?;
    app.by_reader.take(caller.user, app.now_ms())?;
    let followers = app.operations().followers;
    Ok(HttpResponse::Ok().json(json!({ "followers": followers })))
}

/// What is proved of the log.
#[utoipa::path(get, path = "/api/v1/audit/proof", responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_proof(
    app: web::Data<App>,
    caller: Caller,
) -> Result<HttpResponse, Fault> {
    any(&caller)?;
    app.by_looker.take(caller.user.clone(), app.now_ms())?;
    Ok(HttpResponse::Ok().json(app.trail.look_for(&caller.user, |trail| trail.proof()).await?))
}

/// The entries that fit as a file.
#[utoipa::path(get, path = "/api/v1/audit/export", params(TrailQuery), responses(
    (status = 200), (status = "4XX", body = crate::fault::Problem)))]
pub(crate) async fn audit_export(
    app: web::Data<App>,
    caller: Caller,
    query: Asked,
) -> Result<HttpResponse, Fault> {
    let query = of_all(&app, &caller, query)?;
    export(&app, &caller, query, "daytrade-audit").await
}

async fn story(
    app: &App,
    caller: &Caller,
    transaction: &str,
    of: Option<UserName>,
) -> Result<HttpResponse, Fault> {
    app.by_looker.take(caller.user.clone(), app.now_ms())?;
    let transaction: u64 = transaction.parse().map_err(|_| Fault::NotFound)?;
    let story = app
        .trail
        .look_for(&caller.user, move |trail| trail.story(transaction, of.as_ref()))
        .await?;
    Ok(HttpResponse::Ok().json(story))
}

/// Streams an export, as fast as it is taken.
async fn export(
    app: &App,
    caller: &Caller,
    query: TrailQuery,
    name: &str,
) -> Result<HttpResponse, Fault> {
    let form = query.format.as_deref().map_or(Some(ExportForm::Xml), ExportForm::parse);
    let form = form.ok_or(Fault::invalid("format: xml, csv or jsonl is expected"))?;
    let (kind, extension) = match form {
        ExportForm::Xml => ("application/xml; charset=utf-8", "xml"),
        ExportForm::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportForm::Jsonl => ("application/x-ndjson", "jsonl"),
    };
    let body = app.trail.export(&caller.user, query, form).await?;
    let file = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("{name}.{extension}"))],
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_DISPOSITION, file))
        .streaming(body))
}
