//! Bytes that a relay sends as replies.

use postledger_core::reply::Reply;
use postledger_dispatcher::smtp::reply::{Malformed, RawReply, ReplyReader};

/// The same replies come of the same bytes, however they are cut, and what is kept of them is bounded.
pub(crate) fn reply(input: &[u8]) {
    let whole = read([input]);
    assert_eq!(whole, read(input.chunks(1)), "cut to bytes");
    assert_eq!(whole, read(input.chunks(7)), "cut by seven");
    for reply in whole.0 {
        assert!((200..600).contains(&reply.code) && !reply.lines.is_empty());
        let code = reply.code;
        let Reply { code: kept, enhanced, text } = reply.into_reply();
        assert_eq!(kept, code);
        assert!(
            text.len() <= Reply::MAX_TEXT && !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert!(enhanced.is_none_or(|enhanced| enhanced.class == code / 100));
    }
}

/// All replies up to what is none.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<RawReply>, Option<Malformed>) {
    let mut reader = ReplyReader::default();
    let mut replies = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.take() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(malformed) => return (replies, Some(malformed)),
            }
        }
    }
    (replies, None)
}
