//! One service with the cells of one stage: for each a relay of its own, so that what is learned of one peer touches no
//! other cell, and a backup that takes everything.

use super::account::Account;
use super::expected::Class;
use super::{Cell, Plan, Policy, TIMEOUT, Way};
use crate::chaos::figures::{Figures, missed};
use crate::load::{Answer, Entry, Intent};
use crate::oracle::{self, Verdict};
use crate::service::{Relay, Service, Setup, Started};
use crate::sink::{Action, Authority, Extensions, Rule, Script, Sink, Stage, Tls};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// A deadline that does not pass before the kill.
const UNTIL_KILLED: &str = "\"601s\"";
/// A deadline that does not pass at all: the peer says something, however busy the machine is.
const NEVER: &str = "\"600s\"";
/// Together with what surrounds it more than a socket's buffers hold: 4 MiB by default on the writing side.
const LARGE: usize = 5 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// One service and its cells.
struct Grid {
    service: Service,
    backup: Sink,
    columns: Vec<Column>,
    /// Its file is read at every start.
    _authority: Authority,
}

/// A cell with its peer and its message.
struct Column {
    cell: Cell,
    name: String,
    sink: Sink,
    id: String,
    /// Whether an attempt stood in the ledger at the kill.
    begun: bool,
}

/// What was found in the cells of one service.
pub(super) struct Found {
    pub(super) cells: u64,
    pub(super) late_answers: u64,
    pub(super) attempts: u64,
    pub(super) wrong: Vec<String>,
    pub(super) verdict: Verdict,
}

impl Found {
    pub(super) fn count(self, figures: &mut Figures) {
        figures.add("cells", self.cells);
        figures.add("late answers", self.late_answers);
        figures.add("attempts", self.attempts);
        figures.add("wrong cells", self.wrong.len() as u64);
        figures.judged(&self.verdict);
        for wrong in self.wrong {
            figures.miss(wrong);
        }
        if !self.verdict.is_clean() {
            figures.miss(self.verdict.to_string());
        }
    }
}

/// Runs the cells of one stage.
pub(super) async fn run(plan: &Plan, stage: Stage, killed: bool, cells: Vec<Cell>) -> Result<Found> {
    let mut grid = Grid::new(plan, stage, cells).await?;
    if killed {
        grid.set_timeouts(&deadline(), UNTIL_KILLED)?;
    }
    grid.service.start().await?;
    grid.submit().await?;
    if killed {
        grid.kill(stage).await?;
    }
    for column in &grid.columns {
        let settled = grid.service.message_until(&column.id, |message| {
            let status = message["deliveries"][0]["status"].as_str();
            matches!(status, Some("delivered" | "failed" | "unknown" | "held"))
        });
        settled.await.map_err(|error| missed(format!("{:?}: {error:#}", column.cell)))?;
    }
    grid.judge().await
}

impl Grid {
    async fn new(plan: &Plan, stage: Stage, cells: Vec<Cell>) -> Result<Self> {
        let backup = Sink::start(Script::default()).await?;
        let authority = Authority::new()?;
        let mut setup = Setup::new()
            .program(plan.program)
            .variable("POSTLEDGER_LOG", "error")
            .relay(Relay::plain("backup", backup.addr()))
            .toml("[[route]]\nname = \"default\"\nrelays = [\"backup\"]");
        let mut columns = Vec::new();
        for cell in cells {
            let name = format!("w{}", columns.len());
            let sink = Sink::start(script(cell, &authority)?).await?;
            let relay = match stage {
                Stage::Starttls => Relay::tls(&name, sink.addr(), "starttls", &authority.ca_file()),
                Stage::Auth => {
                    Relay::plain(&name, sink.addr()).line("username = \"me\"\npassword = \"secret\"")
                }
                _ => Relay::plain(&name, sink.addr()),
            };
            setup = setup
                .relay(relay.line(&timeouts(cell)))
                .toml(&format!("[[route]]\nname = \"{name}\"\nrelays = [\"{name}\", \"backup\"]"));
            columns.push(Column { cell, name, sink, id: String::new(), begun: false });
        }
        Ok(Self { service: setup.prepare().await?, backup, columns, _authority: authority })
    }

