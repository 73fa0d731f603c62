//! Moves a session's bytes over TCP and TLS and keeps its deadlines.

mod connect;
mod proxy;
mod stream;
pub(crate) mod tls;
pub(crate) mod witness;

pub(crate) use connect::{Endpoint, Patience, connect};
use stream::Stream;

use crate::config::Timeouts;
use crate::smtp::dots::Stuffing;
use crate::smtp::session::{Envelope, Progress, Session};
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Written at once; each block has its own deadline.
const BLOCK: usize = 64 * 1024;

/// A connection to a relay with its session.
///
/// # Cancel safety
/// None of its futures may be dropped before it has ended; to end one early, cancel the token it was made with.
pub(crate) struct Connection {
    stream: Stream,
    pub(crate) session: Session,
    timeouts: Timeouts,
    abort: CancellationToken,
    buffer: Vec<u8>,
}

impl Connection {
    /// Moves bytes until the session wants something else than that.
    pub(crate) async fn advance(&mut self) -> Progress {
        let mut waits = self.deadline();
        loop {
            let progress = self.session.poll();
            if progress != Progress::Await {
                return progress;
            }
            if waits.0 != self.session.answered() {
                waits = self.deadline();
            }
            if let Err(trouble) = self.exchange(waits.1).await {
                return Progress::Ended(self.session.broke(trouble));
            }
        }
    }

    fn deadline(&self) -> (u32, Instant) {
        (self.session.answered(), Instant::now() + self.timeouts.of(self.session.stage()))
    }

    /// Writes what there is to write, then reads once.
    async fn exchange(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let output = self.session.take_output();
        let mut input = [0; 4096];
        let stream = &mut self.stream;
        let io = async {
            if !output.is_empty() {
                stream.write_all(&output).await?;
                stream.flush().await?;
            }
            stream.read(&mut input).await
        };
        let read = within(deadline, &self.abort, io).await?;
        if read == 0 {
            return Err(Trouble::Closed);
        }
        self.session.handle_input(&input[..read]);
        Ok(())
    }

    /// Begins a transaction and goes on to its text, or to its end.
    ///
    /// # Errors
    /// The outcome without the text having been sent.
    pub(crate) async fn begin(&mut self, envelope: Envelope) -> Result<(), Outcome> {
        self.session.begin(envelope).map_err(Outcome::NotSent)?;
        match self.advance().await {
            Progress::SendBody => Ok(()),
            Progress::Ended(outcome) => Err(outcome),
            Progress::Await | Progress::StartTls | Progress::Ready => {
                Err(self.session.broke(Trouble::Protocol))
            }
        }
    }

    /// Writes the text but for the final dot.
    ///
    /// # Errors
    /// The outcome, should the server close, speak, or not read in time.
    pub(crate) async fn send_body(&mut self, pieces: [&[u8]; 2]) -> Result<(), Outcome> {
        let mut stuffing = Stuffing::new();
        self.buffer.clear();
        for piece in pieces {
            for block in piece.chunks(BLOCK) {
                stuffing.write(block, &mut self.buffer);
                if self.buffer.len() >= BLOCK {
                    self.write_block().await?;
                }
            }
        }
        stuffing.finish(&mut self.buffer);
        self.write_block().await
    }

    async fn write_block(&mut self) -> Result<(), Outcome> {
        let deadline = Instant::now() + self.timeouts.of(Stage::Body);
        let written =
            within(deadline, &self.abort, write_unless_spoken_to(&mut self.stream, &self.buffer)).await;
        self.buffer.clear();
        match written {
            Ok(None) => Ok(()),
            Ok(Some(spoken)) => Err(self.interrupted(&spoken)),
            Err(trouble) => Err(self.broke(trouble)),
        }
    }

