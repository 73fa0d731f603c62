//! Transparency (RFC 5321 4.5.2): a line that begins with a dot gets another.

/// Writes text as it goes over the wire, across any cutting into pieces. Line ends come out as CRLF whatever
/// they were: a bare CR or LF could end the text early for one reader and not for another.
#[derive(Debug)]
pub(crate) struct Stuffing {
    last: u8,
}

impl Stuffing {
    /// At the beginning of a text.
    pub(crate) const fn new() -> Self {
        Self { last: b'\n' }
    }

    /// Appends the wire form of `piece` to `out`.
    pub(crate) fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(&first) = rest.first() {
            // After a CR an LF completes the line; anything else means the CR was bare.
            match (self.last, first) {
                (b'\r', b'\n') => {
                    out.push(b'\n');
                    self.last = b'\n';
                    rest = &rest[1..];
                    continue;
                }
                (b'\r', _) => {
                    out.push(b'\n');
                    self.last = b'\n';
                }
                _ => {}
            }
            if self.last == b'\n' && first == b'.' {
                out.push(b'.');
            }
            let end = rest.iter().position(|&byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
            let (text, tail) = rest.split_at(end);
            out.extend_from_slice(text);
            self.last = text.last().copied().unwrap_or(self.last);
            rest = tail;
            match tail.first() {
                Some(b'\r') => {
                    out.push(b'\r');
                    self.last = b'\r';
                    rest = &tail[1..];
                }
                Some(_) => {
                    out.extend_from_slice(b"\r\n");
                    self.last = b'\n';
                    rest = &tail[1..];
                }
                None => {}
            }
        }
    }

    /// Ends the last line, where it was not ended.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        match self.last {
            b'\n' => {}
            b'\r' => out.push(b'\n'),
            _ => out.extend_from_slice(b"\r\n"),
        }
    }
}

#[cfg(test)]
mod tests;
