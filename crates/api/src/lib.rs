//! The HTTP API, its reference, and the development mailbox: the only crate that knows axum.
//!
//! What comes in over HTTP is checked at this edge and becomes domain types of `postledger_core`; what is decided is
//! decided there; what is durable is the ledger's. This crate must not know SQL, delivery by SMTP, or the command line.
//!
//! Reading order: `access` (every call and what it needs), `edge` (what every request passes), `request` and `intake`
//! (from JSON to a submission), `messages` and `operate` (the calls), [`MessageJson`] and [`EventJson`] (the answers),
//! `listener` (the accept loop), `mailbox` (mail caught in development).

mod access;
mod answer;
mod api;
mod body;
mod caller;
mod edge;
mod entrance;
mod event_json;
mod explain;
mod health;
mod history;
mod idempotency;
mod intake;
mod json;
mod key_calls;
mod keys;
mod limits;
mod listener;
mod mailbox;
mod message_json;
mod messages;
mod openapi;
mod operate;
mod pages;
mod path_id;
mod problem;
mod relays;
mod request;
mod services;
mod settings;
mod shown;
mod tls;

pub use api::Api;
pub use entrance::Entrance;
pub use event_json::{ContentJson, EventJson, NotSentJson, QueuedJson, RecipientJson, RetryJson};
pub use limits::Limits;
pub use mailbox::Mailbox;
pub use message_json::{DeliveryJson, MessageJson, ReplyJson};
pub use openapi::openapi_json;
pub use services::Services;
pub use settings::Settings;
pub use tls::{Tls, TlsError};

#[cfg(test)]
mod tests;
