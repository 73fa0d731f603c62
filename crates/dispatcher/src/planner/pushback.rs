//! What an outcome says of the destination, beside the delivery itself.

use postledger_core::outcome::Outcome;
use postledger_core::reply::{Enhanced, Reply};
use std::sync::LazyLock;

/// In order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pushback {
    /// It takes mail.
    None,
    /// Fewer at once.
    Slower,
    /// Nothing for a while.
    Park,
}

/// A row of the table of what known servers say.
#[derive(Debug)]
struct Row {
    code: Option<u16>,
    enhanced: &'static str,
    text: &'static str,
    pushback: Option<Pushback>,
}

static KNOWN: LazyLock<Vec<Row>> =
    LazyLock::new(|| include_str!("../../data/deferrals.tsv").lines().filter_map(Row::parse).collect());

impl Pushback {
    /// `None` where the outcome says nothing of the destination: it may lie with the relay, or with one mailbox.
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Accepted(_) => Some(Self::None),
            Outcome::Transient(reply) => Self::of_deferral(reply),
            Outcome::Permanent(_) | Outcome::NotSent(_) | Outcome::Unknown(_) => None,
        }
    }

    fn of_deferral(reply: &Reply) -> Option<Self> {
        let text = reply.text.to_lowercase();
        if let Some(row) = KNOWN.iter().find(|row| row.fits(reply, &text)) {
            return row.pushback;
        }
        match reply.enhanced {
            // RFC 5321 3.8: the server closes the channel and wants to be left alone.
            _ if reply.code == 421 => Some(Self::Park),
            // RFC 3463 3.8: security or policy; where rates are limited it is by this subject.
            Some(Enhanced { subject: 7, .. }) => Some(Self::Park),
            // RFC 3463 3.2, 3.3: one address, one mailbox.
            Some(Enhanced { subject: 1 | 2, .. }) => None,
            Some(_) | None => Some(Self::Slower),
        }
    }
}

impl Row {
    /// `None` for a comment, and for what a test would have refused.
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let (code, enhanced, text) = (columns.next()?, columns.next()?, columns.next()?);
        let pushback = match columns.next()? {
            "park" => Some(Pushback::Park),
            "slower" => Some(Pushback::Slower),
            "mailbox" => None,
            _ => return None,
        };
        Some(Self { code: code.parse().ok(), enhanced, text, pushback })
    }

    fn fits(&self, reply: &Reply, text: &str) -> bool {
        let is_code = self.code.is_none_or(|code| code == reply.code);
        let is_enhanced = match self.enhanced.strip_suffix('*') {
            Some("") => true,
            Some(beginning) => reply.enhanced.is_some_and(|code| code.to_string().starts_with(beginning)),
            None => reply.enhanced.is_some_and(|code| code.to_string() == self.enhanced),
        };
        is_code && is_enhanced && text.contains(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_read_and_has_a_source() {
        let lines = include_str!("../../data/deferrals.tsv").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let row = Row::parse(line).expect(line);
            let columns: Vec<_> = line.split('\t').collect();
            assert_eq!(columns.len(), 5, "{line}");
            assert!(columns[0] == "*" || row.code.is_some_and(|code| (400..500).contains(&code)), "{line}");
            assert_eq!(row.text, row.text.to_lowercase(), "{line}");
            assert!(columns[4].starts_with("https://") || columns[4].starts_with("RFC "), "{line}");
        }
    }

    #[test]
    fn deferrals_are_read_by_what_is_known_then_by_their_codes() {
        let table = [
            (421, "", "closing", Some(Pushback::Park)),
            (450, "4.2.1", "The user you are trying to contact is receiving mail too quickly.", None),
            (450, "4.2.1", "Peak SMTP relay limit exceeded for customer", Some(Pushback::Park)),
            (451, "4.7.500", "Server busy. Please try again later", Some(Pushback::Park)),
            (454, "", "Throttling failure: Maximum sending rate exceeded.", Some(Pushback::Park)),
            (451, "4.7.1", "Greylisting in action, please come back later", None),
            (451, "4.7.1", "try again", Some(Pushback::Park)),
            (452, "4.2.2", "mailbox full", None),
            (451, "4.3.0", "local error", Some(Pushback::Slower)),
            (451, "", "later", Some(Pushback::Slower)),
        ];
        for (code, enhanced, text, expected) in table {
            let reply = Reply { code, enhanced: enhanced.parse().ok(), text: text.to_owned() };
            assert_eq!(Pushback::of(&Outcome::Transient(reply)), expected, "{code} {enhanced} {text}");
        }
    }
}
