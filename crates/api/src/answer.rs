//! Answers that are not problems.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::Serialize;

/// A list that is whole.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Data<T> {
    /// The entries.
    pub data: Vec<T>,
}

/// `value` as JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // Serialising strings, numbers and lists of them does not fail.
    bytes(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// `body` as what `media_type` says.
pub(crate) fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
