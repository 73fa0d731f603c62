//! Who compares what was promised with what happened.
//!
//! Three witnesses that do not know each other: the generator's ledger (what was answered), the sinks' transactions
//! (what was sent) and the service's exported events (what it says of itself). A message is followed by the token that
//! only it has, and, where its answer was never read, by its Message-ID.

mod events;
mod verdict;

pub use verdict::{Finding, Verdict};

use crate::load::Entry;
use crate::sink::Transaction;
use anyhow::Result;
use events::Message;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What the application knows of one message.
#[derive(Default)]
struct Submitted<'a> {
    recipients: &'a [String],
    /// The id that came with a 202.
    accepted: Option<&'a str>,
    /// Refused in so many words, and not accepted by a repetition.
    refused: bool,
}

/// What the sinks saw of one delivery.
#[derive(Default, Clone, Copy)]
struct Seen {
    /// Transactions that may have left a copy.
    copies: u32,
    /// Transactions whose complete 2yz was handed to the socket.
    accepted: u32,
}

/// Compares the three. The ledger and the transactions may be gathered from several runs and sinks; the events are the
/// whole export, in order.
///
/// # Errors
/// When the events themselves can not be understood.
pub fn judge(entries: &[Entry], transactions: &[Transaction], export: &[Value]) -> Result<Verdict> {
    let submitted = submitted(entries);
    let messages = events::fold(export)?;
    let by_message_id: HashMap<&str, &str> =
        messages.iter().filter_map(|(id, message)| Some((message.message_id?, *id))).collect();

    let mut verdict = Verdict { messages: messages.len(), ..Verdict::default() };
    let mut seen: HashMap<(&str, u32), Seen> = HashMap::new();
    for transaction in transactions {
        // The answer names the message; without one its Message-ID does.
        let token = transaction.token.as_deref();
        let intent = token.and_then(|token| submitted.get(token));
        let told = intent.and_then(|intent| intent.accepted);
        let stream = told.or_else(|| by_message_id.get(transaction.message_id.as_deref()?).copied());
        let known = stream.filter(|stream| messages.contains_key(stream));
        match (intent, known) {
            (Some(intent), Some(stream)) => {
                if intent.refused {
                    verdict.phantom.push(Finding::new(stream, None, "sent though refused"));
                }
                for recipient in &transaction.recipients {
                    match intent.recipients.iter().position(|it| it.eq_ignore_ascii_case(recipient)) {
                        Some(at) => {
                            let ordinal = u32::try_from(at)? + 1;
                            let seen = seen.entry((stream, ordinal)).or_default();
                            seen.copies += u32::from(transaction.is_copy());
                            seen.accepted += u32::from(transaction.is_accepted());
                        }
                        None => {
                            verdict.phantom.push(Finding::new(stream, None, "a recipient it does not have"));
                        }
                    }
                }
            }
            (Some(_), None) => {
                verdict.phantom.push(Finding::new(
                    token.unwrap_or_default(),
                    None,
                    "sent though no event queued it",
                ));
            }
            (None, _) => {
                let name = token.or(transaction.message_id.as_deref()).unwrap_or("without any name");
                verdict.phantom.push(Finding::new(name, None, "sent though never submitted"));
            }
        }
    }

    judge_answers(&submitted, &messages, &mut verdict);
    for (stream, message) in &messages {
        judge_deliveries(stream, message, &seen, &mut verdict);
    }
    Ok(verdict)
}

fn submitted(entries: &[Entry]) -> HashMap<&str, Submitted<'_>> {
    let mut submitted: HashMap<&str, Submitted<'_>> = HashMap::new();
    for entry in entries {
        match entry {
            Entry::Intent(intent) => {
                submitted.entry(&intent.token).or_default().recipients = &intent.recipients
            }
            Entry::Answer(answer) => {
                let of = submitted.entry(&answer.token).or_default();
                if answer.status == 202 {
                    of.accepted = answer.id.as_deref();
                    of.refused = false;
                } else {
                    // A failure inside the service (500, 502, 504) promises nothing either way; a refusal does.
                    of.refused = of.accepted.is_none() && matches!(answer.status, 400..=499 | 503 | 507);
                }
            }
        }
    }
    submitted
}

/// Every 202 has its message, with all its deliveries, and no two 202s have the same.
fn judge_answers(
    submitted: &HashMap<&str, Submitted<'_>>,
    messages: &HashMap<&str, Message<'_>>,
    verdict: &mut Verdict,
) {
    let mut taken = HashSet::new();
    for (token, of) in submitted {
        let Some(id) = of.accepted else { continue };
        verdict.accepted += 1;
        match messages.get(id) {
            None => verdict.lost.push(Finding::new(id, None, "answered 202 and in no state")),
            Some(message) if message.deliveries.len() < of.recipients.len() => {
                verdict.lost.push(Finding::new(
                    id,
                    None,
                    "answered 202 with fewer deliveries than recipients",
                ));
            }
            Some(_) if !taken.insert(id) => {
                verdict.lost.push(Finding::new(token, None, "answered 202 with another message's id"));
            }
            Some(_) => {}
        }
    }
}

fn judge_deliveries(
    stream: &str,
    message: &Message<'_>,
    seen: &HashMap<(&str, u32), Seen>,
    verdict: &mut Verdict,
) {
    for (ordinal, delivery) in &message.deliveries {
        verdict.deliveries += 1;
        verdict.open += usize::from(!delivery.ended);
        verdict.unknown_attempts += delivery.unknown as usize;
        let seen = seen.get(&(stream, *ordinal)).copied().unwrap_or_default();
        verdict.copies += seen.copies as usize;
        let finding = |what: &str| Finding::new(stream, Some(*ordinal), what);
        if delivery.delivered && seen.accepted == 0 {
            verdict.falsely_delivered.push(finding("delivered without a completed transaction"));
        }
        let allowed = 1 + delivery.unknown;
        if seen.copies > allowed {
            verdict.excess.push(finding(&format!("{} copies where {allowed} are allowed", seen.copies)));
        }
        if seen.accepted > 0 && delivery.ended && !delivery.delivered && delivery.unknown == 0 {
            verdict.denied.push(finding("accepted by the sink, but ended as not delivered"));
        }
    }
}

#[cfg(test)]
mod tests;
