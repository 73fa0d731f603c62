//! Events of the service itself.

use super::mail::StoredNotSent;
use super::text::{Micros, Text};
use super::{Nothing, Undecodable, json, parse};
use postledger_core::event::NodeEvent;
use postledger_core::name::{Actor, RelayName};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Started {
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    relay: Text<RelayName>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    not_sent: Option<StoredNotSent>,
    until_us: Micros,
    by: Text<Actor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probing {
    relay: Text<RelayName>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    relay: Text<RelayName>,
    by: Text<Actor>,
}

/// Data and personal part.
pub(super) fn encode(event: &NodeEvent) -> (String, Option<String>) {
    match event {
        NodeEvent::Started { version } => (json(&Started { version: version.clone() }), None),
        NodeEvent::Stopped => (json(&Nothing {}), None),
        NodeEvent::BreakerOpened { relay, not_sent, until, by } => {
            let opened = Opened {
                relay: Text(relay.clone()),
                not_sent: not_sent.as_ref().map(StoredNotSent::from),
                until_us: Micros(*until),
                by: Text(by.clone()),
            };
            (json(&opened), not_sent.as_ref().and_then(StoredNotSent::personal))
        }
        NodeEvent::BreakerProbing { relay } => (json(&Probing { relay: Text(relay.clone()) }), None),
        NodeEvent::BreakerClosed { relay, by } => {
            (json(&Closed { relay: Text(relay.clone()), by: Text(by.clone()) }), None)
        }
    }
}

pub(super) fn decode(kind: &str, data: &str, personal: Option<&[u8]>) -> Result<NodeEvent, Undecodable> {
    Ok(match kind {
        "started" => {
            let Started { version } = parse(data)?;
            NodeEvent::Started { version }
        }
        "stopped" => parse(data).map(|Nothing {}| NodeEvent::Stopped)?,
        "breaker_opened" => {
            let Opened { relay, not_sent, until_us, by } = parse(data)?;
            let not_sent = not_sent.map(|not_sent| not_sent.with(personal)).transpose()?;
            NodeEvent::BreakerOpened { relay: relay.0, not_sent, until: until_us.0, by: by.0 }
        }
        "breaker_probing" => {
            parse(data).map(|Probing { relay }| NodeEvent::BreakerProbing { relay: relay.0 })?
        }
        _ => parse(data).map(|Closed { relay, by }| NodeEvent::BreakerClosed { relay: relay.0, by: by.0 })?,
    })
}
