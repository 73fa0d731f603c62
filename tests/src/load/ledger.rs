//! What the generator itself remembers, on a path of its own, as lines of JSON.
//!
//! `{"token","key","recipients"}` is an intent; `{"token","status","id","replayed"}` an answer.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// A message that may have been submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What no other message has.
    pub token: String,
    /// The idempotency key.
    pub key: Option<String>,
    /// Forward paths, in the order of their deliveries.
    pub recipients: Vec<String>,
}

/// What was answered for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Of the intent.
    pub token: String,
    /// The HTTP status; in a batch, the item's own.
    pub status: u16,
    /// The message's id, where there is one.
    pub id: Option<String>,
    /// Whether it was an earlier answer again.
    pub replayed: bool,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Before the request.
    Intent(Intent),
    /// After the response.
    Answer(Answer),
}

impl Entry {
    /// Reads a ledger. A last line without its end was never synced and is left out.
    ///
    /// # Errors
    /// When the file can not be read or a whole line is not an entry.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let whole = text.rfind('\n').map_or("", |at| &text[..at]);
        whole.lines().map(|line| Self::parse(line).with_context(|| format!("not an entry: {line}"))).collect()
    }

    fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line)?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let token = text("token").context("no token")?;
        if let Some(status) = value["status"].as_u64() {
            let replayed = value["replayed"] == true;
            return Ok(Self::Answer(Answer {
                token,
                status: u16::try_from(status)?,
                id: text("id"),
                replayed,
            }));
        }
        let Some(recipients) = value["recipients"].as_array() else { bail!("neither status nor recipients") };
        let recipients = recipients.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        Ok(Self::Intent(Intent { token, key: text("key"), recipients }))
    }

    fn line(&self) -> String {
        match self {
            Self::Intent(Intent { token, key, recipients }) => {
                json!({"token": token, "key": key, "recipients": recipients}).to_string()
            }
            Self::Answer(Answer { token, status, id, replayed }) => {
                json!({"token": token, "status": status, "id": id, "replayed": replayed}).to_string()
            }
        }
    }
}

/// Lines to write, and who waits for them to be durable.
struct Lines {
    text: String,
    durable: Option<oneshot::Sender<()>>,
}

/// The writing end. One thread writes and syncs for all, so that many share a sync.
pub(super) struct Ledger(mpsc::Sender<Lines>);

impl Ledger {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new().name("load-ledger".to_owned()).spawn(move || keep(file, &receiver))?;
        Ok(Self(sender))
    }

    /// Returns once the entries are durable.
    pub(super) async fn durable(&self, entries: impl Iterator<Item = Entry>) -> Result<()> {
        let (durable, done) = oneshot::channel();
        let lines = Lines { text: entries.map(|it| it.line() + "\n").collect(), durable: Some(durable) };
        self.0.send(lines).ok().context("the load's ledger has failed")?;
        done.await.context("the load's ledger could not be written")
    }

    /// Durable some time later.
    pub(super) fn later(&self, entries: impl Iterator<Item = Entry>) -> Result<()> {
        let lines = Lines { text: entries.map(|it| it.line() + "\n").collect(), durable: None };
        self.0.send(lines).ok().context("the load's ledger has failed")
    }

    /// Returns once everything before is durable.
    pub(super) async fn settled(&self) -> Result<()> {
        self.durable(std::iter::empty()).await
    }
}

/// Writes what has gathered, syncs, tells. At the first failure it ends, and everyone who waits is told by its absence.
fn keep(mut file: File, receiver: &mpsc::Receiver<Lines>) {
    while let Ok(first) = receiver.recv() {
        let mut text = first.text;
        let mut waiting = Vec::from_iter(first.durable);
        while let Ok(more) = receiver.try_recv() {
            text.push_str(&more.text);
            waiting.extend(more.durable);
        }
        if file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for waiter in waiting {
            // Whoever gave up waiting needs no word.
            let _gone = waiter.send(());
        }
    }
}
