//! The journal in order, the next page being read while the present one is worked on.

use crate::fault::ReadError;
use crate::row::EventRow;
use postledger_core::id::Position;
use sqlx::query;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use tokio::task::JoinHandle;

/// Rows in a page.
const PAGE: i64 = 2000;

type Page = Result<Vec<SqliteRow>, ReadError>;

/// Rows after a position up to another, inclusive.
#[derive(Debug)]
pub(crate) struct Pages {
    pool: SqlitePool,
    statement: &'static str,
    until: Position,
    ahead: Option<JoinHandle<Page>>,
}

impl Pages {
    /// `statement` takes a position and a limit, and gives the event columns.
    pub(crate) fn new(pool: SqlitePool, statement: &'static str, after: Position, until: Position) -> Self {
        let mut pages = Self { pool, statement, until, ahead: None };
        pages.read_ahead(after);
        pages
    }

    fn read_ahead(&mut self, after: Position) {
        let limit = PAGE.min(self.until.0 - after.0);
        if limit <= 0 {
            return;
        }
        let (pool, statement) = (self.pool.clone(), self.statement);
        self.ahead = Some(tokio::spawn(async move {
            Ok(query(statement).bind(after.0).bind(limit).fetch_all(&pool).await?)
        }));
    }

    /// The next page; empty at the end.
    pub(crate) async fn next(&mut self) -> Page {
        let Some(ahead) = self.ahead.take() else { return Ok(Vec::new()) };
        let mut rows = ahead.await.map_err(|error| ReadError::Unreadable(error.to_string()))??;
        // After a gap the limit may reach beyond the end.
        while let Some(row) = rows.last() {
            let last = Position(EventRow::read(row)?.header.position);
            if last <= self.until {
                self.read_ahead(last);
                break;
            }
            rows.pop();
        }
        Ok(rows)
    }
}
