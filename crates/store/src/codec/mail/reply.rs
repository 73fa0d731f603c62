//! Replies, and why nothing was sent: the codes are plain, the text is personal, for it often quotes the address.

use super::super::text::Text;
use super::super::{Undecodable, json, parse_personal};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_core::reply::{Enhanced, Reply};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredReply {
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    enhanced: Option<Text<Enhanced>>,
}

/// Where and why nothing was sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StoredNotSent {
    stage: Text<Stage>,
    trouble: Text<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reply: Option<StoredReply>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredText {
    reply: String,
}

impl From<&Reply> for StoredReply {
    fn from(reply: &Reply) -> Self {
        Self { code: reply.code, enhanced: reply.enhanced.map(Text) }
    }
}

impl StoredReply {
    /// Joined with its text; an empty one once that was erased.
    pub(super) fn with(self, personal: Option<&[u8]>) -> Result<Reply, Undecodable> {
        let text = parse_personal(personal)?.map_or_else(String::new, |StoredText { reply }| reply);
        Ok(Reply { code: self.code, enhanced: self.enhanced.map(|enhanced| enhanced.0), text })
    }
}

impl From<&NotSent> for StoredNotSent {
    fn from(not_sent: &NotSent) -> Self {
        let reply = not_sent.reply.as_ref().map(StoredReply::from);
        Self { stage: Text(not_sent.stage), trouble: Text(not_sent.trouble), reply }
    }
}

impl StoredNotSent {
    /// The personal part that goes with it.
    pub(in super::super) fn personal(not_sent: &NotSent) -> Option<String> {
        not_sent.reply.as_ref().and_then(personal_text)
    }

    /// Joined with the text of its reply.
    pub(in super::super) fn with(self, personal: Option<&[u8]>) -> Result<NotSent, Undecodable> {
        let reply = self.reply.map(|reply| reply.with(personal)).transpose()?;
        Ok(NotSent { stage: self.stage.0, trouble: self.trouble.0, reply })
    }
}

/// The personal part of an event with that reply; none for an empty text.
pub(super) fn personal_text(reply: &Reply) -> Option<String> {
    (!reply.text.is_empty()).then(|| json(&StoredText { reply: reply.text.clone() }))
}
