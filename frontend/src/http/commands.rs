//! Commands and what comes of them.

use crate::Fault;
use crate::app::{App, Caller};
use crate::outcome::OutcomeView;
use crate::outcomes::{Told, Turn};
use crate::people::Role;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::trading::command::CommandName;
use domain::trading::parse::parse_action;
use domain::trading::{Action, RequestId, UserName};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use utoipa::ToSchema;

/// How long a request waits for its outcome. The command goes on: the same request asks again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest name or argument of a command, in bytes: the longest file name.
pub const LONGEST_ARGUMENT: usize = 255;

/// The longest line, in bytes: every command with its arguments at their longest fits.
pub const LONGEST_LINE: usize = 1024;

/// A command: `name` and its arguments, or a `line`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandRequest {
    /// A UUID that the client makes: the same one again gives the same outcome.
    pub(crate) request_id: String,
    /// One of the 16 commands.
    name: Option<String>,
    /// Its stock.
    stock: Option<String>,
    /// Its amount, or trigger price, in dollars.
    amount: Option<String>,
    /// The file of a DUMPLOG.
    file: Option<String>,
    /// A line as in a workload file, without the user: `BUY,S,100.00`.
    line: Option<String>,
}

/// Carries a command out; answers when its entry is durable.
#[utoipa::path(post, path = "/api/v1/commands", request_body = CommandRequest, responses(
    (status = 200, body = OutcomeView), (status = "4XX", body = crate::fault::Problem),
    (status = 503, body = crate::fault::Problem)))]
pub(crate) async fn command(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Fault> {
    app.by_commander.take(caller.user.clone(), app.now_ms())?;
    let body = app.bodies_of_users.read(caller.user.clone(), &request, payload).await?;
    let asked: CommandRequest = body.json()?;
    let outcome = outcome(begin(&app, caller.user, &asked)?).await?;
    Ok(HttpResponse::Ok().json(&*outcome))
}

/// Begins what `user` asks for, in the order of the calls.
///
/// # Errors
/// It is no command, the user is no trader, the id was given to another command, or too many of
/// the user's commands have no outcome yet.
pub(crate) fn begin(
    app: &web::Data<App>,
    user: UserName,
    asked: &CommandRequest,
) -> Result<watch::Receiver<Told>, Fault> {
    if !app.users.roles(&user).contains(&Role::Trader) {
        return Err(Fault::Forbidden(Role::Trader.as_str()));
    }
    let request_id = uuid(&asked.request_id)?;
    let action = asked.action(&user)?;
    Ok(match app.outcomes.begin(&user, &request_id, &action)? {
        Turn::Repeated(told) => told,
        Turn::First(told) => {
            carry_out(app, user, request_id, action);
            told
        }
    })
}

/// Waits for what came of a request.
///
/// # Errors
/// It was not carried out, or nobody knows yet.
pub(crate) async fn outcome(mut known: watch::Receiver<Told>) -> Result<Arc<OutcomeView>, Fault> {
    match tokio::time::timeout(PATIENCE, known.wait_for(Option::is_some)).await {
        Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(Fault::Unavailable)),
        Ok(Err(_)) | Err(_) => Err(Fault::Unavailable),
    }
}

/// Carries a command out whether or not anybody waits for it.
fn carry_out(app: &web::Data<App>, user: UserName, request_id: RequestId, action: Action) {
    let received = app.clock.now();
    let replied = match app.door.enter_as(request_id.clone(), action) {
        Ok(replied) => replied,
        Err(fault) => {
            app.outcomes.forget(&user, &request_id, fault);
            return;
        }
    };
    let app = app.clone();
    actix_web::rt::spawn(async move {
        match replied.await {
            Ok(reply) => {
                let outcome = app.outcomes.settle(&user, &request_id, reply);
                let cached = outcome.told.cached == Some(true);
                // However fast the clock runs, this is time that somebody waited.
                let took = app.clock.to_wait(app.clock.now().since(received));
                app.vitals.count(outcome.told.accepted, cached, took);
            }
            // The log has halted: whether the command is in it a restart will tell.
            Err(_) => app.outcomes.lose(&user, &request_id),
        }
    });
}

