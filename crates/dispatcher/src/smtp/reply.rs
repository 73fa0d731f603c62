//! Reads replies (RFC 5321 4.2), strictly: what is not clearly a reply ends the session.

use postledger_core::reply::{Enhanced, Reply};

/// Far above the 512 of RFC 5321 4.5.3.1.5, far below what could hurt.
const MAX_LINE: usize = 4 * 1024;
const MAX_REPLY: usize = 64 * 1024;

/// A complete reply, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    /// From 200 to 599.
    pub code: u16,
    /// Readable text of each line, without code and separator.
    pub lines: Vec<String>,
}

/// Why the bytes are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// CR without LF, or LF without CR.
    BareLineEnd,
    /// A line that does not begin with a code that a reply can have, and a separator.
    NoCode,
    /// Lines of one reply with several codes.
    CodeChanged,
    /// A line of 4 KiB.
    LineTooLong,
    /// A reply of 64 KiB.
    ReplyTooLong,
}

/// Collects bytes and cuts complete replies off their front.
#[derive(Debug, Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that were consumed.
    read: usize,
    /// Size of the lines of the present reply.
    size: usize,
    code: Option<u16>,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes what was read, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether every byte fed so far belonged to a reply that was taken.
    pub fn is_empty(&self) -> bool {
        self.read == self.buffer.len() && self.code.is_none()
    }

    /// The next complete reply, if its last line is there.
    ///
    /// # Errors
    /// [`Malformed`]; nothing that follows can be trusted to be a reply.
    pub fn take(&mut self) -> Result<Option<RawReply>, Malformed> {
        loop {
            let rest = &self.buffer[self.read..];
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                return if rest.len() > MAX_LINE { Err(Malformed::LineTooLong) } else { Ok(None) };
            };
            let line = rest[..end].strip_suffix(b"\r").ok_or(Malformed::BareLineEnd)?;
            if line.contains(&b'\r') {
                return Err(Malformed::BareLineEnd);
            }
            if end >= MAX_LINE {
                return Err(Malformed::LineTooLong);
            }
            let (code, is_last, text) = parse_line(line).ok_or(Malformed::NoCode)?;
            if self.code.is_some_and(|first| first != code) {
                return Err(Malformed::CodeChanged);
            }
            self.size += end + 1;
            if self.size > MAX_REPLY {
                return Err(Malformed::ReplyTooLong);
            }
            self.lines.push(readable(text));
            self.code = Some(code);
            self.read += end + 1;
            if is_last {
                (self.code, self.size) = (None, 0);
                return Ok(Some(RawReply { code, lines: std::mem::take(&mut self.lines) }));
            }
        }
    }
}

/// Code, whether it is the last line, text. A line may end after the code (RFC 5321 4.2).
fn parse_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    if !(200..600).contains(&code) {
        return None;
    }
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

fn readable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

impl RawReply {
    /// The reply as events keep it: the enhanced status apart, the text bounded.
    pub fn into_reply(self) -> Reply {
        let enhanced = self.lines.first().and_then(|line| self.enhanced_of(line));
        let prefix = enhanced.map(|enhanced| enhanced.to_string());
        let mut text = String::new();
        for line in &self.lines {
            let line = prefix
                .as_deref()
                .and_then(|prefix| line.strip_prefix(prefix))
                .filter(|rest| rest.is_empty() || rest.starts_with(' '))
                .map_or(line.as_str(), str::trim_start);
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
            if text.len() > Reply::MAX_TEXT {
                text.truncate(text.floor_char_boundary(Reply::MAX_TEXT));
                break;
            }
        }
        Reply { code: self.code, enhanced, text }
    }

    /// RFC 2034 4: the enhanced status begins the text and has the class of the code.
    fn enhanced_of(&self, line: &str) -> Option<Enhanced> {
        let word = line.split(' ').next()?;
        word.parse().ok().filter(|enhanced: &Enhanced| enhanced.class == self.code / 100)
    }
}

#[cfg(test)]
mod tests;
