//! Timelines that a person wants to read: one line per event, with what happens next at the end.
//!
//! They are made of the JSON that the API serves, so that a local ledger and a remote service read the same.

mod explained;
mod next;
mod story;
mod summary;

pub use explained::explanation;
pub use summary::{status, summary};

use crate::args::Subject;
use crate::output::{paint, text, time};
use postledger_core::time::Timestamp;
use serde_json::Value;

/// What a person reads of `{"message", "events"}`: who and what, then the story of each recipient, then what waits
/// for a person. Of a delivery, its own story alone.
pub fn whole(both: &Value, subject: Subject, now: Timestamp) -> String {
    let (message, events) = (&both["message"], list(&both["events"]));
    let deliveries = list(&message["deliveries"]).iter().zip(1..);
    let shown: Vec<(&Value, u64)> =
        deliveries.filter(|(delivery, _)| summary::is_shown(delivery, subject)).collect();
    let of =
        |ordinal: u64| lines(events.iter().filter(|event| is_of(event, 0) || is_of(event, ordinal)), false);
    let mut parts = vec![summary::head(message, subject, now)];
    if let [(delivery, ordinal)] = shown[..] {
        let story: Vec<_> = of(ordinal).into_iter().chain(next::line(delivery, now)).collect();
        parts.push(Layout::of(&story).lay_out(&story, ""));
    } else {
        parts.push(summary::table(message, now));
        let mut stories = vec![(String::new(), of(0))];
        stories.extend(shown.iter().map(|(delivery, ordinal)| {
            // The message's own events are told once; for a delivery they are where its first span begins.
            let own = of(*ordinal).into_iter().filter(|line| line.ordinal == *ordinal);
            let whose = paint::strong(&format!("#{ordinal} {}", text(&delivery["recipient"])));
            (format!("{whose}  {}", status(delivery)), own.chain(next::line(delivery, now)).collect())
        }));
        let mut layout = Layout::of(stories.iter().flat_map(|(_, lines)| lines));
        parts.extend(stories.iter().map(|(heading, lines)| match heading.is_empty() {
            true => layout.lay_out(lines, ""),
            false => format!("{heading}\n{}", layout.lay_out(lines, "  ")).trim_end().to_owned(),
        }));
    }
    parts.extend(next::advice(message, subject));
    if let [(first, _), _, ..] = shown[..] {
        parts.push(paint::faint(&format!("To see one alone, show its id: {}", text(&first["id"]))));
    }
    parts.join("\n\n")
}

/// Every event in the order of the ledger, each with its delivery.
pub fn of(events: &[Value]) -> String {
    let lines = lines(events.iter(), true);
    Layout::of(&lines).lay_out(&lines, "")
}

/// Events of the service itself.
pub fn node(events: &[Value]) -> String {
    let lines = lines(events.iter(), false);
    Layout::of(&lines).lay_out(&lines, "")
}

/// One line of a timeline, before its columns are known.
struct Line {
    /// `None` where it has no time of its own.
    at: Option<Timestamp>,
    /// Since the event before it, or until it comes.
    after: String,
    /// The delivery, 0 for the message.
    ordinal: u64,
    /// Whether the delivery is named in it.
    is_named: bool,
    word: String,
    story: String,
}

fn lines<'a>(events: impl Iterator<Item = &'a Value>, is_named: bool) -> Vec<Line> {
    let events: Vec<&Value> = events.collect();
    let line = |(index, event): (usize, &&Value)| {
        let (before, after) = (&events[..index], &events[index + 1..]);
        let at = time::of(&event["at"]);
        let previous = before.iter().rev().find(|other| is_same_story(other, event));
        let previous = previous.and_then(|previous| time::of(&previous["at"]));
        let after_previous =
            at.zip(previous).map(|(at, previous)| format!("+{}", time::span(at.since(previous))));
        Line {
            at,
            after: after_previous.unwrap_or_default(),
            ordinal: event["delivery"].as_u64().unwrap_or(0),
            is_named,
            word: text(&event["kind"]).replace('_', " "),
            story: story::of(event, before, after),
        }
    };
    events.iter().enumerate().map(line).collect()
}

/// Columns: time, span, delivery, what, and the words. A day is named where it begins.
#[derive(Default)]
struct Layout {
    after: usize,
    word: usize,
    day: Option<String>,
}

impl Layout {
    fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Self {
        lines.into_iter().fold(Self::default(), |widest, line| Self {
            after: widest.after.max(line.after.len()),
            word: widest.word.max(line.word.len()),
            day: None,
        })
    }

    fn lay_out(&mut self, lines: &[Line], indent: &str) -> String {
        let mut out = Vec::new();
        for line in lines {
            if let Some(day) = line.at.map(time::date).filter(|day| self.day.as_ref() != Some(day)) {
                out.push(format!("{indent}{}", paint::faint(&format!("{day} UTC"))));
                self.day = Some(day);
            }
            let clock = line.at.map_or_else(|| " ".repeat(12), time::clock);
            let whose = match (line.is_named, line.ordinal) {
                (false, _) => String::new(),
                (true, 0) => "     ".to_owned(),
                (true, ordinal) => format!("#{ordinal:<4}"),
            };
            let gap = " ".repeat(self.word - line.word.len());
            let (after, word, story) = (&line.after, paint::state(&line.word), &line.story);
            let text = format!("{indent}{clock}  {after:>0$}  {whose}{word}{gap}  {story}", self.after);
            out.push(text.trim_end().to_owned());
        }
        out.join("\n")
    }
}

fn is_of(event: &Value, ordinal: u64) -> bool {
    event["delivery"].as_u64().unwrap_or(0) == ordinal
}

/// Whether `event` goes on where `before` left off: what happened to the message happened to each delivery.
fn is_same_story(before: &Value, event: &Value) -> bool {
    is_of(before, 0) || before["delivery"] == event["delivery"]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
