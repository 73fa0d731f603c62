//! What a client said, read as RFC 5321 is written: commands, and texts up to their dot.

/// The longest line without its CRLF, and without a dot that was added (RFC 5321 4.5.3.1.6).
const MAX_LINE: usize = 998;
/// Names of header fields that a message may have, in lower case; `x-` and `list-` beside them.
const NAMES: [&str; 12] = [
    "message-id",
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "references",
    "keywords",
];

/// Whether a message may have a header field of this name.
pub(super) fn is_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.contains(&&*name) || name.starts_with("x-") || name.starts_with("list-")
}

/// Every octet of a connection. How many transactions there were.
///
/// # Errors
/// What is not as it must be.
pub(super) fn judge(mut said: &[u8]) -> Result<usize, String> {
    let mut transactions = 0;
    let mut expected = &["EHLO "][..];
    while !said.is_empty() {
        let line = line(&mut said)?;
        let text = String::from_utf8_lossy(line);
        if !expected.iter().any(|verb| text.starts_with(verb)) {
            return Err(format!("{text:?} where {expected:?} is expected"));
        }
        expected = match text.get(..4) {
            Some("MAIL") => &["RCPT TO:<"],
            // One recipient a transaction.
            Some("RCPT") => &["DATA"],
            Some("DATA") => {
                message(&mut said)?;
                transactions += 1;
                &["MAIL FROM:<", "QUIT"]
            }
            Some("EHLO") => &["MAIL FROM:<", "QUIT"],
            _ => &[],
        };
    }
    Ok(transactions)
}

/// To its dot: the header fields, an empty line, the body.
fn message(said: &mut &[u8]) -> Result<(), String> {
    let mut is_header = true;
    let mut has_field = false;
    loop {
        let line = line(said)?;
        if line == b"." {
            return if is_header { Err("a text without a body".into()) } else { Ok(()) };
        }
        let line = match line.strip_prefix(b".") {
            Some(rest) if rest.starts_with(b".") => rest,
            Some(_) => return Err("a line begins with a dot that is alone".into()),
            None => line,
        };
        if line.len() > MAX_LINE {
            return Err(format!("a line of {} octets", line.len()));
        }
        if !is_header {
            continue;
        }
        if line.is_empty() {
            is_header = false;
        } else if line.starts_with(b" ") || line.starts_with(b"\t") {
            if !has_field || line.trim_ascii().is_empty() {
                return Err("a folded line of nothing".into());
            }
        } else {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            if !is_allowed(&name) || name.len() == line.len() {
                return Err(format!("a header field {name:?}"));
            }
            has_field = true;
        }
    }
}

/// The next line without its CRLF; CR, LF and NUL stand nowhere else.
fn line<'a>(said: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let end = said.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let end = end.ok_or("a line without an end")?;
    let (line, rest) = said.split_at(end);
    *said = rest.strip_prefix(b"\r\n").ok_or_else(|| format!("octet {} alone", rest[0]))?;
    Ok(line)
}
