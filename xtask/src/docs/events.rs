//! `docs/events.md`: every kind with its meaning and the golden file that fixes its stored form.

use crate::process::root;
use anyhow::{Context, Result, bail};
use postledger_core::event::KINDS;
use std::path::PathBuf;

/// What each kind says. A kind without a line here fails the check.
const MEANINGS: &[(&str, &str)] = &[
    ("queued", "The message was accepted; all its deliveries exist from here on."),
    ("committed", "A prepared message was committed by its application."),
    ("aborted", "A prepared message was aborted; each delivery's `failed` follows."),
    ("content_removed", "The content was removed when its retention passed."),
    ("erased", "Personal parts and content of the message were erased."),
    ("attempted", "A relay accepted the recipient; the dot may leave once this has committed."),
    ("delivered", "A relay took the mail with a complete 2yz to the dot."),
    (
        "deferred",
        "The attempt did not deliver; another follows at `due_us`. `not_sent`: known not to have been accepted.",
    ),
    ("unknown", "The dot may have left and no complete reply was read."),
    (
        "failed",
        "No attempt will follow. Where an unknown attempt is unresolved, the delivery shows as `unknown`.",
    ),
    ("held", "Paused until released."),
    ("released", "Resumed; lifetime counts anew."),
    ("cancelled", "Withdrawn before it was sent."),
    ("rescheduled", "Given another time to be sent at."),
    ("resolved", "An operator found out what became of the unknown attempts."),
    ("redriven", "Put back in the queue after it had failed, with a fresh budget of attempts."),
    ("bounced", "A bounce came back after delivery (RFC 3464)."),
    ("complained", "The recipient complained (RFC 5965)."),
    ("key_created", "An API key was issued; only the SHA-256 of its secret is kept."),
    ("key_revoked", "An API key is no longer good."),
    ("started", "A start raised the epoch."),
    ("stopped", "An orderly stop: nothing was in flight."),
    (
        "breaker_opened",
        "A relay gets no mail until `until_us`: nothing could be sent there, or, without `not_sent`, `by` took it out of use \
         for a drill. A start closes every breaker without a word.",
    ),
    (
        "breaker_probing",
        "A connection without mail, then one delivery, shows whether the relay can be used again.",
    ),
    ("breaker_closed", "The relay gets mail again."),
];

/// The document.
pub fn document() -> Result<String> {
    let mut text = String::from(
        "# Events\n\n\
         Written by `cargo xtask docs` from the kinds in `postledger_core::event` and the golden files of the store, which\n\
         fix the stored form: what was once written is read for ever. `data` is hashed as it stands; `personal` is kept apart\n\
         with a random salt, its digest is hashed, and it can be erased. Times end in `_us`: microseconds UTC since 1970;\n\
         spans too. Events of a message stand at ordinal 0, events of a delivery at its ordinal.\n",
    );
    for (stream, kinds) in KINDS {
        text.push_str(&format!("\n## Of a {stream}\n"));
        for kind in *kinds {
            let Some((_, meaning)) = MEANINGS.iter().find(|(known, _)| known == kind) else {
                bail!("{kind} has no meaning in xtask/src/docs/events.rs");
            };
            text.push_str(&format!("\n### {kind}\n\n{meaning}\n\n"));
            for file in golden(kind)? {
                let stored = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                text.push_str(&shown(&stored)?);
            }
        }
    }
    Ok(text)
}

/// A golden file holds the data on its first line and the personal part, where there is one, on its second.
fn shown(stored: &str) -> Result<String> {
    let mut text = String::new();
    for (name, line) in ["data", "personal"].iter().zip(stored.lines()).filter(|(_, line)| !line.is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line).context("a golden file holds JSON")?;
        text.push_str(&format!("```json\n// {name}\n{}\n```\n", serde_json::to_string_pretty(&value)?));
    }
    Ok(text)
}

/// Every golden file of a kind: `<kind>[_<variant>].<schema>.jsonl`.
fn golden(kind: &str) -> Result<Vec<PathBuf>> {
    let folder = root().join("crates/store/golden/events");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let is_of_kind = |name: &str| {
        name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('_'))
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_of_kind))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("{kind} has no golden file");
    }
    Ok(files)
}
