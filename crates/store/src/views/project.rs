//! The projector: reads the journal after its checkpoint, folds a page in memory, writes its rows at once.

use super::file::{self, Checkpoint};
use super::schema;
use crate::fault::{CorruptRecord, ReadError};
use crate::fold::{Folding, Held};
use crate::identity::Identity;
use crate::read::Reading;
use crate::row::EventRow;
use crate::sql;
use postledger_core::delivery::Phase;
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::{MessageId, Position, Stream};
use postledger_core::message::MessageStatus;
use postledger_core::time::Timestamp;
use sqlx::query;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Events in one page.
const PAGE: i64 = 2000;
/// Messages in memory, at most, between two pages.
const HELD: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Projector {
    pub connection: SqliteConnection,
    pub checkpoint: Checkpoint,
    pub identity: Identity,
    pub reading: Reading,
    folding: Folding,
}

/// Why a pass broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Journal(#[from] ReadError),
    #[error("the views cannot be written: {0}")]
    Views(#[from] sqlx::Error),
}

impl Projector {
    /// Opens the file, or makes it anew.
    pub(super) async fn open(path: PathBuf, identity: Identity, reading: Reading) -> Result<Self, Broken> {
        let (connection, checkpoint) = file::open(&path, &identity, &reading).await?;
        Ok(Self { connection, checkpoint, identity, reading, folding: Folding::default() })
    }

    /// Goes on until the views have come to `until`.
    pub(super) async fn advance(&mut self, until: Position) -> Result<(), Broken> {
        while self.checkpoint.position < until {
            let limit = PAGE.min(until.0 - self.checkpoint.position.0);
            let rows = self.reading.page(self.checkpoint.position, limit).await?;
            if rows.is_empty() {
                break;
            }
            self.project(&rows).await?;
        }
        Ok(())
    }

    async fn project(&mut self, rows: &[SqliteRow]) -> Result<(), Broken> {
        let mut page = Vec::with_capacity(rows.len());
        let mut end = self.checkpoint;
        for row in rows {
            let row = EventRow::read(row).map_err(ReadError::from)?;
            end = Checkpoint { position: Position(row.header.position), hash: row.hash };
            match row.decode() {
                Ok(recorded) => page.push(recorded),
                Err(corrupt) => self.pass_over(&corrupt),
            }
        }
        self.folding.recall(&self.reading, &page).await?;
        let mut touched = BTreeSet::new();
        let (mut begun, mut erased) = (Vec::new(), Vec::new());
        for recorded in &page {
            match self.folding.apply(recorded) {
                Ok(Some(held)) => {
                    touched.insert((held.position, held.message.id));
                    note(recorded, held, &mut begun, &mut erased);
                }
                Ok(None) => {}
                Err(corrupt) => self.pass_over(&corrupt),
            }
        }
        self.write(touched, &begun, &erased, end).await?;
        self.checkpoint = end;
        Ok(())
    }

    fn pass_over(&mut self, corrupt: &CorruptRecord) {
        if let Ok(Stream::Message(id)) = corrupt.stream.parse() {
            self.folding.quarantine(id, corrupt);
        }
    }

    async fn write(
        &mut self,
        touched: BTreeSet<(Position, MessageId)>,
        begun: &[(Position, Names)],
        erased: &[Position],
        end: Checkpoint,
    ) -> Result<(), sqlx::Error> {
        query(sql::BEGIN).execute(&mut self.connection).await?;
        let lines: Vec<Line> =
            touched.iter().filter_map(|(_, id)| self.folding.get(*id)).map(Line::of).collect();
        let written = write_page(&mut self.connection, &self.identity, &lines, begun, erased, end).await;
        if let Err(error) = written {
            let _ = query(sql::ROLLBACK).execute(&mut self.connection).await;
            return Err(error);
        }
        for line in lines.iter().filter(|line| !line.is_open) {
            self.folding.release(line.id);
        }
        self.folding.trim(HELD);
        if !erased.is_empty() {
            query(schema::TRUNCATE).execute(&mut self.connection).await?;
        }
        Ok(())
    }
}

