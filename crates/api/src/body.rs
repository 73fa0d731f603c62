//! Reads a request's body: bounded in bytes, in time, and in what all large bodies together may hold.

use crate::api::Shared;
use crate::limits::{self, LARGE_BODY, Limits};
use crate::problem::{Problem, code};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body with its share of the memory for large ones.
#[derive(Debug)]
pub(crate) struct Received {
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl Received {
    pub fn is_large(&self) -> bool {
        self.bytes.len() > LARGE_BODY
    }
}

/// The memory for large bodies, in KiB: a semaphore counts no more than 32 bits.
pub(crate) fn shares(bytes: usize) -> Semaphore {
    Semaphore::new((bytes / 1024).min(Semaphore::MAX_PERMITS))
}

/// The body of a JSON request; empty where `may_be_empty` allows none.
pub(crate) async fn read(shared: &Shared, request: Request, may_be_empty: bool) -> Result<Received, Problem> {
    let (parts, mut body) = request.into_parts();
    let Limits { body_bytes: limit, body_read_timeout: timeout, .. } = shared.settings().limits;
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let received = tokio::time::timeout(timeout, collect(shared, &mut body, announced, limit))
        .await
        .unwrap_or_else(|_| Err(Problem::new(code::BODY_TIMEOUT, "the body took too long to arrive")))?;
    if !(may_be_empty && received.bytes.is_empty()) {
        check_media_type(&parts.headers)?;
        check_encoding(&parts.headers)?;
    }
    Ok(received)
}

async fn collect(
    shared: &Shared,
    body: &mut Body,
    announced: Option<usize>,
    limit: usize,
) -> Result<Received, Problem> {
    let expected = announced.unwrap_or(0);
    if expected > limit {
        return Err(too_large(limit));
    }
    let mut share = None;
    if expected > LARGE_BODY {
        grow(shared, &mut share, expected)?;
    }
    let (mut whole, mut first) = (BytesMut::new(), Bytes::new());
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| Problem::new(code::BODY_INCOMPLETE, "the body ended before it was complete"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + whole.len() + data.len();
        if length > limit {
            return Err(too_large(limit));
        }
        if length > LARGE_BODY {
            grow(shared, &mut share, length)?;
        }
        // Most bodies come in one piece, which is then not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(expected.clamp(length, 1024 * 1024));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(Received { bytes: if whole.is_empty() { first } else { whole.freeze() }, _share: share })
}

fn grow(shared: &Shared, share: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
    let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let wanted = bytes.div_ceil(1024);
    if wanted <= held {
        return Ok(());
    }
    let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
    let more = Arc::clone(&shared.large_bodies).try_acquire_many_owned(more).map_err(|_| {
        let detail = "too many large requests at once; nothing was stored";
        Problem::new(code::BUSY, detail).retry_after(1)
    })?;
    match share {
        Some(share) => share.merge(more),
        None => *share = Some(more),
    }
    Ok(())
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("a request's body has at most {}", limits::size(limit));
    Problem::new(code::BODY_TOO_LARGE, detail)
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter().map(|value| value.to_str().ok());
    // Two of them say two things.
    let value = values.next().flatten().filter(|_| values.next().is_none()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let detail = "Content-Type must be application/json (in UTF-8)";
    Err(Problem::new(code::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// Compressed bodies would make every limit on bytes a limit on something else.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let detail = "Content-Encoding: a body is not compressed";
    Err(Problem::new(code::UNSUPPORTED_ENCODING, detail).with_header(header::ACCEPT_ENCODING, "identity"))
}