    /// Changes the deadlines from the next start on.
    fn set_timeouts(&self, from: &str, to: &str) -> Result<()> {
        let file = self.service.config_file();
        let text = std::fs::read_to_string(&file)?;
        let change = |line: &str| {
            if line.starts_with("timeouts") { line.replace(from, to) } else { line.to_owned() }
        };
        let lines: Vec<String> = text.lines().map(change).collect();
        std::fs::write(&file, lines.join("\n")).context("the configuration")
    }

    async fn submit(&mut self) -> Result<()> {
        for column in &mut self.columns {
            let size = if column.cell.stage == Stage::Body { LARGE } else { 100 };
            let line = "The same line again and again, until there is no room left for it.\n";
            let message = json!({
                "from": "a@a.example", "to": column.recipient(), "subject": format!("token:{}", column.name),
                "text": line.repeat(size / line.len() + 1), "route": column.name,
                "on_unknown": if column.cell.policy == Policy::Hold { "hold" } else { "retry" },
                "retry": {"schedule": ["1s"], "max_attempts": 5},
            });
            let accepted = self.service.submit(&message).await?;
            accepted["id"].as_str().context("a message has an id")?.clone_into(&mut column.id);
        }
        Ok(())
    }

    /// SIGKILL once every attempt sits at the stage, and stands in the ledger if it has come that far; then again with
    /// deadlines that pass.
    async fn kill(&mut self, stage: Stage) -> Result<()> {
        for column in &self.columns {
            let reached = column.sink.wait_for_within(PATIENCE, |log| log.passes(stage) > 0).await;
            reached.map_err(|error| missed(format!("{:?}: {error:#}", column.cell)))?;
            if column.cell.has_begun() {
                // It is committed while the text streams, and the sink cannot see when.
                let begun = |message: &Value| message["deliveries"][0]["attempts"] == 1;
                let begun = self.service.message_until(&column.id, begun).await;
                begun.map_err(|error| missed(format!("{:?}: {error:#}", column.cell)))?;
            }
        }
        self.service.kill()?;
        // Peers that are silent one after the other take longer than all at once; suspicion is not what this is about.
        std::fs::remove_file(self.service.data_dir().join("in-flight"))?;
        let export = self.service.export().await?;
        for column in &mut self.columns {
            column.begun = Account::read(&export, &column.id)?.begun > 0;
        }
        self.set_timeouts(UNTIL_KILLED, &deadline())?;
        match self.service.try_start().await? {
            Started::Listening => Ok(()),
            Started::Refused(exit) => Err(missed(format!("it does not start again: {exit}"))),
        }
    }

    async fn judge(mut self) -> Result<Found> {
        let exit = self.service.terminate().await?;
        if exit.code != Some(0) {
            return Err(missed(format!("no orderly stop: {exit}")));
        }
        let export = self.service.export().await?;
        let (mut entries, mut transactions) = (Vec::new(), self.backup.log().transactions);
        let (mut wrong, mut attempts) = (Vec::new(), 0);
        for column in &self.columns {
            let account = Account::read(&export, &column.id)?;
            attempts += account.classes.len() as u64;
            let of_backup = self.backup.read(|log| log.of(&column.recipient()).count());
            if let Some(what) = column.judge(&account, of_backup) {
                wrong.push(format!("{:?}: {what}: {account:?}", column.cell));
            }
            let (token, recipients) = (column.name.clone(), vec![column.recipient()]);
            entries.push(Entry::Intent(Intent { token: token.clone(), key: None, recipients }));
            let id = Some(column.id.clone());
            entries.push(Entry::Answer(Answer { token, status: 202, id, replayed: false }));
            transactions.extend(column.sink.log().transactions);
        }
        let verdict = oracle::judge(&entries, &transactions, &export)?;
        Ok(Found { cells: self.columns.len() as u64, late_answers: 0, attempts, wrong, verdict })
    }
}