/// What a message can be searched by, besides its row.
struct Names {
    recipients: Vec<String>,
    tags: Vec<String>,
}

fn note(recorded: &Recorded, held: &Held, begun: &mut Vec<(Position, Names)>, erased: &mut Vec<Position>) {
    match &recorded.event {
        Event::Mail(MailEvent::Queued(queued)) => {
            if let Some(personal) = &queued.personal {
                let recipients =
                    personal.recipients.iter().map(|address| address.as_str().to_owned()).collect();
                begun.push((held.position, Names { recipients, tags: personal.tags.clone() }));
            }
        }
        Event::Mail(MailEvent::Erased) => erased.push(held.position),
        Event::Mail(_) | Event::Key(_) | Event::Node(_) => {}
    }
}

/// A row of the message table.
struct Line {
    position: i64,
    id: MessageId,
    tenant: String,
    created_at: Timestamp,
    priority: &'static str,
    status: MessageStatus,
    due: Option<(Timestamp, Timestamp)>,
    is_open: bool,
}

impl Line {
    /// `queued` and `scheduled` differ by the clock: where all deliveries wait for their first attempt, the row
    /// has the range of their due times, and the search tells.
    fn of(held: &Held) -> Self {
        let message = &held.message;
        let due = message.deliveries.iter().map(|delivery| match delivery.state.phase {
            Phase::Queued { due } => Some(due),
            _ => None,
        });
        let due: Option<Vec<_>> = due.collect();
        let due = due.and_then(|due| Some((*due.iter().min()?, *due.iter().max()?)));
        // At the end of time nothing is scheduled any more.
        let status = message.status(Timestamp::from_micros(i64::MAX));
        Self {
            position: held.position.0,
            id: message.id,
            tenant: message.tenant.to_string(),
            created_at: message.created_at,
            priority: message.queued.policy.priority.as_str(),
            status,
            due,
            is_open: !message.is_final(),
        }
    }
}

async fn write_page(
    connection: &mut SqliteConnection,
    identity: &Identity,
    lines: &[Line],
    begun: &[(Position, Names)],
    erased: &[Position],
    end: Checkpoint,
) -> Result<(), sqlx::Error> {
    let mut rest = lines;
    while !rest.is_empty() {
        let (size, statement) = schema::PUT_MESSAGES.filled_by(rest.len());
        let (now, later) = rest.split_at(size);
        let mut put = query(statement);
        for line in now {
            put = put.bind(line.position).bind(&line.id.as_bytes()[..]).bind(&line.tenant[..]);
            put = put.bind(line.created_at.as_micros()).bind(line.priority).bind(line.status.as_str());
            put = put.bind(line.due.map(|due| due.0.as_micros())).bind(line.due.map(|due| due.1.as_micros()));
            put = put.bind(line.is_open);
        }
        put.execute(&mut *connection).await?;
        rest = later;
    }
    let recipients = begun.iter().flat_map(|(at, names)| names.recipients.iter().map(|name| (name, *at)));
    put_names(connection, &schema::PUT_RECIPIENTS, recipients.collect()).await?;
    let tags = begun.iter().flat_map(|(at, names)| names.tags.iter().map(|name| (name, *at)));
    put_names(connection, &schema::PUT_TAGS, tags.collect()).await?;
    for position in erased {
        query(schema::FORGET_RECIPIENTS).bind(position.0).execute(&mut *connection).await?;
        query(schema::FORGET_TAGS).bind(position.0).execute(&mut *connection).await?;
    }
    file::set_checkpoint(connection, identity, end).await?;
    query(sql::COMMIT).execute(connection).await.map(drop)
}

async fn put_names(
    connection: &mut SqliteConnection,
    statements: &'static sql::ManyRows,
    names: Vec<(&String, Position)>,
) -> Result<(), sqlx::Error> {
    let mut rest = &names[..];
    while !rest.is_empty() {
        let (size, statement) = statements.filled_by(rest.len());
        let (now, later) = rest.split_at(size);
        let mut put = query(statement);
        for (name, position) in now {
            put = put.bind(&name[..]).bind(position.0);
        }
        put.execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}