    /// Whether the server has kept silent since its last reply. What it said too early could be taken for the
    /// reply to the dot.
    ///
    /// # Errors
    /// The outcome, if it spoke or closed.
    pub(crate) async fn is_silent(&mut self) -> Result<(), Outcome> {
        if let Some(outcome) = self.ended_early() {
            return Err(outcome);
        }
        loop {
            let stream = &mut self.stream;
            // Outside the scheduler's budget: an exhausted budget looks like a silent peer.
            let pending = tokio::task::unconstrained(poll_fn(|cx| {
                let mut bytes = [0; 1024];
                let mut buffer = ReadBuf::new(&mut bytes);
                Poll::Ready(match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => Ok(None),
                    Poll::Ready(Ok(())) => Ok(Some(buffer.filled().to_vec())),
                    Poll::Ready(Err(error)) => Err(trouble_of(&error)),
                })
            }));
            match pending.await {
                // A text written without a pause leaves the runtime no time to hear of what has arrived meanwhile.
                Ok(None) if self.stream.is_unread() => {
                    if let Err(error) = self.stream.readable().await {
                        return Err(self.broke(trouble_of(&error)));
                    }
                }
                Ok(None) => return Ok(()),
                Ok(Some(spoken)) => return Err(self.interrupted(&spoken)),
                Err(trouble) => return Err(self.broke(trouble)),
            }
        }
    }

    fn interrupted(&mut self, spoken: &[u8]) -> Outcome {
        self.session.handle_input(spoken);
        self.broke(if spoken.is_empty() { Trouble::Closed } else { Trouble::Protocol })
    }

    /// What the server said last explains better than how the connection ended.
    fn broke(&mut self, trouble: Trouble) -> Outcome {
        self.ended_early().unwrap_or_else(|| self.session.broke(trouble))
    }

    /// The end, if what was read already amounts to one.
    fn ended_early(&mut self) -> Option<Outcome> {
        match self.session.poll() {
            Progress::Await | Progress::Ready => None,
            Progress::Ended(outcome) => Some(outcome),
            Progress::StartTls | Progress::SendBody => Some(self.session.broke(Trouble::Protocol)),
        }
    }

    /// Hands the final dot to the socket and waits for the reply, which alone decides.
    pub(crate) async fn finish(&mut self) -> Outcome {
        self.session.hand_over_dot();
        #[cfg(feature = "sabotage")]
        if crate::sabotage::makes("cancelled_send") {
            // The send is dropped by a timeout around it, and nobody tells the session.
            let cancelled = tokio::time::timeout(self.timeouts.dot / 2, self.ended()).await;
            return cancelled.ok().flatten().unwrap_or_else(|| self.session.abandon(Trouble::Timeout));
        }
        self.ended().await.unwrap_or_else(|| self.session.broke(Trouble::Protocol))
    }

    /// Goes on to the end of the transaction.
    async fn ended(&mut self) -> Option<Outcome> {
        match self.advance().await {
            Progress::Ended(outcome) => Some(outcome),
            Progress::Await | Progress::StartTls | Progress::Ready | Progress::SendBody => None,
        }
    }

    /// Says goodbye; nothing depends on whether it is heard.
    pub(crate) async fn quit(mut self) {
        self.session.quit();
        self.advance().await;
        // The peer may be gone already.
        let _ = within(Instant::now() + self.timeouts.quit, &self.abort, self.stream.shutdown()).await;
    }
}

/// The buffer holds a message.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.session)
    }
}

/// Writes everything, unless the peer says something meanwhile: `Some` of what it said, empty for its end.
async fn write_unless_spoken_to(stream: &mut Stream, mut bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut input = [0; 1024];
    poll_fn(move |cx| {
        let mut buffer = ReadBuf::new(&mut input);
        match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(Some(buffer.filled().to_vec()))),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        }
        while !bytes.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, bytes) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut *stream).poll_flush(cx).map_ok(|()| None)
    })
    .await
}

/// Runs `io` until it ends, the deadline passes, or the service gives up. What has ended is taken first.
async fn within<T>(
    deadline: Instant,
    abort: &CancellationToken,
    io: impl Future<Output = io::Result<T>>,
) -> Result<T, Trouble> {
    tokio::select! {
        biased;
        done = io => done.map_err(|error| trouble_of(&error)),
        () = abort.cancelled() => Err(Trouble::Interrupted),
        () = sleep_until(deadline) => Err(Trouble::Timeout),
    }
}

fn trouble_of(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::WriteZero => {
            Trouble::Closed
        }
        io::ErrorKind::TimedOut => Trouble::Timeout,
        // The TLS layer reports damaged records as invalid data.
        io::ErrorKind::InvalidData => Trouble::Tls,
        _ => Trouble::Reset,
    }
}

/// What nothing was sent for, where nothing can have been.
pub(crate) fn not_sent(outcome: Outcome) -> NotSent {
    match outcome {
        Outcome::NotSent(not_sent) => not_sent,
        Outcome::Accepted(reply) | Outcome::Transient(reply) | Outcome::Permanent(reply) => {
            NotSent { stage: Stage::Auth, trouble: Trouble::Refused, reply: Some(reply) }
        }
        Outcome::Unknown(trouble) => NotSent { stage: Stage::Auth, trouble, reply: None },
    }
}

#[cfg(test)]
mod tests;