impl Column {
    fn recipient(&self) -> String {
        format!("{}@b.example", self.name)
    }

    /// What is wrong in this cell, if anything is.
    fn judge(&self, account: &Account, of_backup: usize) -> Option<String> {
        let cell = &self.cell;
        if cell.killed && cell.has_begun() != self.begun {
            return Some(format!("begun at the kill: {}", self.begun));
        }
        let expected = cell.expected();
        if account.classes != expected {
            return Some(format!("{:?} instead of {expected:?}", account.classes));
        }
        if let Some(stage) = account.stages.iter().find(|stage| !cell.is_seen_at(stage)) {
            return Some(format!("nothing sent at {stage}"));
        }
        let holds = cell.policy == Policy::Hold && expected.contains(&Class::Unknown);
        if account.held != holds {
            return Some(format!("held: {}", account.held));
        }
        let log = self.sink.log();
        let copies = log.transactions.iter().filter(|it| it.is_copy()).count() + of_backup;
        if cell.policy == Policy::Hold && copies > 1 {
            return Some(format!("{copies} copies of what asked for one at most"));
        }
        // Nothing is said on a connection whose answers are not known to belong to what was asked (G6).
        let nth = 1 + u32::from(cell.killed);
        let went_wrong = log.sightings.iter().position(|it| it.stage == cell.stage && it.attempt == nth);
        let is_answer = matches!(cell.way, Way::Transient | Way::Permanent)
            || (cell.stage, cell.way) == (Stage::Data, Way::GoOn);
        if let Some(at) = went_wrong.filter(|_| !is_answer) {
            let (connection, rest) = (log.sightings[at].connection, &log.sightings[at + 1..]);
            if rest.iter().any(|it| it.connection == connection && it.stage == Stage::Mail) {
                return Some("the connection was used again".to_owned());
            }
        }
        None
    }
}

/// What the peer of a cell does: with a kill, first nothing.
fn script(cell: Cell, authority: &Authority) -> Result<Script> {
    let silent = if cell.stage == Stage::Body { Action::StopReading } else { Action::Hang };
    let mut script = Script::default();
    if cell.killed {
        script = script.rule(Rule::at(cell.stage).attempts(1..=1).then(silent));
    }
    let nth = 1 + u32::from(cell.killed);
    script = script.rule(Rule::at(cell.stage).attempts(nth..=nth).then(cell.way.action(cell.stage)));
    Ok(match cell.stage {
        Stage::Starttls => script.tls(Tls::Starttls(authority.good()?)),
        Stage::Auth => {
            let auth = Some(Some(("me".to_owned(), "secret".to_owned())));
            script.offering(Extensions { auth, ..Extensions::default() })
        }
        _ => script,
    })
}

pub(super) fn deadline() -> String {
    format!("\"{}s\"", TIMEOUT.as_secs())
}

/// Only the deadline that a cell is about can pass.
fn timeouts(cell: Cell) -> String {
    let own = match cell.stage {
        Stage::Banner | Stage::Ehlo | Stage::Starttls | Stage::Auth | Stage::Mail | Stage::Rcpt => "command",
        Stage::Data => "data",
        Stage::Body => "body",
        Stage::Dot => "dot",
        Stage::Quit => "quit",
    };
    let waits = matches!(cell.way, Way::Hang | Way::Drip | Way::Late);
    let line = |stage: &str| {
        let passes = stage == "quit" || (waits && stage == own);
        format!("{stage} = {}", if passes { deadline() } else { NEVER.to_owned() })
    };
    let lines: Vec<String> = ["connect", "command", "data", "body", "dot", "quit"].map(line).into();
    format!("timeouts = {{ {} }}", lines.join(", "))
}
