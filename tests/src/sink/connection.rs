//! One connection, from the accept to its end.

use super::Shared;
use super::action::Action;
use super::dialogue::{Answer, Dialogue};
use super::log::{End, Outcome};
use super::message::Received;
use super::reader::{Ended, Wire};
use super::script::{Moment, Script, Stage, Tls};
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use tokio::net::TcpStream;

/// Serves until either side ends it.
pub(super) async fn serve(stream: TcpStream, id: u64, shared: Arc<Shared>) {
    let mut serving = Serving {
        wire: Wire::new(stream, id, Arc::clone(&shared)),
        dialogue: Dialogue::default(),
        put_off: None,
    };
    let Err(end) = Box::pin(serving.run()).await;
    // Closed before it is logged as closed: who waits for the log may count on the socket being gone.
    drop(serving);
    shared.journal.on(id, |it| it.end = Some(end));
}

struct Serving {
    wire: Wire,
    dialogue: Dialogue,
    /// What is still to be said to an earlier transaction.
    put_off: Option<(Action, usize)>,
}

impl Serving {
    async fn run(&mut self) -> Ended<Infallible> {
        if let Tls::Implicit(certificate) = &self.script().tls {
            self.wire.secure(certificate).await?;
        }
        self.stage(Stage::Banner, Answer::one(220, "sink.example ESMTP")).await?;
        loop {
            let line = self.wire.line().await?;
            let script = self.script();
            let (stage, answer) = self.dialogue.command(&line, &script, self.wire.is_tls());
            let Some(stage) = stage else {
                self.wire.put(&answer.bytes());
                continue;
            };
            let code = match stage {
                Stage::Auth if answer.code == 334 => self.authenticate(answer).await?,
                Stage::Banner
                | Stage::Ehlo
                | Stage::Starttls
                | Stage::Auth
                | Stage::Mail
                | Stage::Rcpt
                | Stage::Data
                | Stage::Body
                | Stage::Dot
                | Stage::Quit => self.stage(stage, answer).await?,
            };
            if let Some(login) = self.dialogue.login.take() {
                self.wire.shared.journal.on(self.wire.id, |it| it.login = Some(login));
            }
            self.dialogue.went(stage, code);
            match (stage, code) {
                (Stage::Starttls, Some(220)) => {
                    if let Tls::Starttls(certificate) = &script.tls {
                        self.wire.secure(certificate).await?;
                        self.dialogue = Dialogue::default();
                    }
                }
                (Stage::Data, Some(354)) => self.receive(&script).await?,
                (Stage::Quit, _) => {
                    self.wire.finish().await;
                    return Err(End::Quit);
                }
                _ => {}
            }
        }
    }

