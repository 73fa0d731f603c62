//! The instruments that Postledger is tested and measured with, and that drive the real binary from outside.
//!
//! This crate knows the service's contract (HTTP, SMTP, configuration, command line, exit codes) and nothing of its
//! inside: it depends on no other crate of the workspace, so that a mistake there cannot also be its own excuse here.
//!
//! Reading order: [`sink`] (the SMTP server that mail is sent to), [`load`] (the application that submits),
//! [`oracle`] (who compares what was promised with what happened), [`service`] (the binary as a process),
//! [`faults`] (disks that fail), [`python`] (judges that share no code with us), [`chaos`] (all of them at once), [`wire`]
//! (what stands in the mail).

pub mod chaos;
mod dice;
pub mod faults;
pub mod limit;
pub mod load;
pub mod oracle;
pub mod python;
pub mod service;
pub mod sink;
pub mod wire;
