//! What no ledger can exceed: the disk's syncs, SQLite through sqlx with nothing around it, and a plain scan.
//!
//! `cargo bench --package postledger-store --bench limit -- DIRECTORY [LEDGER]` writes into the directory, reads the ledger
//! there, and prints one JSON object. `cargo xtask bench --limit` puts it beside what the service does in the same run.
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row, query, raw_sql};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long each limit is tried.
const TIME: Duration = Duration::from_secs(2);
/// What a message leaves: an event and a content.
const EVENT_BYTES: usize = 600;
const BODY_BYTES: usize = 4096;
/// Rows of one commit, where there are several.
const BATCH: u32 = 100;
/// Rows read at once, as the ledger's own readers do.
const PAGE: i64 = 2000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    // `cargo bench` adds an option of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from);
    // `cargo test --benches` runs it without any.
    let Some(directory) = arguments.next() else { return Ok(()) };
    let mut figures = Map::new();
    figures.insert("fdatasync_4k_per_s".into(), json!(synced_appends(&directory)?));
    figures.insert("sqlite_commits_per_s".into(), json!(commits(&directory, 1).await?));
    figures.insert("sqlite_rows_per_s".into(), json!(commits(&directory, BATCH).await?));
    if let Some(ledger) = arguments.next() {
        figures.insert("scan_rows_per_s".into(), json!(scan(&ledger, false).await?));
        figures.insert("scan_and_decode_rows_per_s".into(), json!(scan(&ledger, true).await?));
    }
    println!("{}", Value::Object(figures));
    Ok(())
}

/// Appends of 4 KiB, each synced before the next.
fn synced_appends(directory: &Path) -> Result<f64> {
    let mut file = File::create(directory.join("appends"))?;
    let (began, mut appends) = (Instant::now(), 0);
    while began.elapsed() < TIME {
        file.write_all(&[b'x'; BODY_BYTES])?;
        file.sync_data()?;
        appends += 1;
    }
    Ok(f64::from(appends) / began.elapsed().as_secs_f64())
}

/// Messages written in commits of so many, in one statement for events and one for contents, synced as a ledger is.
async fn commits(directory: &Path, batch: u32) -> Result<f64> {
    let options = SqliteConnectOptions::new()
        .filename(directory.join(format!("batch{batch}.db")))
        .create_if_missing(true)
        .page_size(4096)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    raw_sql("CREATE TABLE event (position INTEGER PRIMARY KEY, data TEXT) STRICT; CREATE TABLE content (position INTEGER PRIMARY KEY, body BLOB) STRICT")
        .execute(&mut connection)
        .await?;
    let places = vec!["(?)"; usize::try_from(batch)?].join(",");
    let events = format!("INSERT INTO event (data) VALUES {places}");
    let contents = format!("INSERT INTO content (body) VALUES {places}");
    let (data, body) = ("x".repeat(EVENT_BYTES), vec![b'x'; BODY_BYTES]);
    let (began, mut rows) = (Instant::now(), 0);
    while began.elapsed() < TIME {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let event = (0..batch).fold(query(AssertSqlSafe(events.clone())), |query, _| query.bind(&data));
        event.execute(&mut *transaction).await?;
        let content = (0..batch).fold(query(AssertSqlSafe(contents.clone())), |query, _| query.bind(&body));
        content.execute(&mut *transaction).await?;
        transaction.commit().await?;
        rows += batch;
    }
    let rate = f64::from(rows) / began.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(rate)
}

/// Events of a ledger, their data read as JSON or not at all.
async fn scan(ledger: &Path, decode: bool) -> Result<f64> {
    let options = SqliteConnectOptions::new().filename(ledger).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let statement = "SELECT position, data FROM event WHERE position > ? ORDER BY position LIMIT ?";
    let (began, mut after, mut rows) = (Instant::now(), 0, 0);
    loop {
        let page = query(statement).bind(after).bind(PAGE).fetch_all(&mut connection).await?;
        let Some(last) = page.last() else { break };
        after = last.try_get(0)?;
        for row in &page {
            let data: &str = row.try_get(1)?;
            let is_whole =
                if decode { serde_json::from_str::<Value>(data)?.is_object() } else { !data.is_empty() };
            if !is_whole {
                return Err("an event without data".into());
            }
            rows += 1;
        }
    }
    connection.close().await?;
    Ok(f64::from(rows) / began.elapsed().as_secs_f64())
}
