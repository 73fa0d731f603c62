//! The body of `POST /v1/messages`, as it comes.

use crate::service::Service;

/// Every body is answered as [`Service::submit`] says; what is accepted is mail, line by line.
pub(crate) fn message(input: &[u8]) {
    Service::with(|service| {
        let answer = service.submit(input);
        if answer.status == 202 {
            is_mail(&service.content(&answer));
        }
    });
}

/// Lines end with CRLF, have at most 998 bytes and no NUL (RFC 5322 2.1.1, 2.3).
pub(crate) fn is_mail(content: &[u8]) {
    assert!(content.ends_with(b"\r\n") && !content.contains(&0));
    for line in content[..content.len() - 2].split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() <= 998 && !line.contains(&b'\r'), "{:?}", String::from_utf8_lossy(line));
    }
    let bare = content.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
    assert!(!bare && content.first() != Some(&b'\n'), "a bare line end");
}