fn uuid(text: &str) -> Result<RequestId, Fault> {
    RequestId::parse(text).ok_or(Fault::invalid("request_id: a UUID is expected"))
}

impl CommandRequest {
    /// What is too long to be any command is refused here: a refusal by the rules would be logged.
    fn check_lengths(&self) -> Result<(), Fault> {
        let fields = [
            ("name", &self.name, LONGEST_ARGUMENT),
            ("stock", &self.stock, LONGEST_ARGUMENT),
            ("amount", &self.amount, LONGEST_ARGUMENT),
            ("file", &self.file, LONGEST_ARGUMENT),
            ("line", &self.line, LONGEST_LINE),
        ];
        for (name, value, longest) in fields {
            if value.as_ref().is_some_and(|value| value.len() > longest) {
                return Err(Fault::invalid(format!(
                    "{name}: at most {longest} bytes are expected"
                )));
            }
        }
        Ok(())
    }

    /// What it asks for: always on behalf of `user`.
    fn action(&self, user: &UserName) -> Result<Action, Fault> {
        self.check_lengths()?;
        let names = "one of the 16 commands is expected";
        let arguments = [&self.stock, &self.amount, &self.file];
        let (name, rest) = match (&self.name, &self.line) {
            (Some(name), None) => {
                let given: Vec<&str> =
                    arguments.into_iter().filter_map(|text| text.as_deref()).collect();
                (name.as_str(), (!given.is_empty()).then(|| given.join(",")))
            }
            (None, Some(line)) if arguments.iter().all(|text| text.is_none()) => {
                let line = without_number(line.trim());
                // Blanks around what commas part are ignored, as in workload files.
                let mut parts = line.split(',').map(|part| part.trim_matches([' ', '\t']));
                let name = parts.next().unwrap_or_default();
                let rest: Vec<&str> = parts.collect();
                (name, (!rest.is_empty()).then(|| rest.join(",")))
            }
            _ => return Err(Fault::invalid("name and its arguments, or line alone, are expected")),
        };
        let name = CommandName::parse(name.as_bytes()).ok_or(Fault::invalid(names))?;
        let arguments = match (rest, name) {
            (Some(rest), _) => format!("{user},{rest}"),
            // Without a file it would be one of everybody's history.
            (None, CommandName::DumpLog) => format!("{user},"),
            (None, _) => user.to_string(),
        };
        Ok(parse_action(name, Some(arguments.as_bytes())))
    }
}

/// A line without the `[n]` that it may begin with.
fn without_number(line: &str) -> &str {
    let behind = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match behind {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest.trim(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(json: &str) -> Result<Action, Fault> {
        let request: CommandRequest = serde_json::from_str(json).unwrap();
        request.action(&UserName::parse(b"me").unwrap())
    }

    #[test]
    fn a_command_is_about_its_own_user_whatever_it_says() {
        for json in [
            r#"{"request_id":"","name":"BUY","stock":"S","amount":"1.00"}"#,
            r#"{"request_id":"","line":"[7] BUY,S,1.00 "}"#,
            r#"{"request_id":"","name":"DUMPLOG","file":"f"}"#,
            r#"{"request_id":"","name":"DUMPLOG"}"#,
            r#"{"request_id":"","line":"DUMPLOG"}"#,
            r#"{"request_id":"","line":"DUMPLOG,other,f"}"#,
            r#"{"request_id":"","line":"ADD,other,5.00"}"#,
            r#"{"request_id":"","name":"ADD","stock":"other","amount":"5.00"}"#,
            r#"{"request_id":"","name":"COMMIT_BUY"}"#,
        ] {
            assert_eq!(action(json).unwrap().user(), Some("me"), "{json}");
        }
        let line = |line: &str| action(&format!(r#"{{"request_id":"","line":"{line}"}}"#)).unwrap();
        assert_eq!(line(" [7]BUY , S ,\\t1.00 "), line("BUY,S,1.00"));
        for json in [
            r#"{"request_id":""}"#,
            r#"{"request_id":"","name":"buy"}"#,
            r#"{"request_id":"","name":"BUY","line":"BUY,S,1"}"#,
            r#"{"request_id":"","line":"[x] BUY,S,1"}"#,
        ] {
            assert!(action(json).is_err(), "{json}");
        }
    }
}
