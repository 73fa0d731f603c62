//! API keys: who may call, for which tenant, to do what. Only digests are kept.

use crate::id::KeyId;
use crate::name::Tenant;
use crate::outcome::closed_set;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use subtle::ConstantTimeEq;

closed_set! {
    /// What a key may do.
    Scope {
        /// Submit messages.
        Send = "send",
        /// Read messages, events, content.
        Read = "read",
        /// Cancel, hold, release, redrive, and resolve.
        Operate = "operate",
        /// Manage keys and relays, see metrics.
        Admin = "admin",
    }
}

/// What happens to an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEvent {
    /// It was issued.
    Created(KeyCreated),
    /// It is no longer good.
    Revoked {
        /// By whom.
        by: crate::name::Actor,
    },
}

/// A key as issued; its tenant is the event's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCreated {
    /// SHA-256 of the secret half.
    pub digest: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Good until then; for ever without.
    pub expires_at: Option<Timestamp>,
    /// By whom.
    pub by: crate::name::Actor,
}

/// A key, as folded from its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: Tenant,
    /// As issued.
    pub created: KeyCreated,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The version of its stream.
    pub version: u32,
}

/// All keys of a ledger, by id.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(HashMap<KeyId, Key>);

/// The text of a key: `plk_`, the id's 16 hex digits, `_`, 64 hex digits of secret.
pub struct KeyText(String);

impl KeyText {
    /// Joins an id and 32 random bytes.
    pub fn new(id: KeyId, secret: &[u8; 32]) -> Self {
        Self(format!("plk_{}_{}", crate::id::Hex(&id.0), crate::id::Hex(secret)))
    }

    /// Shown once, to who asked for the key.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The id and the digest of the secret half.
    pub fn parse(text: &str) -> Option<(KeyId, [u8; 32])> {
        let (id, secret) = text.strip_prefix("plk_")?.split_once('_')?;
        let secret: [u8; 32] = crate::id::unhex(secret)?;
        Some((KeyId(crate::id::unhex(id)?), Sha256::digest(secret).into()))
    }
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl KeyRing {
    /// Applies one event of a key's stream. Events of unknown keys but `Created` change nothing.
    pub fn apply(&mut self, recorded: &crate::event::Recorded) {
        let (crate::id::Stream::Key(id), crate::event::Event::Key(event)) =
            (recorded.stream, &recorded.event)
        else {
            return;
        };
        match event {
            KeyEvent::Created(created) => {
                let key = Key {
                    id,
                    tenant: recorded.tenant.clone(),
                    created: created.clone(),
                    created_at: recorded.at,
                    revoked_at: None,
                    version: recorded.version,
                };
                self.0.insert(id, key);
            }
            KeyEvent::Revoked { .. } => {
                if let Some(key) = self.0.get_mut(&id) {
                    key.revoked_at = Some(recorded.at);
                    key.version = recorded.version;
                }
            }
        }
    }

    /// The key that `text` opens now. Compares in constant time.
    pub fn authenticate(&self, text: &str, now: Timestamp) -> Option<&Key> {
        let (id, digest) = KeyText::parse(text)?;
        let key = self.0.get(&id)?;
        let same: bool = key.created.digest.ct_eq(&digest).into();
        (same && key.is_good(now)).then_some(key)
    }

    /// The key of that id.
    pub fn get(&self, id: KeyId) -> Option<&Key> {
        self.0.get(&id)
    }

    /// All keys, oldest first.
    pub fn list(&self) -> Vec<&Key> {
        let mut keys: Vec<_> = self.0.values().collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        keys
    }
}

impl Key {
    /// Neither revoked nor expired.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.created.expires_at.is_none_or(|until| now < until)
    }

    /// Whether it may do what `scope` names. `admin` may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.created.scopes.contains(&scope) || self.created.scopes.contains(&Scope::Admin)
    }
}

#[cfg(test)]
mod tests;
