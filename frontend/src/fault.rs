//! What the server answers where it does not do what was asked: `application/problem+json` with a
//! stable code. Nothing of what is inside ever stands in it.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::borrow::Cow;
use thiserror::Error;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// There is no session, or it has ended.
    #[error("sign in first")]
    Unauthenticated,
    /// The user lacks the role.
    #[error("this needs the role {0}")]
    Forbidden(&'static str),
    /// The request comes from another site, or lacks the session's token.
    #[error("the X-CSRF-Token of the session is missing, or the request comes from another site")]
    Csrf,
    /// There is no such thing.
    #[error("there is no such thing here")]
    NotFound,
    /// The thing is there, the method is not.
    #[error("this cannot be done here with that method")]
    MethodNotAllowed,
    /// The request is not what is expected.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The body, or a message, is too long.
    #[error("the request is longer than is taken here")]
    TooLarge,
    /// The body is compressed, or encoded in another way.
    #[error("bodies with a Content-Encoding are not accepted: send the body as it is")]
    EncodedBody,
    /// The body did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// Too many requests: try again after so many seconds.
    #[error("too many requests: try again in {0} s")]
    RateLimited(u64),
    /// A queue is full: try again after so many seconds.
    #[error("the system is busy: try again in {0} s")]
    Busy(u64),
    /// Too many of the user's commands have no outcome yet: try again soon.
    #[error("too many of your commands have no outcome yet: try again in 1 s")]
    TooManyPending,
    /// The request id was given to another command.
    #[error("this request_id was used for another command: give each command an id of its own")]
    RequestIdReused,
    /// The name is another's.
    #[error("this user name is taken")]
    UserTaken,
    /// The password does not keep the rules.
    #[error("a password has 10 to 128 characters and is not the user name")]
    WeakPassword,
    /// The password is known to everybody.
    #[error("this password is on the lists of passwords that are tried first")]
    BreachedPassword,
    /// No such user, or not the password.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// A sign-in with a provider that was not begun in this browser, or is over.
    #[error("this sign-in was not begun in this browser, or is over: begin again")]
    SignInOver,
    /// The provider vouches for nobody, or cannot be trusted.
    #[error("the provider did not sign anybody in whom this server can take")]
    SignInRefused,
    /// The provider does not answer.
    #[error("the sign-in provider does not answer: sign in with a password, or try again later")]
    ProviderUnavailable,
    /// The log cannot be written, so no command is accepted until the server has restarted.
    #[error("the log cannot be written: no command is accepted until the server has restarted")]
    LogHalted,
    /// Something inside is not there; the request may be repeated.
    #[error("this cannot be done at the moment")]
    Unavailable,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says it all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What the status means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: &'static str,
    /// A sentence for people.
    detail: String,
}

impl Fault {
    /// A request that is not what is expected; says what is.
    pub fn invalid(expected: impl Into<Cow<'static, str>>) -> Fault {
        Fault::Invalid(expected.into())
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Fault::Unauthenticated => "unauthenticated",
            Fault::Forbidden(_) => "forbidden",
            Fault::Csrf => "csrf",
            Fault::NotFound => "not_found",
            Fault::MethodNotAllowed => "method_not_allowed",
            Fault::Invalid(_) => "invalid_request",
            Fault::TooLarge => "too_large",
            Fault::EncodedBody => "encoded_body",
            Fault::TooSlow => "too_slow",
            Fault::RateLimited(_) => "rate_limited",
            Fault::Busy(_) => "busy",
            Fault::TooManyPending => "too_many_pending",
            Fault::RequestIdReused => "request_id_reused",
            Fault::UserTaken => "user_taken",
            Fault::WeakPassword => "weak_password",
            Fault::BreachedPassword => "breached_password",
            Fault::WrongCredentials => "wrong_credentials",
            Fault::SignInOver => "sign_in_over",
            Fault::SignInRefused => "sign_in_refused",
            Fault::ProviderUnavailable => "provider_unavailable",
            Fault::LogHalted => "log_halted",
            Fault::Unavailable => "unavailable",
        }
    }

    /// After how many seconds to try again, where it was too much.
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Fault::RateLimited(seconds) | Fault::Busy(seconds) => Some(*seconds),
            Fault::TooManyPending => Some(1),
            _ => None,
        }
    }

    /// What an answer of that status means where nothing else is said.
    pub(crate) fn of_status(status: StatusCode) -> Fault {
        match status {
            StatusCode::UNAUTHORIZED => Fault::Unauthenticated,
            StatusCode::NOT_FOUND => Fault::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Fault::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Fault::EncodedBody,
            status if status.is_server_error() => Fault::Unavailable,
            _ => Fault::invalid("the request is not understood"),
        }
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        match self {
            Fault::Unauthenticated | Fault::WrongCredentials => StatusCode::UNAUTHORIZED,
            Fault::Forbidden(_) | Fault::Csrf | Fault::SignInRefused => StatusCode::FORBIDDEN,
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Fault::Invalid(_) | Fault::SignInOver => StatusCode::BAD_REQUEST,
            Fault::WeakPassword | Fault::BreachedPassword => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Fault::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Fault::RateLimited(_) | Fault::Busy(_) | Fault::TooManyPending => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Fault::UserTaken | Fault::RequestIdReused => StatusCode::CONFLICT,
            Fault::ProviderUnavailable | Fault::LogHalted | Fault::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after_s() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if *self == Fault::EncodedBody {
            response.insert_header((header::ACCEPT_ENCODING, "identity"));
        }
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: self.code(),
            detail: self.to_string(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}
