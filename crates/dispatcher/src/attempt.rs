//! One attempt: one transaction for one delivery at one relay.
//!
//! `Attempted` is appended while the text streams, and the final dot leaves only once it has committed and the
//! ledger is still this start's own. So whatever fails before was not sent, and whatever a crash leaves open
//! may have been.

use crate::cache::Mail;
use crate::dkim;
use crate::engine::{Engine, RelaySlot, Unsendable};
use crate::in_flight::Mark;
use crate::planner::Job;
use crate::record;
use crate::smtp::session::Envelope;
use crate::transport::{Connection, Patience, connect};
use postledger_core::delivery::{Command, Given, Refusal, State, apply, decide};
use postledger_core::event::{Event, Head, MailEvent};
use postledger_core::id::{DeliveryId, Ordinal, Stream};
use postledger_core::ledger::{Append, Change, LedgerError};
use postledger_core::message::Message;
use postledger_core::name::{RelayName, Tenant};
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble, interrupted};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A delivery on its way, with the state and versions that the next append builds on.
#[derive(Debug)]
pub(crate) struct Flight {
    pub id: DeliveryId,
    tenant: Tenant,
    pub state: State,
    pub version: u32,
    pub message_version: u32,
    pub relay: RelayName,
    head: Option<Arc<Head>>,
    /// The attempt's number, once `Attempted` has committed.
    pub begun: Option<u32>,
    /// The dot may have left.
    is_dot_out: bool,
    /// That it is under way, until its outcome is recorded.
    pub mark: Option<Mark>,
}

/// Why there is no outcome: nothing was sent, and nothing is to be recorded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// Somebody changed the delivery meanwhile.
    Overtaken,
    /// Its time has passed meanwhile.
    Refused(Refusal),
    /// The ledger could not take `Attempted`.
    Unrecordable(LedgerError),
    /// There is nothing to send, or no way to read it now.
    Unsendable(Unsendable),
    /// The author's domain has a key, and no signature could be made.
    Unsigned,
}

impl Flight {
    pub(crate) fn new(job: &Job, relay: RelayName) -> Self {
        Self {
            id: job.id,
            tenant: job.tenant.clone(),
            state: job.state.clone(),
            version: job.version,
            message_version: job.message_version,
            relay,
            head: None,
            begun: None,
            is_dot_out: false,
            mark: None,
        }
    }

    /// An attempt that an earlier start left open.
    pub(crate) fn left_open(message: &Message, ordinal: Ordinal) -> Option<Self> {
        let delivery = message.delivery(ordinal)?;
        Some(Self {
            id: delivery.id,
            tenant: message.tenant.clone(),
            state: delivery.state.clone(),
            version: delivery.version,
            message_version: message.version,
            relay: delivery.relay()?.clone(),
            head: None,
            begun: Some(delivery.state.attempts),
            is_dot_out: true,
            mark: None,
        })
    }

    /// What it has come to when the task that carried it failed inside.
    ///
    /// # Errors
    /// [`Abandoned`] if it failed before there was anything to send: it would fail again.
    pub(crate) fn interrupted(&self) -> Result<Outcome, Abandoned> {
        if self.is_dot_out || self.head.is_some() {
            Ok(interrupted(self.is_dot_out))
        } else {
            Err(Abandoned::Unsendable(Unsendable::Damaged))
        }
    }

    fn begin(&self, given: &Given) -> Result<Vec<MailEvent>, Refusal> {
        let command = Command::Begin { relay: self.relay.clone(), head: self.head.clone() };
        decide(Some(&self.state), command, given)
    }

    /// The events of the outcome; `Attempted` before them if it is not recorded yet.
    pub(crate) fn conclude(
        &self,
        outcome: Outcome,
        another_relay: bool,
        given: &Given,
    ) -> Result<Vec<MailEvent>, Refusal> {
        let mut events = if self.begun.is_some() { Vec::new() } else { self.begin(given)? };
        let mut state = self.state.clone();
        for event in &events {
            state = apply(Some(state), self.id.ordinal, given.now, event).map_err(|_| Refusal::NotOpen)?;
        }
        let command = Command::Conclude { attempt: state.attempts, outcome, another_relay };
        events.extend(decide(Some(&state), command, given)?);
        Ok(events)
    }

