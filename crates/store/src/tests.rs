//! Tests of the whole crate, one file per behaviour.

mod conformance;
mod support;
