//! Events of API keys.

use super::text::{Bytes, Micros, Text};
use super::{Undecodable, json, parse};
use postledger_core::key::{KeyCreated, KeyEvent, Scope};
use postledger_core::name::Actor;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Created {
    digest: Bytes<32>,
    scopes: Vec<Text<Scope>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at_us: Option<Micros>,
    by: Text<Actor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    by: Text<Actor>,
}

pub(super) fn encode(event: &KeyEvent) -> String {
    match event {
        KeyEvent::Created(created) => json(&Created {
            digest: Bytes(created.digest),
            scopes: created.scopes.iter().copied().map(Text).collect(),
            expires_at_us: created.expires_at.map(Micros),
            by: Text(created.by.clone()),
        }),
        KeyEvent::Revoked { by } => json(&Revoked { by: Text(by.clone()) }),
    }
}

pub(super) fn decode(kind: &str, data: &str) -> Result<KeyEvent, Undecodable> {
    if kind == "key_revoked" {
        let Revoked { by } = parse(data)?;
        return Ok(KeyEvent::Revoked { by: by.0 });
    }
    let created: Created = parse(data)?;
    Ok(KeyEvent::Created(KeyCreated {
        digest: created.digest.0,
        scopes: created.scopes.into_iter().map(|scope| scope.0).collect(),
        expires_at: created.expires_at_us.map(|at| at.0),
        by: created.by.0,
    }))
}