    /// The append of events that were decided on this flight's state.
    pub(crate) fn append(&self, events: Vec<MailEvent>, given: &Given) -> Append {
        Append {
            stream: Stream::Message(self.id.message),
            tenant: self.tenant.clone(),
            at: given.now,
            message_version: Some(self.message_version),
            changes: Change::run(self.id.ordinal, self.version, events.into_iter().map(Event::Mail)),
        }
    }
}

/// Makes the attempt. `connection` is taken if it is still good, and left there if it can be used again.
/// `previous` is the recording of the outcome before: no dot leaves until that is stored.
///
/// # Errors
/// [`Abandoned`].
pub(crate) async fn attempt(
    engine: &Engine,
    relay: &RelaySlot,
    job: &Job,
    flight: &mut Flight,
    connection: &mut Option<Connection>,
    previous: &mut Option<JoinHandle<()>>,
) -> Result<Outcome, Abandoned> {
    let mail = engine.mail(job).await.map_err(Abandoned::Unsendable)?;
    #[cfg(feature = "sabotage")]
    crate::sabotage::poison("before_mail", &mail);
    let (head, envelope) = prepare(engine, job, &mail).await?;
    flight.head = Some(head.clone());
    let mut open = match open_transaction(engine, relay, job, envelope, connection).await {
        Ok(open) => open,
        Err(outcome) => return Ok(outcome),
    };
    #[cfg(feature = "sabotage")]
    if crate::sabotage::makes("dot_before_attempted") {
        if let Err(outcome) = open.send_body([head.fields.as_bytes(), &mail.content.bytes]).await {
            return Ok(outcome);
        }
        let outcome = open.finish().await;
        *connection = Some(open).filter(|open| open.session.is_open());
        return Ok(outcome);
    }
    let given = engine.given();
    let events = flight.begin(&given).map_err(Abandoned::Refused)?;
    let begun = apply_all(&flight.state, job.id.ordinal, &given, &events)?;
    let append = engine.ledger.append(flight.append(events, &given));
    let body = async {
        #[cfg(feature = "sabotage")]
        crate::sabotage::poison("in_body", &mail);
        open.send_body([head.fields.as_bytes(), &mail.content.bytes]).await
    };
    let (appended, sent) = tokio::join!(append, body);
    match appended {
        Ok(_) => {}
        Err(LedgerError::Conflict) => return Err(Abandoned::Overtaken),
        Err(error) => return Err(Abandoned::Unrecordable(error)),
    }
    flight.begun = Some(begun.attempts);
    flight.version += 1;
    flight.state = begun;
    if let Err(outcome) = sent {
        return Ok(outcome);
    }
    record::done(engine, previous.take()).await;
    if let Err(outcome) = open.is_silent().await {
        return Ok(outcome);
    }
    let withheld = |trouble| Ok(Outcome::NotSent(NotSent { stage: Stage::Dot, trouble, reply: None }));
    if engine.abort.is_cancelled() {
        return withheld(Trouble::Interrupted);
    }
    if !engine.may_send() {
        return withheld(Trouble::Withheld);
    }
    flight.is_dot_out = true;
    let outcome = open.finish().await;
    #[cfg(feature = "sabotage")]
    crate::sabotage::poison("after_dot", &mail);
    #[cfg(feature = "sabotage")]
    let outcome = crate::sabotage::assume_delivered(outcome);
    *connection = Some(open).filter(|open| open.session.is_open());
    Ok(outcome)
}

fn apply_all(
    state: &State,
    ordinal: Ordinal,
    given: &Given,
    events: &[MailEvent],
) -> Result<State, Abandoned> {
    events.iter().try_fold(state.clone(), |state, event| {
        apply(Some(state), ordinal, given.now, event).map_err(|_| Abandoned::Overtaken)
    })
}

