//! The DKIM-Signature header field. Canonicalisation and the field's form are mail-auth's; what is signed, when, and
//! with which keys is decided here.

use super::{DkimSigner, KeyKind};
use mail_auth::common::crypto::{Algorithm, HashContext, HashImpl, Sha256};
use mail_auth::common::headers::{Writable, Writer};
use mail_auth::dkim::canonicalize::CanonicalHeaders;
use mail_auth::dkim::{Canonicalization, Signature};
use postledger_core::time::Timestamp;
use std::sync::Arc;

/// Signed where they occur: what RFC 6376 5.4.1 names, what decides how the body is read, and what receivers want to
/// see signed (List-Unsubscribe-Post: RFC 8058 4; Feedback-ID). Not `X-…`: often orders to a relay, which removes them.
const SIGNED: [&str; 22] = [
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "Feedback-ID",
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Post",
    "List-Owner",
    "List-Archive",
];
/// Named in h= once more than they occur, so that none can be added to the mail (RFC 6376 5.4.2, 8.15).
const OVERSIGNED: [&str; 7] = ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID"];

/// The library could not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsigned;

/// The signatures of `head` and `content` as they are sent one after the other: a DKIM-Signature field of each signer,
/// each ended by CRLF. `at` becomes t=. The body is hashed once, whatever the number of keys.
pub(crate) fn sign(
    signers: &[Arc<DkimSigner>],
    head: &str,
    content: &[u8],
    at: Timestamp,
) -> Result<String, Unsigned> {
    let end = content.windows(4).position(|window| window == b"\r\n\r\n").ok_or(Unsigned)?;
    let (section, body) = (&content[..end + 2], &content[end + 4..]);
    let is_signed = |(name, _): &Field<'_>| SIGNED.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(name));
    let signed: Vec<_> = fields(head.as_bytes()).chain(fields(section)).filter(is_signed).collect();
    // Verifiers take the last of several fields of a name first (RFC 6376 5.4.2).
    let occurring = signed.iter().rev().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    let names: Vec<_> = occurring.chain(OVERSIGNED.map(str::to_owned)).collect();
    let body_hash = body_hash(body);
    let mut written = Vec::new();
    for signer in signers {
        let mut signature = Signature {
            v: 1,
            a: match signer.kind() {
                KeyKind::Rsa => Algorithm::RsaSha256,
                KeyKind::Ed25519 => Algorithm::Ed25519Sha256,
            },
            d: signer.domain.clone(),
            s: signer.selector.clone(),
            t: at.as_micros().unsigned_abs() / 1_000_000,
            h: names.clone(),
            bh: body_hash.clone(),
            ch: Canonicalization::Relaxed,
            cb: Canonicalization::Relaxed,
            ..Signature::default()
        };
        // Written from the end of the list to its beginning.
        let headers = Canonicalization::Relaxed.canonical_headers(signed.clone());
        let mut data = Vec::new();
        Signable { headers, signature: &signature }.write(&mut data);
        signature.b = signer.pair.sign(&data)?;
        signature.write(&mut written, true);
    }
    String::from_utf8(written).map_err(|_| Unsigned)
}

/// White space at the end of a text is no part of its relaxed form (RFC 6376 3.4.4), and is taken off here: mail-auth
/// keeps a line of nothing but white space.
pub(super) fn body_hash(body: &[u8]) -> Vec<u8> {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let end = body.iter().rposition(is_text).map_or(0, |last| last + 1);
    let mut hasher = Sha256::hasher();
    Canonicalization::Relaxed.canonical_body(&body[..end], 0).write(&mut hasher);
    hasher.complete().as_ref().to_vec()
}

/// What a signature is made of (RFC 6376 3.7).
struct Signable<'a> {
    headers: CanonicalHeaders<'a>,
    signature: &'a Signature,
}

impl Writable for Signable<'_> {
    fn write(self, writer: &mut impl Writer) {
        self.headers.write(writer);
        self.signature.write(writer, false);
    }
}

/// Name, and everything after the colon with its line end.
type Field<'a> = (&'a [u8], &'a [u8]);

/// The fields of a header section, folded as they are.
fn fields(section: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = section;
    std::iter::from_fn(move || {
        // A line that begins with white space continues the one before (RFC 5322 2.2.3).
        let is_end = |at: &[u8]| at.starts_with(b"\r\n") && !matches!(at[2], b' ' | b'\t');
        let end = rest.windows(3).position(is_end).map_or(rest.len(), |at| at + 2);
        let (field, after) = rest.split_at(end);
        rest = after;
        let colon = field.iter().position(|&byte| byte == b':')?;
        Some((&field[..colon], &field[colon + 1..]))
    })
}
