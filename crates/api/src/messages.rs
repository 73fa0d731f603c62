//! `/v1/messages`: submit, read, list.

pub(crate) mod batch;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod submit;
