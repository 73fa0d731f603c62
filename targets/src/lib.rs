//! What strangers can say to Postledger: each target takes bytes as a stranger would send them, hands them to the code
//! that reads such bytes, and panics where something that must hold of every input does not.
//!
//! Two callers: the fuzzers of `fuzz/`, which invent inputs, and the tests of this crate, which replay those that were
//! kept. Nothing of the service is built differently for either. See docs/fuzzing.md.

#![expect(clippy::panic, reason = "a panic is how a target says what does not hold")]

mod address;
mod config;
mod event;
mod headers;
mod mailbox;
mod message;
mod reply;
mod service;
mod session;

/// A name, and the function of bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const TARGETS: [Target; 8] = [
    ("address", address::address),
    ("config", config::config),
    ("event", event::event),
    ("headers", headers::headers),
    ("mailbox", mailbox::mailbox),
    ("message", message::message),
    ("reply", reply::reply),
    ("session", session::session),
];

/// Feeds one input to a target.
///
/// # Panics
/// When there is no such target, or something that must hold does not.
pub fn feed(name: &str, input: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    target(input);
}
