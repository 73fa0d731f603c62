//! What a sink offers and where it goes wrong.

use super::action::Action;
use super::certificate::Certificate;
use super::log::Keep;
use std::ops::RangeInclusive;

/// Where in the dialogue, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Before the greeting.
    Banner,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS.
    Starttls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The first bytes after 354, before the dot was looked for.
    Body,
    /// The final dot.
    Dot,
    /// QUIT.
    Quit,
}

impl Stage {
    /// How many there are.
    pub(super) const COUNT: usize = 10;

    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "mail" => Self::Mail,
            "rcpt" => Self::Rcpt,
            "data" => Self::Data,
            "body" => Self::Body,
            "dot" => Self::Dot,
            _ => return None,
        })
    }
}

/// Whether the sink speaks TLS.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Not at all; STARTTLS is not offered.
    Off,
    /// From the first byte.
    Implicit(Certificate),
    /// After STARTTLS, which is offered.
    Starttls(Certificate),
}

/// What EHLO offers, beside STARTTLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extensions {
    /// PIPELINING.
    pub pipelining: bool,
    /// 8BITMIME.
    pub eight_bit: bool,
    /// SMTPUTF8.
    pub utf8: bool,
    /// ENHANCEDSTATUSCODES.
    pub enhanced: bool,
    /// SIZE with this limit, in bytes.
    pub size: Option<u64>,
    /// AUTH PLAIN LOGIN. With credentials (name, password) others are refused with 535; without, anyone is let in.
    pub auth: Option<Option<(String, String)>>,
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            pipelining: true,
            eight_bit: true,
            utf8: true,
            enhanced: true,
            size: Some(64 << 20),
            auth: None,
        }
    }
}

/// At a stage, for whom it is meant: an action. The first rule that matches decides.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) stage: Stage,
    recipient: Option<String>,
    prefix: Option<String>,
    attempts: RangeInclusive<u32>,
    connections: RangeInclusive<u64>,
    pub(super) action: Action,
}

impl Rule {
    /// A rule for everyone at this stage; it does nothing until it is told what.
    #[must_use]
    pub fn at(stage: Stage) -> Self {
        let action = Action::reply(451, "4.3.0 scripted");
        Self {
            stage,
            recipient: None,
            prefix: None,
            attempts: 1..=u32::MAX,
            connections: 1..=u64::MAX,
            action,
        }
    }

    /// Only for this forward path, in any case. Of no meaning before RCPT.
    #[must_use]
    pub fn recipient(mut self, address: &str) -> Self {
        self.recipient = Some(address.to_ascii_lowercase());
        self
    }

    /// Only for forward paths that begin so, in lower case. Of no meaning before RCPT.
    #[must_use]
    pub fn starting(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_ascii_lowercase());
        self
    }

    /// Only at these RCPTs of one address, counted from 1 over all connections; before RCPT, at these passes of the
    /// stage.
    #[must_use]
    pub fn attempts(mut self, attempts: RangeInclusive<u32>) -> Self {
        self.attempts = attempts;
        self
    }

    /// Only on these connections, counted from 1.
    #[must_use]
    pub fn connections(mut self, connections: RangeInclusive<u64>) -> Self {
        self.connections = connections;
        self
    }

    /// What is done.
    #[must_use]
    pub fn then(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn applies(&self, at: &Moment<'_>) -> bool {
        let addressed = match at.recipient {
            Some(recipient) => {
                self.recipient.as_deref().is_none_or(|wanted| wanted == recipient)
                    && self.prefix.as_deref().is_none_or(|prefix| recipient.starts_with(prefix))
            }
            None => self.recipient.is_none() && self.prefix.is_none(),
        };
        self.stage == at.stage
            && addressed
            && self.attempts.contains(&at.attempt)
            && self.connections.contains(&at.connection)
    }
}

/// What rules are asked about.
pub(super) struct Moment<'a> {
    pub(super) stage: Stage,
    pub(super) connection: u64,
    /// In lower case.
    pub(super) recipient: Option<&'a str>,
    pub(super) attempt: u32,
}

/// What a sink does. The default takes all mail in plaintext, keeps it, and offers everything but TLS and AUTH.
#[derive(Debug, Clone)]
pub struct Script {
    /// What EHLO offers.
    pub extensions: Extensions,
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// What is kept of each message.
    pub keep: Keep,
    /// Whether every byte of every connection is kept.
    pub bytes: bool,
    /// Whether recipients can ask for their fate: `any+STAGE-ACTION[-N]@domain`, for the first N attempts, where the
    /// action is a reply code, `hang`, `deaf`, `reset`, `close`, `cut`, `garbage`, `binary`, `mega`, `lines`, `change`
    /// or `drip`: `ann+rcpt-550@x.example`, `bob+dot-451-2@x.example`.
    pub addressed: bool,
    rules: Vec<Rule>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            extensions: Extensions::default(),
            tls: Tls::Off,
            keep: Keep::Message,
            bytes: false,
            addressed: true,
            rules: Vec::new(),
        }
    }
}

impl Script {
    /// For benchmarks: no rule is looked for, and of each message only size, digest and names are kept.
    #[must_use]
    pub fn fast() -> Self {
        Self { keep: Keep::Digest, addressed: false, ..Self::default() }
    }

    /// Adds a rule behind those that are there.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Offers these extensions.
    #[must_use]
    pub fn offering(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// Keeps this of each message.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Keeps every byte of every connection.
    #[must_use]
    pub fn logging_bytes(mut self) -> Self {
        self.bytes = true;
        self
    }

    /// Lets no recipient ask for its fate: a backup for those that did.
    #[must_use]
    pub fn deaf_to_addresses(mut self) -> Self {
        self.addressed = false;
        self
    }

    /// Whether anything can ever go otherwise than well; if not, nothing needs to be looked up.
    pub(super) fn is_plain(&self) -> bool {
        self.rules.is_empty() && !self.addressed
    }

    /// What is to be done, if not the usual.
    pub(super) fn action(&self, at: &Moment<'_>) -> Option<Action> {
        let rule = self.rules.iter().find(|rule| rule.applies(at)).map(|rule| rule.action.clone());
        rule.or_else(|| if self.addressed { asked_by_address(at) } else { None })
    }
}

/// The fate that a local part asks for.
fn asked_by_address(at: &Moment<'_>) -> Option<Action> {
    let local = at.recipient?.rsplit_once('@')?.0;
    local.split('+').skip(1).find_map(|request| {
        let mut words = request.split('-');
        let stage = Stage::from_word(words.next()?)?;
        let action = Action::from_word(words.next()?)?;
        let limit = words.next().map_or(Some(u32::MAX), |limit| limit.parse().ok())?;
        (stage == at.stage && at.attempt <= limit).then_some(action)
    })
}
