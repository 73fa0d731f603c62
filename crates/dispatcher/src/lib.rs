//! Sends mail: the queue in memory, SMTP to relays, and the rendering of messages.
//!
//! It knows how a delivery gets to a relay and what each answer means. It must not know SQL, HTTP or the
//! command line, and holds no truth of its own: the queue is a fold of the ledger's events, and an outcome
//! counts once the ledger has it.
//!
//! Reading order: [`config`](RelayConfig), `smtp` (the session, without IO), `planner` (what is sent next,
//! without IO), `transport` (bytes and deadlines), `attempt` (the write-ahead at the dot), `record`, `worker`
//! and `driver` (the tasks), `in_flight` (what a crash leaves behind), `dispatcher` (start and stop), `configure`
//! (relays and routes, also while mail flows), `compose` (rendering), `dkim` (signing), `check` and `domain` (what can
//! be known before mail is sent).

mod attempt;
mod cache;
mod check;
mod compose;
mod config;
mod configure;
mod dispatcher;
mod dkim;
mod domain;
mod driver;
mod engine;
mod in_flight;
mod inbox;
mod meters;
mod notes;
mod planner;
mod pool;
mod quarantine;
mod record;
#[cfg(feature = "sabotage")]
mod sabotage;
pub mod smtp;
mod transport;
mod trial;
mod worker;

pub use check::{RelayExamined, RelayReport, examine_relay};
pub use compose::MimeComposer;
pub use config::{
    Credentials, DestinationLimits, Pacing, Proxy, ProxyKind, RelayConfig, Route, Timeouts, TlsMode,
};
pub use configure::{Reconfigured, SetupError};
pub use dispatcher::{Dispatcher, DispatcherOptions, StartError};
pub use dkim::{DkimError, DkimRecord, DkimSigner, DkimSigners, KeyError, KeyKind, generate};
pub use domain::{DnsRecord, DomainReport, DomainResolver, NoResolver, Weakness};
pub use planner::Shares;
pub use smtp::capabilities::Capabilities;
pub use transport::tls::TlsSetupError;
pub use transport::witness::{Certificate, Refused};
pub use trial::send_trial;
