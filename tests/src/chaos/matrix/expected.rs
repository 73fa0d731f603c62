//! What each cell must come to: the table of guarantees.md, written down once more.

use super::{Cell, Policy, Way};
use crate::sink::Stage;

/// What is known after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    NotSent,
    Transient,
    Permanent,
    Unknown,
    Delivered,
}

/// What an attempt comes to whose peer goes wrong at this stage in this way.
pub(super) fn class(stage: Stage, way: Way) -> Class {
    let is_refusal = matches!(way, Way::Transient | Way::Permanent);
    match stage {
        Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Dot if is_refusal => match way {
            Way::Permanent => Class::Permanent,
            _ => Class::Transient,
        },
        // 354 is what DATA is answered with.
        Stage::Data if way == Way::GoOn => Class::Delivered,
        Stage::Dot => Class::Unknown,
        Stage::Banner
        | Stage::Ehlo
        | Stage::Starttls
        | Stage::Auth
        | Stage::Mail
        | Stage::Rcpt
        | Stage::Data
        | Stage::Body
        | Stage::Quit => Class::NotSent,
    }
}

impl Cell {
    /// The classes of the recorded attempts, in order, up to the end of the delivery.
    pub(super) fn expected(&self) -> Vec<Class> {
        let mut classes = Vec::new();
        let mut goes_on = true;
        for class in
            [(self.killed && self.has_begun()).then_some(Class::Unknown), Some(class(self.stage, self.way))]
                .into_iter()
                .flatten()
        {
            if goes_on {
                classes.push(class);
                goes_on = match class {
                    Class::NotSent | Class::Transient => true,
                    Class::Unknown => self.policy == Policy::Retry,
                    Class::Permanent | Class::Delivered => false,
                };
            }
        }
        if goes_on {
            classes.push(Class::Delivered);
        }
        classes
    }

    /// Whether an attempt stands in the ledger when the service dies at this stage: then nobody can know, before it
    /// nothing was sent.
    pub(super) fn has_begun(&self) -> bool {
        match self.stage {
            Stage::Body | Stage::Dot => true,
            Stage::Banner
            | Stage::Ehlo
            | Stage::Starttls
            | Stage::Auth
            | Stage::Mail
            | Stage::Rcpt
            | Stage::Data
            | Stage::Quit => false,
        }
    }

    /// Whether an attempt of which nothing was sent may say that it failed there. A reset throws away what was on its
    /// way, replies to earlier commands of the same flight too: it may be seen earlier.
    pub(super) fn is_seen_at(&self, word: &str) -> bool {
        let words = ["connect", "banner", "ehlo", "tls", "auth", "mail", "rcpt", "data", "body"];
        let place = words.iter().position(|it| *it == word);
        let own = match self.stage {
            Stage::Banner => 1,
            Stage::Ehlo => 2,
            Stage::Starttls => 3,
            Stage::Auth => 4,
            Stage::Mail => 5,
            Stage::Rcpt => 6,
            Stage::Data => 7,
            Stage::Body => 8,
            Stage::Dot | Stage::Quit => return false,
        };
        place.is_some_and(|at| at == own || (self.way == Way::Reset && at < own))
    }
}
