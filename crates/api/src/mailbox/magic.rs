//! Local parts that make the mailbox misbehave, always in the same way.

use std::collections::HashSet;

/// What becomes of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Reject,
    Defer,
    /// Accepted, and the connection closed after the dot.
    Drop,
}

/// Remembers which addresses were deferred.
#[derive(Debug, Default)]
pub(super) struct Magic {
    deferred: HashSet<String>,
}

/// Addresses that are remembered; past that, all are forgotten and deferred once more.
const MAX_REMEMBERED: usize = 10_000;

impl Magic {
    pub fn judge(&mut self, address: &str) -> Verdict {
        let local_part = address.to_ascii_lowercase();
        if local_part.starts_with("reject") {
            return Verdict::Reject;
        }
        if local_part.starts_with("drop") {
            return Verdict::Drop;
        }
        if !local_part.starts_with("defer") || self.deferred.remove(address) {
            return Verdict::Accept;
        }
        if self.deferred.len() >= MAX_REMEMBERED {
            self.deferred.clear();
        }
        self.deferred.insert(address.to_owned());
        Verdict::Defer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_try_of_a_deferred_address_is_accepted() {
        let mut magic = Magic::default();
        let verdicts = ["defer.a@x.example", "defer.b@x.example", "defer.a@x.example", "defer.a@x.example"]
            .map(|address| magic.judge(address));
        assert_eq!(verdicts, [Verdict::Defer, Verdict::Defer, Verdict::Accept, Verdict::Defer]);
        assert_eq!(magic.judge("Reject.me@x.example"), Verdict::Reject);
        assert_eq!(magic.judge("drop@x.example"), Verdict::Drop);
        assert_eq!(magic.judge("ann@defer.example"), Verdict::Accept);
    }
}
