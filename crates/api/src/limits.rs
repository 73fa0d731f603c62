//! How much one caller may ask for, and for how long it may take to ask.

use std::time::Duration;

/// Bounds on requests. Every one that a caller can meet is in the API's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The body of a request, bytes.
    pub body_bytes: usize,
    /// All attachments of a message together, before encoding, bytes.
    pub attachments_bytes: usize,
    /// A rendered message, bytes.
    pub message_bytes: usize,
    /// Addresses in `to`, `cc` and `bcc` together.
    pub recipients: usize,
    /// Messages in a batch.
    pub batch: usize,
    /// The line and header fields of a request together, bytes.
    pub header_bytes: usize,
    /// From the end of one request (or the connection's begin) to the end of the next one's header fields.
    pub header_read_timeout: Duration,
    /// From the end of a request's header fields to the end of its body.
    pub body_read_timeout: Duration,
    /// For how long a client may not take in any more of an answer.
    pub answer_timeout: Duration,
    /// From the begin of a connection to the end of its TLS handshake.
    pub handshake_timeout: Duration,
    /// Open connections; further ones wait to be accepted.
    pub max_connections: usize,
    /// Large bodies (over 64 KiB) held in memory at one time, bytes; what would exceed it is answered 503.
    pub large_bodies_bytes: usize,
    /// How long requests in flight may take to end once the service stops.
    pub shutdown_grace: Duration,
}

/// From here on a body counts as large: it is accounted for, and rendered off the async threads.
pub(crate) const LARGE_BODY: usize = 64 * 1024;

/// So many bytes, in words.
pub(crate) fn size(bytes: usize) -> String {
    match (bytes % MIB, bytes % KIB) {
        (0, _) if bytes > 0 => format!("{} MiB", bytes / MIB),
        (_, 0) if bytes > 0 => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 40 * MIB,
            attachments_bytes: 18 * MIB,
            message_bytes: 25 * MIB,
            recipients: 50,
            batch: 500,
            header_bytes: 16 * KIB,
            header_read_timeout: Duration::from_secs(15),
            body_read_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            max_connections: 1024,
            large_bodies_bytes: 256 * MIB,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_words() {
        let table = [
            (0, "0 bytes"),
            (1000, "1000 bytes"),
            (16 * KIB, "16 KiB"),
            (40 * MIB, "40 MiB"),
            (MIB + 1, "1048577 bytes"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }
}
