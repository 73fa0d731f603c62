use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Option<RawReply>, Malformed> {
    let mut reader = ReplyReader::default();
    reader.feed(bytes);
    reader.take()
}

fn reply(bytes: &[u8]) -> Reply {
    read(bytes).expect("well-formed").expect("complete").into_reply()
}

#[test]
fn what_is_no_reply_is_refused() {
    let long = [b"250 ".as_slice(), &[b'x'; MAX_LINE], b"\r\n"].concat();
    let endless = [b'2'; MAX_LINE + 1];
    let many = b"250-x\r\n".repeat(MAX_REPLY / 7 + 1);
    let table: [(&[u8], Malformed); 16] = [
        (b"250 fine\n", Malformed::BareLineEnd),
        (b"250 fi\rne\r\n", Malformed::BareLineEnd),
        (b"250-a\n250 b\r\n", Malformed::BareLineEnd),
        (b"\r\n", Malformed::NoCode),
        (b"25\r\n", Malformed::NoCode),
        (b"25a ok\r\n", Malformed::NoCode),
        (b"199 ok\r\n", Malformed::NoCode),
        (b"999 ok\r\n", Malformed::NoCode),
        (b"600 ok\r\n", Malformed::NoCode),
        (b"2500 ok\r\n", Malformed::NoCode),
        (b"250_ok\r\n", Malformed::NoCode),
        (b" 250 ok\r\n", Malformed::NoCode),
        (b"250-a\r\n550 b\r\n", Malformed::CodeChanged),
        (&long, Malformed::LineTooLong),
        (&endless, Malformed::LineTooLong),
        (&many, Malformed::ReplyTooLong),
    ];
    for (bytes, why) in table {
        assert_eq!(read(bytes), Err(why), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    }
}

#[test]
fn replies_are_cut_off_one_by_one_however_they_come() {
    let bytes = b"250-a\r\n250 b\r\n354\r\n";
    let mut reader = ReplyReader::default();
    let mut found = Vec::new();
    for byte in bytes {
        reader.feed(&[*byte]);
        while let Some(reply) = reader.take().expect("well-formed") {
            found.push((reply.code, reply.lines));
        }
    }
    assert_eq!(found, [(250, vec!["a".to_owned(), "b".to_owned()]), (354, vec![String::new()])]);
    assert!(reader.is_empty());
}

#[test]
fn a_begun_reply_is_not_nothing() {
    for begun in [b"2".as_slice(), b"250-a\r\n", b"250 a\r"] {
        let mut reader = ReplyReader::default();
        reader.feed(begun);
        assert_eq!(reader.take(), Ok(None));
        assert!(!reader.is_empty());
    }
}

#[test]
fn the_enhanced_status_stands_apart_if_its_class_fits() {
    let told = reply(b"550-5.1.1 no such\r\n550 5.1.1 mailbox\r\n");
    assert_eq!((told.enhanced, told.text.as_str()), ("5.1.1".parse().ok(), "no such\nmailbox"));
    let other = reply(b"450 5.1.1 odd\r\n");
    assert_eq!((other.enhanced, other.text.as_str()), (None, "5.1.1 odd"));
    assert_eq!(reply(b"250 2.0.01 odd\r\n").enhanced, None);
    assert_eq!(reply(b"250 2.1.0\r\n").text, "");
}

#[test]
fn texts_are_readable_and_bounded() {
    assert_eq!(reply(b"250 a\xff\x1b[0m\tb\r\n").text, "a\u{fffd}\u{fffd}[0m\u{fffd}b");
    let long = [b"250-", "ä".repeat(1500).as_bytes(), b"\r\n250 end\r\n"].concat();
    let text = reply(&long).text;
    assert!(text.len() <= Reply::MAX_TEXT && text.chars().all(|c| c == 'ä'));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut reader = ReplyReader::default();
        for piece in bytes.chunks(7) {
            reader.feed(piece);
            while let Ok(Some(reply)) = reader.take() {
                prop_assert!((200..600).contains(&reply.code));
            }
        }
        prop_assert!(reader.buffer.len() <= MAX_LINE + 2000);
    }
}
