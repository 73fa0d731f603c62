//! How far long work has come: a line on stderr, on a terminal alone, gone when the work is done.

use indicatif::{ProgressBar, ProgressStyle};
use postledger_core::id::Position;
use std::time::Duration;

/// Draws nothing where stderr is not a terminal; disappears when dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Work whose end is not known.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what);
        // A rough disk stands still for seconds: what moves shows that somebody is at it.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Work on the events after `begin`, up to `end`.
    pub fn over(what: &'static str, begin: Position, end: Position) -> Self {
        let progress = Self::new(what);
        progress.goes_on(what, begin, end);
        progress
    }

    /// It has come to `at`, of `end`; a message or an end that is new begins another part of the work.
    pub fn goes_on(&self, what: &'static str, at: Position, end: Position) {
        self.at(at);
        if self.0.message() != what || self.0.length() != Some(number(end)) {
            self.0.set_message(what);
            self.0.set_length(number(end));
            let template = "{spinner} {msg}  {wide_bar}  {human_pos} of {human_len} events, {eta} left";
            self.0.set_style(
                ProgressStyle::with_template(template).expect("it is a constant, which a test draws"),
            );
            self.0.reset_eta();
            self.0.force_draw();
        }
    }

    /// It has come to `position`.
    pub fn at(&self, position: Position) {
        self.0.set_position(number(position));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn number(position: Position) -> u64 {
    u64::try_from(position.0).unwrap_or(0)
}
