use super::*;
use proptest::prelude::*;

fn wire(pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut stuffing = Stuffing::new();
    pieces.iter().for_each(|piece| stuffing.write(piece, &mut out));
    stuffing.finish(&mut out);
    out
}

/// What a server makes of it (RFC 5321 4.5.2).
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let lines = wire.split_inclusive(|&byte| byte == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

#[test]
fn dots_at_the_beginning_of_a_line_are_doubled() {
    let table: [(&[u8], &[u8]); 8] = [
        (b"", b""),
        (b"a", b"a\r\n"),
        (b".", b"..\r\n"),
        (b".\r\n..\r\na.\r\n", b"..\r\n...\r\na.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n"),
        (b"a\r", b"a\r\n"),
        (b"a\r\r\n\n", b"a\r\n\r\n\r\n"),
    ];
    for (text, expected) in table {
        assert_eq!(wire(&[text]), expected, "{:?}", String::from_utf8_lossy(text));
    }
}

proptest! {
    #[test]
    fn any_text_arrives_whole_and_none_ends_early(text in "[a.\r\n]{0,60}", cut in 0usize..60) {
        let (text, cut) = (text.as_bytes(), cut.min(text.len()));
        let wire = wire(&[&text[..cut], &text[cut..]]);
        let canonical = String::from_utf8_lossy(text).replace("\r\n", "\n").replace('\r', "\n");
        let mut canonical = canonical.replace('\n', "\r\n");
        if !canonical.is_empty() && !canonical.ends_with("\r\n") {
            canonical.push_str("\r\n");
        }
        prop_assert_eq!(unstuffed(&wire), canonical.as_bytes());
        let lines: Vec<_> = wire.split(|&byte| byte == b'\n').collect();
        let (last, lines) = lines.split_last().expect("split gives one at least");
        prop_assert!(last.is_empty());
        for line in lines {
            prop_assert!(line.ends_with(b"\r") && !line[..line.len() - 1].contains(&b'\r') && *line != b".\r");
        }
    }
}
