//! The high-water mark: a small file, possibly on another disk, that remembers how far the journal had come.
//!
//! It is written after each commit's sync and before its answer, in two slots by turns, so that a torn write
//! leaves the slot before it; and synced every second. A journal that is shorter than its anchor, or different
//! at the anchor's place, has lost or changed something that was acknowledged.

use crate::chain::Hash;
use crate::fault::OpenError;
use postledger_core::id::{Epoch, LedgerId, Position};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// What one slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub ledger: LedgerId,
    pub journal: i64,
    pub epoch: Epoch,
    pub position: Position,
    pub hash: Hash,
}

/// The open file, for the one writer.
#[derive(Debug)]
pub(crate) struct Anchor {
    file: File,
    next: u64,
}

const MAGIC: &[u8; 8] = b"PLANCHR1";
const LENGTH: usize = 8 + 16 + 8 + 8 + 8 + 32 + 32;
/// Slots lie on different pages of the disk.
const DISTANCE: u64 = 4096;

impl Mark {
    fn encode(&self) -> Vec<u8> {
        let mut slot = Vec::with_capacity(LENGTH);
        slot.extend_from_slice(MAGIC);
        slot.extend_from_slice(&self.ledger.0);
        for number in [self.journal, self.epoch.0, self.position.0] {
            slot.extend_from_slice(&number.to_le_bytes());
        }
        slot.extend_from_slice(&self.hash);
        let checksum = blake3::hash(&slot);
        slot.extend_from_slice(checksum.as_bytes());
        slot
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let (body, checksum) = slot.split_at_checked(LENGTH - 32)?;
        if blake3::hash(body).as_bytes() != checksum {
            return None;
        }
        let body = body.strip_prefix(MAGIC)?;
        let (ledger, body) = body.split_first_chunk()?;
        let (journal, body) = body.split_first_chunk()?;
        let (epoch, body) = body.split_first_chunk()?;
        let (position, body) = body.split_first_chunk()?;
        Some(Self {
            ledger: LedgerId(*ledger),
            journal: i64::from_le_bytes(*journal),
            epoch: Epoch(i64::from_le_bytes(*epoch)),
            position: Position(i64::from_le_bytes(*position)),
            hash: body.try_into().ok()?,
        })
    }
}

impl Anchor {
    /// The later of the two slots that are whole; `None` where there is no file.
    ///
    /// # Errors
    /// [`OpenError::Anchor`] if the file is there and no slot is whole.
    pub(crate) fn read(path: &Path) -> Result<Option<Mark>, OpenError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::io("cannot open", path)(error)),
        };
        let slot = |number: u64| {
            let mut slot = [0; LENGTH];
            file.read_exact_at(&mut slot, number * DISTANCE).ok()?;
            Mark::decode(&slot)
        };
        let latest = [slot(0), slot(1)].into_iter().flatten().max_by_key(|mark| (mark.epoch, mark.position));
        latest.map(Some).ok_or_else(|| {
            OpenError::Anchor(format!(
                "the anchor {} is damaged: neither of its two marks is whole, so nothing tells how far the \
                 journal had come. Verify the ledger with `postledger audit verify` and compare its last position \
                 with a backup's before you accept it",
                path.display()
            ))
        })
    }

    /// Opens the file for writing, new or not, and writes `mark` to both slots. Durable on return.
    pub(crate) fn create(path: &Path, mark: &Mark) -> Result<Self, OpenError> {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut anchor = Self { file: opened.map_err(OpenError::io("cannot create", path))?, next: 0 };
        let written =
            anchor.write(mark).and_then(|()| anchor.write(mark)).and_then(|()| anchor.file.sync_all());
        written.map_err(OpenError::io("cannot write", path))?;
        crate::filesystem::sync_parent(path)?;
        Ok(anchor)
    }

    /// Writes the slot that is not the latest. Not yet synced.
    pub(crate) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.file.write_all_at(&mark.encode(), self.next * DISTANCE)?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// A handle to sync by.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
