//! What is true: events, the state machine of a delivery, retry, outcomes, and the ports through which the
//! other crates meet.
//!
//! This crate knows no clock, no randomness, no environment and no IO: time and chance are handed in, so that
//! every decision can be repeated. It must not know SQL, SMTP sessions, HTTP or the command line.
//!
//! Reading order: [`time`], [`id`], [`name`], [`address`], [`reply`], [`outcome`], [`policy`], [`event`], [`route`],
//! [`delivery`] (the one state machine), [`message`] (the fold that people see), [`ledger`] (the port that
//! makes things durable).

pub mod address;
pub mod clock;
pub mod compose;
#[cfg(feature = "memory")]
pub mod conformance;
pub mod content;
pub mod delivery;
pub mod domain_pattern;
pub mod event;
pub mod explanation;
pub mod id;
pub mod key;
pub mod ledger;
#[cfg(feature = "memory")]
pub mod memory;
pub mod message;
pub mod name;
pub mod outcome;
pub mod policy;
pub mod relay;
pub mod reply;
pub mod route;
pub mod secret;
pub mod time;
