//! What was in flight when the process died: a small file beside the ledger. It is a hint and never the truth.
//!
//! Each attempt has a line of its own while it is under way, written in place and never synced. A process that dies,
//! however it does, leaves what it wrote with the system. A power cut may leave any earlier state of the file: then
//! deliveries are suspected which no crash has touched, and each is cleared by its next attempt. A line that cannot
//! be read is none. Without the file everything works but the quarantine.
//!
//! Crashes are counted by message: its deliveries carry the same text.

use postledger_core::id::{DeliveryId, MessageId};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What has been in flight at so many crashes is held.
const MAX_CRASHES: u8 = 3;
/// A power of two, so that no line crosses the border of a sector.
const LINE: usize = 64;
/// The first word of a line, always as long.
const WORD: usize = 8;
const FLYING: &[u8; WORD] = b"flying  ";
const SUSPECT: &[u8; WORD] = b"suspect ";
const ENDED: &[u8; WORD] = b"ended   ";

/// The file, and whose line is where.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    file: Option<File>,
    /// Nothing is written any more: the stop was orderly, or the disk does not take it.
    is_closed: AtomicBool,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    count: u32,
    free: Vec<u32>,
    /// Lines that an earlier start left behind, until their delivery has had an attempt.
    suspects: HashMap<DeliveryId, Line>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    number: u32,
    crashes: u8,
}

/// What an unclean start finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftBehind {
    /// In flight at a crash, and not yet cleared.
    pub suspects: Vec<DeliveryId>,
    /// Those of which a delivery was in flight at three crashes.
    pub quarantined: Vec<MessageId>,
}

impl InFlight {
    /// Reads what an earlier start left behind, and begins a new file with it.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, LeftBehind)> {
        let left = match std::fs::read(path) {
            Ok(bytes) => bytes.chunks(LINE).filter_map(parse).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let crashes = count(&left);
        let mut suspects: Vec<_> = left.iter().map(|(_, _, id)| *id).collect();
        suspects.sort_unstable();
        suspects.dedup();
        // In a file of its own until it is whole: what is known must not be lost by a crash here.
        let fresh = path.with_extension("new");
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&fresh)?;
        let mut lines = Lines::default();
        for (number, id) in (0..).zip(&suspects) {
            let crashes = crashes.get(&id.message).copied().unwrap_or_default();
            file.write_all_at(&line(SUSPECT, crashes, *id), offset(number))?;
            lines.suspects.insert(*id, Line { number, crashes });
            lines.count = number + 1;
        }
        std::fs::rename(&fresh, path)?;
        let mut quarantined: Vec<_> =
            crashes.iter().filter(|(_, crashes)| **crashes >= MAX_CRASHES).map(|(id, _)| *id).collect();
        quarantined.sort_unstable();
        let (file, lines) = (Some(file), Mutex::new(lines));
        Ok((Self { file, is_closed: AtomicBool::new(false), lines }, LeftBehind { suspects, quarantined }))
    }

    /// Says that an attempt begins; it ends with the mark.
    pub(crate) fn begin(self: &Arc<Self>, id: DeliveryId) -> Mark {
        let line = {
            let mut lines = self.lines();
            lines.suspects.remove(&id).unwrap_or_else(|| Line { number: lines.take(), crashes: 0 })
        };
        self.write(line.number, &self::line(FLYING, line.crashes, id));
        Mark { in_flight: self.clone(), number: line.number }
    }

    /// Its deliveries are held, and suspected no more.
    pub(crate) fn forget(&self, message: MessageId) {
        let mut lines = self.lines();
        let held: Vec<_> = lines.suspects.extract_if(|id, _| id.message == message).collect();
        for (_, Line { number, .. }) in held {
            self.write(number, ENDED);
            lines.free.push(number);
        }
    }

    /// Nothing that is in flight is to blame for the end of this process.
    pub(crate) fn close(&self) {
        if !self.is_closed.swap(true, Ordering::Relaxed)
            && let Some(file) = &self.file
            && let Err(error) = file.set_len(0)
        {
            tracing::warn!(%error, "what was in flight could not be forgotten");
        }
    }

    fn end(&self, number: u32) {
        self.write(number, ENDED);
        self.lines().free.push(number);
    }

    fn write(&self, number: u32, bytes: &[u8]) {
        if let Some(file) = &self.file
            && !self.is_closed.load(Ordering::Relaxed)
            && let Err(error) = file.write_all_at(bytes, offset(number))
            && !self.is_closed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "what is in flight cannot be written down; a crash will suspect nothing");
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

/// An attempt that is under way.
#[derive(Debug)]
pub(crate) struct Mark {
    in_flight: Arc<InFlight>,
    number: u32,
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.in_flight.end(self.number);
    }
}

/// The crashes of each message that is listed: one more if a delivery of it was in flight.
fn count(left: &[(bool, u8, DeliveryId)]) -> HashMap<MessageId, u8> {
    let mut crashes: HashMap<MessageId, (u8, bool)> = HashMap::new();
    for (is_flying, before, id) in left {
        let (most, any) = crashes.entry(id.message).or_default();
        *most = (*before).max(*most);
        *any |= is_flying;
    }
    crashes.into_iter().map(|(id, (most, any))| (id, most.saturating_add(u8::from(any)))).collect()
}

fn offset(number: u32) -> u64 {
    u64::from(number) * LINE as u64
}

/// `flying  1 dlv_0192…_1`, filled up with blanks.
fn line(word: &[u8; WORD], crashes: u8, id: DeliveryId) -> Vec<u8> {
    let mut line = word.to_vec();
    line.extend_from_slice(format!("{crashes} {id}").as_bytes());
    line.resize(LINE - 1, b' ');
    line.push(b'\n');
    line
}

/// Whether it was in flight, its crashes before, and which it is.
fn parse(line: &[u8]) -> Option<(bool, u8, DeliveryId)> {
    let mut words = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split_ascii_whitespace();
    let (word, crashes, id) = (words.next()?, words.next()?, words.next()?);
    let is_flying = match word {
        "flying" => true,
        "suspect" => false,
        _ => return None,
    };
    Some((is_flying, crashes.parse().ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests;
