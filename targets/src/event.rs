//! Stored events, in every schema.

use postledger_core::event::{Event, KINDS};
use postledger_store::codec::{decode, encode};

/// What is decoded is written and read again as the same. The first byte chooses the kind, the second the schema; then
/// stands the data, and behind a NUL the personal part.
pub(crate) fn event(input: &[u8]) {
    let [kind, schema, rest @ ..] = input else { return };
    let kinds: Vec<&str> = KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let Ok(data) = std::str::from_utf8(&rest[..end]) else { return };
    let personal = rest.get(end + 1..);
    let schema = i64::from(*schema % 4);
    let Ok(event) = decode(kind, schema, data, personal) else { return };
    assert_eq!(event.kind(), kind);
    let written = encode(&event, || [7; 16]);
    assert_eq!(written.kind, kind);
    let again = decode(kind, written.schema, &written.data, personal_of(&written));
    assert_eq!(again.as_ref(), Ok(&event), "{kind}: {data}");
    // Erased, it is still an event of that kind.
    let erased: Event = decode(kind, written.schema, &written.data, None).expect("the data alone is enough");
    assert_eq!(erased.kind(), kind);
}

fn personal_of(written: &postledger_store::codec::Encoded) -> Option<&[u8]> {
    written.personal.as_ref().map(|personal| &personal.bytes[..])
}
