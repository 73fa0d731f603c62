//! The API as callers meet it: one behaviour per file, over [`service::Service`].

mod access;
mod batch;
mod described;
mod documents;
mod hostile;
mod idempotency;
mod keys;
mod lists;
mod logs;
mod mailbox;
mod messages;
mod operate;
mod service;
mod sockets;
