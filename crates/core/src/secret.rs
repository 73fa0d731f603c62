//! The secret that keys digests, so that neither a ledger nor a backup of it lets anybody test guesses.

use std::fmt;

/// 32 secret bytes that lie outside the ledger, with the fingerprint that the ledger knows.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// A digest keyed by a [`Secret`]; says nothing to who has not the secret.
pub type KeyedDigest = [u8; 32];

/// What a digest is of. Digests of different purposes never compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An idempotency key.
    IdempotencyKey,
    /// The canonical request that an idempotency key was first used with.
    IdempotencyRequest,
}

impl Secret {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A digest of `parts`; every part's length is part of it.
    pub fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> KeyedDigest {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        let purpose: &[u8] = match purpose {
            Purpose::IdempotencyKey => b"idempotency key",
            Purpose::IdempotencyRequest => b"idempotency request",
        };
        for part in std::iter::once(&purpose).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Names the secret without telling it: 8 bytes.
    pub fn fingerprint(&self) -> [u8; 8] {
        let digest = blake3::derive_key("postledger 2026-11 secret fingerprint", &self.0);
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&digest[..8]);
        fingerprint
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_secret_purpose_and_parts() {
        let secret = Secret::new([1; 32]);
        let digest = secret.digest(Purpose::IdempotencyKey, &[b"ab", b"c"]);
        assert_eq!(digest, secret.digest(Purpose::IdempotencyKey, &[b"ab", b"c"]));
        assert_ne!(digest, secret.digest(Purpose::IdempotencyKey, &[b"a", b"bc"]));
        assert_ne!(digest, secret.digest(Purpose::IdempotencyRequest, &[b"ab", b"c"]));
        assert_ne!(digest, Secret::new([2; 32]).digest(Purpose::IdempotencyKey, &[b"ab", b"c"]));
        assert_ne!(secret.fingerprint(), Secret::new([2; 32]).fingerprint());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
