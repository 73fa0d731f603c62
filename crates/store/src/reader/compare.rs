//! The views against the journal: rebuilt elsewhere and compared.

use super::Reader;
use crate::fault::ReadError;
use crate::views;
use postledger_core::id::Position;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ViewsChecked {
    /// The checkpoint up to which they were compared; `None` where there are no views of this journal.
    pub position: Option<Position>,
    /// Rows that stand in both, over all tables.
    pub same: u64,
    /// Rows that stand only in the views.
    pub surplus: u64,
    /// Rows that stand only in what was rebuilt.
    pub missing: u64,
    /// Some of the messages that differ, by the positions of their beginnings.
    pub examples: Vec<Position>,
}

impl ViewsChecked {
    /// Whether the views are what the journal makes of them.
    pub const fn is_equal(&self) -> bool {
        self.surplus == 0 && self.missing == 0
    }
}

impl Reader {
    /// Copies the views, rebuilds them from the journal into a temporary file up to the copy's checkpoint, and
    /// compares. Neither the ledger nor its views are changed.
    ///
    /// # Errors
    /// [`ReadError`] if the journal or the views cannot be read, or there is no room for the copies.
    pub async fn check_views(&self, progress: &mut dyn FnMut(Position)) -> Result<ViewsChecked, ReadError> {
        let Some(directory) = &self.directory else { return Ok(ViewsChecked::default()) };
        views::check(&directory.views(), &self.identity, &self.reading, progress).await
    }
}
