//! The rendered bytes of a message, as they stand beside its events.

use bytes::Bytes;

/// What is sent on every attempt after the delivery's own head: the message's header fields, an empty line, the body.
/// CRLF line ends, lines of at most 998 bytes (RFC 5322 2.1.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Random, so that the digest in the journal tells nothing once the content is gone.
    pub salt: [u8; 16],
    /// The bytes.
    pub bytes: Bytes,
}

/// What the journal knows of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRef {
    /// BLAKE3 over salt and bytes.
    pub digest: [u8; 32],
    /// Length in bytes.
    pub size: u64,
}

impl Content {
    /// The reference that a `Queued` carries. Costs one BLAKE3 pass over the bytes.
    pub fn reference(&self) -> ContentRef {
        ContentRef { digest: digest(&self.salt, &self.bytes), size: self.bytes.len() as u64 }
    }
}

fn digest(salt: &[u8; 16], bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(salt).update(bytes).finalize().as_bytes()
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}