/// The delivery's own head, and the envelope. Damaged if the record lacks its personal part, or a head that an attempt
/// has frozen: what cannot be sent as the same bytes as before is not sent.
async fn prepare(engine: &Engine, job: &Job, mail: &Mail) -> Result<(Arc<Head>, Envelope), Abandoned> {
    const DAMAGED: Abandoned = Abandoned::Unsendable(Unsendable::Damaged);
    let personal = mail.queued.personal.as_ref().ok_or(DAMAGED)?;
    let index = usize::from(job.id.ordinal.0).checked_sub(1);
    let recipient = index.and_then(|index| personal.recipients.get(index)).ok_or(DAMAGED)?;
    let head = match mail.head(job.id.ordinal) {
        Some(head) => head,
        None if job.state.attempts == 0 => {
            let fields = fresh_fields(engine, personal.from.address.domain(), mail).await?;
            Arc::new(Head { return_path: personal.return_path.clone(), fields })
        }
        None => return Err(DAMAGED),
    };
    let content = &mail.content.bytes;
    let fields = header_section(content);
    let is_utf8 = head.return_path.is_internationalised()
        || recipient.is_internationalised()
        || !head.fields.is_ascii()
        || !fields.is_ascii();
    let envelope = Envelope {
        return_path: head.return_path.clone(),
        recipient: recipient.clone(),
        size: (head.fields.len() + content.len()) as u64,
        is_eight_bit: !head.fields.is_ascii() || !content.is_ascii(),
        is_utf8,
    };
    Ok((head, envelope))
}

/// Date, under the signatures of the author's domain. The first attempt freezes them: a signature of a later time or
/// another key would be other bytes.
async fn fresh_fields(engine: &Engine, domain: &str, mail: &Mail) -> Result<String, Abandoned> {
    let now = engine.now().wall;
    let date = format!("Date: {}\r\n", now.rfc5322());
    let signers = engine.signing.of(domain);
    if signers.is_empty() {
        return Ok(date);
    }
    let content = mail.content.bytes.clone();
    // Longer than other tasks of this thread should wait.
    let signed = tokio::task::spawn_blocking(move || {
        dkim::sign(&signers, &date, &content, now).map(|signatures| signatures + &date)
    });
    // Mail of a domain that signs its mail is worth less than nothing without: receivers take it for a forgery.
    signed.await.ok().and_then(Result::ok).ok_or(Abandoned::Unsigned)
}

fn header_section(content: &[u8]) -> &[u8] {
    let end = content.windows(4).position(|window| window == b"\r\n\r\n");
    &content[..end.unwrap_or(content.len())]
}

/// A connection that has accepted the recipient and waits for the text. A kept connection that turns out to be
/// closed before MAIL was answered costs nothing: a fresh one is tried at once.
async fn open_transaction(
    engine: &Engine,
    relay: &RelaySlot,
    job: &Job,
    envelope: Envelope,
    kept: &mut Option<Connection>,
) -> Result<Connection, Outcome> {
    if let Some(mut connection) = kept.take()
        && connection.is_silent().await.is_ok()
    {
        let begun = connection.begin(envelope.clone()).await;
        if !connection.session.is_stale() {
            return finish_opening(begun, connection, kept);
        }
    }
    let patience = if engine.has_way_round(job) { Patience::Short } else { Patience::Usual };
    let mut connection = connect(&relay.endpoint, patience, &engine.abort).await.map_err(Outcome::NotSent)?;
    let begun = connection.begin(envelope).await;
    finish_opening(begun, connection, kept)
}

fn finish_opening(
    begun: Result<(), Outcome>,
    connection: Connection,
    kept: &mut Option<Connection>,
) -> Result<Connection, Outcome> {
    match begun {
        Ok(()) => Ok(connection),
        Err(outcome) => {
            *kept = Some(connection).filter(|connection| connection.session.is_open());
            Err(outcome)
        }
    }
}
