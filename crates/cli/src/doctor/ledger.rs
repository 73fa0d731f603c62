//! The ledger, its log and its views, and the service that has them open.

use super::finding::size;
use super::{Check, Finding};
use crate::config::Config;
use crate::service::control_path;
use postledger_store::{Examined, OpenError, Reader, ViewsState, migration};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A log that is longer was not copied back for long.
const LONG_LOG_BYTES: u64 = 256 << 20;
/// Events that views may be behind without being slow.
const LAG: i64 = 10_000;

/// A ledger that could be opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub reader: Reader,
    pub examined: Examined,
}

pub(super) async fn examine(config: &Config) -> (Vec<Finding>, Option<Opened>) {
    let dir = &config.store.path;
    let mut findings = vec![sqlite().await, service(dir)];
    match open(config).await {
        Ok(Some(opened)) => {
            findings.extend(judge(&opened));
            (findings, Some(opened))
        }
        Ok(None) => {
            let seen = format!("there is none at {} yet: the first start makes it", dir.display());
            findings.push(Finding::note(Check::Ledger, seen));
            (findings, None)
        }
        Err(finding) => {
            findings.push(*finding);
            (findings, None)
        }
    }
}

async fn sqlite() -> Finding {
    match postledger_store::sqlite().await {
        Ok(sqlite) if sqlite.is_sound => Finding::ok(Check::Sqlite, sqlite.version),
        Ok(sqlite) => {
            let seen = format!("{} can damage a ledger, and is refused", sqlite.version);
            Finding::failure(Check::Sqlite, seen, "build with the SQLite that this program carries")
        }
        Err(error) => {
            let remedy = "install this program again: it carries its own SQLite";
            Finding::failure(Check::Sqlite, error.to_string(), remedy)
        }
    }
}

fn service(dir: &Path) -> Finding {
    match UnixStream::connect(control_path(dir)) {
        Ok(_) => Finding::ok(Check::Service, "it is running").with("running", true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            Finding::note(Check::Service, "it is not running").with("running", false)
        }
        Err(error) => Finding::warning(
            Check::Service,
            format!("its control socket cannot be reached: {error}"),
            "run this as the user that runs the service, or as root",
        ),
    }
}

async fn open(config: &Config) -> Result<Option<Opened>, Box<Finding>> {
    let dir = &config.store.path;
    let file = dir.join("ledger.db");
    match File::open(&file) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let seen = format!("{} may not be read by this user", file.display());
            let remedy = "run this as the user that runs the service, or as root";
            return Err(Box::new(Finding::failure(Check::Ledger, seen, remedy)));
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !dir.join("anchor").exists() => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    let reader = Reader::open(dir).await.map_err(failed)?;
    let reader = match &config.store.anchor_path {
        Some(anchor) => reader.with_anchor(anchor.clone()),
        None => reader,
    };
    match reader.examine().await {
        Ok(examined) => Ok(Some(Opened { reader, examined })),
        Err(error) => {
            reader.close().await;
            Err(failed(error))
        }
    }
}

fn failed(error: OpenError) -> Box<Finding> {
    let text = error.to_string();
    // What was seen is the first sentence, and what to do the others, where there are some.
    let (seen, remedy) = match text.split_once(". ") {
        Some((seen, remedy)) => (seen.to_owned(), remedy.to_owned()),
        None if matches!(error, OpenError::Missing(_)) => {
            let remedy =
                "put the ledger back, or restore a backup with `postledger restore`: its anchor is there";
            (text, remedy.to_owned())
        }
        None if error.is_other_format() => match text.split_once(": ") {
            Some((seen, remedy)) => (seen.to_owned(), remedy.to_owned()),
            None => (text, "run the version that wrote it".to_owned()),
        },
        None if matches!(error, OpenError::Unreadable(_) | OpenError::Io { .. }) => {
            let remedy =
                "see to the disk: if it is full make room, if it fails its log says so; then look again";
            (text, remedy.to_owned())
        }
        None => {
            let remedy =
                "stop the service, keep all files, run `postledger audit verify`, and restore a backup";
            (text, remedy.to_owned())
        }
    };
    let mut finding = Finding::failure(Check::Ledger, seen, remedy);
    finding.is_verification = error.is_verification();
    Box::new(finding)
}

fn judge(opened: &Opened) -> Vec<Finding> {
    let Examined { format, position, epoch, anchored, size_bytes, log_bytes, views, .. } = &opened.examined;
    let newest = migration::FORMAT;
    let ledger = if *format < newest {
        let seen = format!("format {format}, and this version writes format {newest}");
        let remedy = "`postledger migrate --check`, then stop the service and `postledger migrate`";
        Finding::warning(Check::Ledger, seen, remedy)
    } else {
        let seen = format!(
            "format {format}, {}, position {position}, epoch {}; its end is what its anchor says",
            size(*size_bytes),
            epoch.0
        );
        Finding::ok(Check::Ledger, seen)
    };
    let ledger = ledger
        .with("format", *format)
        .with("position", position.0)
        .with("epoch", epoch.0)
        .with("anchored", anchored.map(|anchored| anchored.0))
        .with("size_bytes", *size_bytes);
    let log = if *log_bytes > LONG_LOG_BYTES {
        let seen = format!("{} wait to be copied back into the ledger", size(*log_bytes));
        let remedy =
            "end the program that reads the ledger for so long (a backup, sqlite3), or restart the service";
        Finding::warning(Check::Log, seen, remedy)
    } else {
        Finding::ok(Check::Log, format!("{} of write-ahead log", size(*log_bytes)))
    };
    let views = match views {
        ViewsState::At(at) if position.0 - at.0 <= LAG => {
            Finding::ok(Check::Views, format!("up to position {at}"))
        }
        ViewsState::At(at) => {
            Finding::note(Check::Views, format!("up to position {at} of {position}: they catch up"))
        }
        ViewsState::Missing => Finding::note(Check::Views, "there are none: the service makes them"),
        ViewsState::OtherRevision(revision) => {
            let seen = format!(
                "revision {revision} is another version's: the service rebuilds them, and mail flows meanwhile"
            );
            Finding::note(Check::Views, seen)
        }
        ViewsState::Unusable => Finding::note(
            Check::Views,
            "damaged, or of another ledger: the service rebuilds them, and mail flows meanwhile",
        ),
    };
    vec![ledger, log.with("log_bytes", *log_bytes), views]
}
