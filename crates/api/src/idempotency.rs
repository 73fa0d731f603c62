//! The key under which an application may repeat a request without a second mail.

use crate::problem::Problem;
use axum::http::HeaderMap;
use std::fmt;

/// 1 to 255 visible ASCII characters.
pub(crate) struct IdempotencyKey(Vec<u8>);

impl IdempotencyKey {
    /// The request's, if it has one.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all("idempotency-key").iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse("Idempotency-Key", value.as_bytes()).map(Some),
            (Some(_), Some(_)) => {
                Err(Problem::invalid_field("Idempotency-Key", "duplicate_field", "a request has one key"))
            }
        }
    }

    /// A key that stands in `field`.
    pub fn parse(field: &str, key: &[u8]) -> Result<Self, Problem> {
        if matches!(key.len(), 1..=255) && key.iter().all(|b| matches!(b, 0x21..=0x7e)) {
            return Ok(Self(key.to_vec()));
        }
        let detail = "1 to 255 visible ASCII characters";
        Err(Problem::invalid_field(field, "invalid_idempotency_key", detail))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Keys are made by applications and may say something: they stay out of logs.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}
