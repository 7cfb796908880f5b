//! The description of all this in the form of OpenAPI.

use crate::http::{commands, looks, machine, oidc, people};
use crate::live::stream;
use crate::{fault, live, outcome, trail};
use utoipa::OpenApi;

/// The description; a test compares it with what is served.
#[derive(OpenApi)]
#[openapi(
    info(title = "daytrade", description = "Trading, its audit trail and its operations."),
    paths(
        machine::healthz,
        machine::readyz,
        machine::metrics,
        machine::openapi,
        people::sign_up,
        people::sign_in,
        people::session,
        people::sign_out,
        people::sign_out_everywhere,
        oidc::ways_in,
        oidc::start,
        oidc::callback,
        commands::command,
        looks::account,
        looks::quotes,
        looks::quote_history,
        looks::history,
        looks::history_export,
        looks::history_story,
        looks::audit_search,
        looks::audit_story,
        looks::audit_stats,
        looks::audit_histogram,
        looks::audit_followers,
        looks::audit_proof,
        looks::audit_export,
        machine::operations,
        stream::stream,
    ),
    components(schemas(
        fault::Problem,
        outcome::OutcomeView,
        outcome::EventView,
        live::account::LiveAccount,
        live::market::QuoteView,
        live::vitals::Operations,
        trail::Page,
        trail::Bucket,
    ))
)]
pub struct Description;
