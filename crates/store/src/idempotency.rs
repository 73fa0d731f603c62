//! The idempotency table is an index: it can be made again from the events.

use crate::fault::ReadError;
use crate::pages::Pages;
use crate::read::Reading;
use crate::row::EventRow;
use crate::sql;
use postledger_core::event::{Event, MailEvent};
use postledger_core::id::Position;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

/// Empties the table and fills it from the journal, in one transaction. Records whose time has passed come back
/// too and are swept at the next start.
pub(crate) async fn rebuild(connection: &mut SqliteConnection, reading: &Reading) -> Result<(), ReadError> {
    query(sql::BEGIN).execute(&mut *connection).await?;
    query(sql::EMPTY_IDEMPOTENCY).execute(&mut *connection).await?;
    let mut pages = Pages::new(reading.pool.clone(), sql::PAGE_PLAIN, Position(0), Position(i64::MAX));
    loop {
        let rows = pages.next().await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let row = EventRow::read(row)?;
            if row.header.kind != "queued" {
                continue;
            }
            let Event::Mail(MailEvent::Queued(queued)) = row.decode()?.event else { continue };
            if let Some(idempotency) = &queued.idempotency {
                let insert = query(sql::INSERT_IDEMPOTENCY_ROW).bind(row.header.tenant);
                let insert = insert.bind(&idempotency.key[..]).bind(&idempotency.request[..]);
                let insert = insert.bind(row.header.position).bind(idempotency.keep_until.as_micros());
                insert.execute(&mut *connection).await?;
            }
        }
    }
    query(sql::COMMIT).execute(connection).await?;
    Ok(())
}