    fn script(&self) -> Arc<Script> {
        Arc::clone(&self.wire.shared.script.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers as usual, or as the script wants it; returns what the sink takes its own answer for.
    async fn stage(&mut self, stage: Stage, usual: Answer) -> Ended<Option<u16>> {
        let usual_code = usual.code;
        match self.scripted(stage) {
            Some(action) => self.act(action).await,
            None => {
                self.wire.put(&usual.bytes());
                if usual_code == 421 { self.close().await } else { Ok(Some(usual_code)) }
            }
        }
    }

    /// Logs that the stage was reached, and asks the script for each recipient that is concerned.
    fn scripted(&self, stage: Stage) -> Option<Action> {
        let script = self.script();
        if script.is_plain() {
            return None;
        }
        let (connection, tls) = (self.wire.id, self.wire.is_tls());
        let ask = |recipient: Option<&str>| {
            let attempt = self.wire.shared.journal.pass(stage, connection, recipient, tls);
            script.action(&Moment { stage, connection, recipient, attempt })
        };
        match stage {
            Stage::Banner | Stage::Ehlo | Stage::Starttls | Stage::Auth | Stage::Mail | Stage::Quit => {
                ask(None)
            }
            Stage::Rcpt => self.dialogue.candidate.as_ref().and_then(|it| ask(Some(&it.to_lowercase()))),
            Stage::Data | Stage::Body | Stage::Dot => {
                let mut actions = self.dialogue.recipients.iter().map(|it| ask(Some(&it.to_lowercase())));
                actions.find_map(|it| it)
            }
        }
    }

    /// Reads a body to its dot and answers.
    async fn receive(&mut self, script: &Script) -> Ended<()> {
        if !script.is_plain() {
            self.wire.some().await?;
            if let Some(action) = self.scripted(Stage::Body) {
                self.act(action).await?;
            }
        }
        let stuffed = self.wire.body().await?;
        let received = Received::read(stuffed, self.wire.shared.journal.keep);
        let action = self.scripted(Stage::Dot).unwrap_or_else(|| Action::reply(250, "2.0.0 taken"));
        let (at, tls) = (self.wire.shared.journal.now(), self.wire.is_tls());
        let transaction = self.dialogue.finish(received, self.wire.id, at, tls, outcome(&action));
        // Before the reply: what a client was told of must already stand in the log.
        let place = self.wire.shared.journal.came(transaction);
        if let Some((earlier, of)) = self.put_off.take() {
            self.wire.owes(of);
            self.act(earlier).await?;
        }
        self.wire.owes(place);
        self.act(action).await?;
        Ok(())
    }

    async fn act(&mut self, action: Action) -> Ended<Option<u16>> {
        match action {
            Action::Reply { code, lines } => {
                self.wire.put(&Answer { code, lines }.bytes());
                self.wire.complete();
                if code == 421 { self.close().await } else { Ok(Some(code)) }
            }
            Action::Raw { bytes, as_code } => {
                self.wire.put(&bytes);
                self.wire.complete();
                Ok(as_code)
            }
            Action::Drip { bytes, every, as_code } => {
                for (at, byte) in bytes.iter().enumerate() {
                    tokio::time::sleep(every).await;
                    self.wire.put(&[*byte]);
                    if at + 1 == bytes.len() {
                        self.wire.complete();
                    }
                    self.wire.flush().await?;
                }
                Ok(as_code)
            }
            Action::Late { after, then } => {
                self.wire.flush().await?;
                tokio::time::sleep(after).await;
                Box::pin(self.act(*then)).await
            }
            Action::WithNext(then) => {
                self.put_off = self.wire.puts_off().map(|place| (*then, place));
                Ok(None)
            }
            Action::Both(first, second) => {
                Box::pin(self.act(*first)).await?;
                self.wire.flush().await?;
                Box::pin(self.act(*second)).await
            }
            Action::Hang => Err(self.wire.drain().await),
            Action::StopReading => {
                self.wire.flush().await?;
                std::future::pending().await
            }
            Action::Reset => Err(self.wire.reset()),
            Action::Close => self.close().await,
        }
    }

    async fn close<T>(&mut self) -> Ended<T> {
        Err(self.wire.finish().await)
    }

    /// The rest of AUTH after its first 334 (RFC 4954): as many lines as the mechanism wants.
    async fn authenticate(&mut self, mut answer: Answer) -> Ended<Option<u16>> {
        while answer.code == 334 {
            self.wire.put(&answer.bytes());
            let line = self.wire.line().await?;
            let script = self.script();
            answer = self.dialogue.credential(&line, &script);
        }
        self.stage(Stage::Auth, answer).await
    }
}

/// What a sender can know after this answer to its dot.
fn outcome(action: &Action) -> Outcome {
    let of_code = |code: Option<u16>| match code {
        Some(200..=299) => Outcome::Accepted,
        Some(code @ 400..=599) => Outcome::Refused(code),
        Some(_) | None => Outcome::Unclear,
    };
    match action {
        Action::Reply { code, .. } => of_code(Some(*code)),
        Action::Raw { as_code, .. } | Action::Drip { as_code, .. } => of_code(*as_code),
        Action::Late { then, .. } | Action::WithNext(then) => outcome(then),
        Action::Both(first, _) => outcome(first),
        Action::Hang | Action::StopReading | Action::Reset | Action::Close => Outcome::Unclear,
    }
}
