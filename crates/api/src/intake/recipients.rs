//! Who gets it: valid addresses, each once, to before cc before bcc.

use super::Findings;
use crate::request::Parties;
use postledger_core::address::{Address, Mailbox};
use postledger_core::event::RecipientKind;
use std::collections::HashSet;

/// The message's recipients, for the header and for the envelope.
#[derive(Debug, Default)]
pub(super) struct Addressed {
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub bcc: Vec<Mailbox>,
    /// Forward paths by ordinal from 1, each address once.
    pub envelope: Vec<Address>,
    /// The kind of each.
    pub kinds: Vec<RecipientKind>,
}

pub(super) fn check(
    to: Parties,
    cc: Parties,
    bcc: Parties,
    most: usize,
    findings: &mut Findings,
) -> Addressed {
    let named = to.0.count + cc.0.count + bcc.0.count;
    if named == 0 {
        findings.add("to", "required", "a message has at least one recipient in to, cc or bcc");
        return Addressed::default();
    }
    if named > most {
        let largest =
            [("to", &to), ("cc", &cc), ("bcc", &bcc)].into_iter().max_by_key(|(_, list)| list.0.count);
        let detail = format!("to, cc and bcc name at most {most} addresses together");
        findings.add(largest.map_or("to", |(field, _)| field), "too_many", detail);
        return Addressed::default();
    }
    let mut addressed = Addressed {
        to: mailboxes("to", to, most, findings),
        cc: mailboxes("cc", cc, most, findings),
        bcc: mailboxes("bcc", bcc, most, findings),
        ..Addressed::default()
    };
    let to = addressed.to.iter().map(|mailbox| (mailbox, RecipientKind::To));
    let cc = addressed.cc.iter().map(|mailbox| (mailbox, RecipientKind::Cc));
    let bcc = addressed.bcc.iter().map(|mailbox| (mailbox, RecipientKind::Bcc));
    let mut seen = HashSet::with_capacity(named);
    for (mailbox, kind) in to.chain(cc).chain(bcc) {
        if seen.insert(&mailbox.address) {
            addressed.envelope.push(mailbox.address.clone());
            addressed.kinds.push(kind);
        }
    }
    addressed
}

/// The mailboxes of one field.
pub(super) fn mailboxes(field: &str, parties: Parties, most: usize, findings: &mut Findings) -> Vec<Mailbox> {
    let Parties(parties) = parties;
    if parties.count > most {
        findings.add(field, "too_many", format!("at most {most} may stand here"));
        return Vec::new();
    }
    let mut mailboxes = Vec::with_capacity(parties.kept.len());
    for (index, party) in parties.kept.into_iter().enumerate() {
        match party.0 {
            Ok(mailbox) => mailboxes.push(mailbox),
            Err(invalid) if parties.count == 1 => findings.add(field, "invalid_address", invalid.to_string()),
            Err(invalid) => {
                findings.add(format!("{field}[{index}]"), "invalid_address", invalid.to_string());
            }
        }
    }
    mailboxes
}
