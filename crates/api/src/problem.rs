//! Errors as callers see them: `application/problem+json` (RFC 9457).
//!
//! A handler answers with a [`Problem`]; the edge adds what only it knows (`instance`, `request_id`) and writes
//! it. What a problem says is about names and limits, never a repetition of what the caller sent: the same text
//! may end in somebody's log.

pub(crate) mod code;

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use code::Code;
use postledger_core::ledger::{LedgerError, ViewsError};
use serde::Serialize;
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use utoipa::ToSchema;

/// What went wrong, before it is written. Boxed: every result carries room for it.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Details>);

#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: Cow<'static, str>,
    pub errors: Vec<FieldError>,
    pub header: Option<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field: a path into the JSON body, a query parameter, or a header field's name.
    #[schema(example = "attachments[0].content_type")]
    pub field: String,
    /// Stable, snake_case.
    #[schema(example = "control_character")]
    pub code: &'static str,
    /// What is wrong and what is allowed.
    pub detail: String,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemAnswer<'a> {
    /// `urn:postledger:problem:` and the code.
    #[schema(example = "urn:postledger:problem:invalid_request")]
    pub r#type: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is wrong this time.
    pub detail: &'a str,
    /// The path that was asked for.
    pub instance: &'a str,
    /// Stable, snake_case: what programs decide by.
    #[schema(example = "invalid_request")]
    pub code: &'a str,
    /// Field by field, where fields are wrong; at most 32.
    pub errors: &'a [FieldError],
    /// The answer's `X-Request-Id`.
    pub request_id: &'a str,
}

/// More findings than this help nobody.
pub(crate) const MAX_ERRORS: usize = 32;

impl Problem {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let Code { status, name: code, .. } = code;
        Self(Box::new(Details { status, code, detail: detail.into(), errors: Vec::new(), header: None }))
    }

    /// The same with another status than the code mostly has.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// 422: the request is well-formed, and these fields of it cannot be accepted.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail: Cow<'static, str> = match &errors[..] {
            // The body as a whole has no name.
            [one] if one.field.is_empty() => one.detail.clone().into(),
            [one] => format!("{}: {}", one.field, one.detail).into(),
            many => format!("{} fields cannot be accepted; see errors", many.len()).into(),
        };
        let mut problem = Self::new(code::INVALID_REQUEST, detail);
        problem.errors = errors;
        problem
    }

    pub fn invalid_field(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), code, detail: detail.into() }])
    }

    /// What exists and belongs to another is answered like what does not exist.
    pub fn not_found() -> Self {
        Self::new(code::NOT_FOUND, "there is nothing here that this caller may see")
    }

    pub fn content_gone() -> Self {
        Self::new(code::CONTENT_GONE, "the content was removed: its retention has passed, or it was erased")
    }

    pub fn retry_after(mut self, seconds: u16) -> Self {
        self.header = Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.header = HeaderValue::from_str(value).ok().map(|value| (name, value));
        self
    }

    /// The body, for the request of that id and path.
    pub fn answer<'a>(&'a self, instance: &'a str, request_id: &'a str) -> ProblemAnswer<'a> {
        ProblemAnswer {
            r#type: format!("urn:postledger:problem:{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            errors: &self.errors,
            request_id,
        }
    }
}

impl Deref for Problem {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Only carries the problem: the edge writes the body.
impl IntoResponse for Problem {
    fn into_response(mut self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header.take() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Busy => {
                Self::new(code::BUSY, "the ledger is busy; nothing was stored").retry_after(1)
            }
            LedgerError::Full => {
                let detail = "the disk is full; nothing was stored";
                Self::new(code::DISK_FULL, detail).retry_after(30)
            }
            LedgerError::Conflict => {
                let detail = "others keep changing it; nothing was done";
                Self::new(code::CONTENDED, detail).retry_after(1)
            }
            LedgerError::Stopped => {
                let detail = "the ledger accepts no writes: the service is stopping, or a write failed";
                Self::new(code::LEDGER_STOPPED, detail).retry_after(5)
            }
            LedgerError::Undecided => {
                let detail = "a write failed; whether the request took effect shows when the service is back: \
                              ask again with the same Idempotency-Key, or read the message";
                Self::new(code::UNDECIDED, detail)
            }
            fault @ (LedgerError::Corrupt { .. } | LedgerError::Unreadable(_)) => {
                tracing::error!(error = %fault, "the ledger could not be read");
                let code = match fault {
                    LedgerError::Corrupt { .. } => code::CORRUPT_RECORD,
                    _ => code::LEDGER_UNREADABLE,
                };
                Self::new(code, "its record cannot be read")
            }
        }
    }
}

impl From<ViewsError> for Problem {
    fn from(error: ViewsError) -> Self {
        match error {
            ViewsError::Rebuilding => {
                let detail = "lists are being rebuilt from the ledger; single messages can be read";
                Self::new(code::VIEWS_REBUILDING, detail).retry_after(5)
            }
            ViewsError::Unreadable(_) => {
                tracing::error!(%error, "the views could not be read");
                Self::new(code::VIEWS_UNREADABLE, "lists cannot be read; single messages can").retry_after(30)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ledger_refuses_says_when_to_come_back() {
        let table = [
            (LedgerError::Busy, 503, "busy", true),
            (LedgerError::Full, 507, "disk_full", true),
            (LedgerError::Conflict, 503, "contended", true),
            (LedgerError::Stopped, 503, "ledger_stopped", true),
            (LedgerError::Undecided, 500, "undecided", false),
            (LedgerError::Unreadable("io".into()), 500, "ledger_unreadable", false),
        ];
        for (error, status, code, is_later) in table {
            let problem = Problem::from(error);
            let name = problem.header.as_ref().map(|(name, _)| name);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
            assert_eq!(name == Some(&header::RETRY_AFTER), is_later, "{code}");
        }
    }
}
