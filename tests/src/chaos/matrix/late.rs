//! An answer that comes when another one is waited for.
//!
//! One connection, two messages. The relay takes the first and says so only when the second's dot has come; the second it
//! does not take. A sender that gave the first up and goes on over the same connection reads the first one's 250 as the
//! second one's: a false delivered. The only safe place to go on is another connection (G6).

use super::account::Account;
use super::expected::{Class, class};
use super::grid::{Found, deadline};
use super::{Plan, Way};
use crate::chaos::figures::missed;
use crate::load::{Answer, Entry, Intent};
use crate::oracle;
use crate::service::{Relay, Service, Setup};
use crate::sink::{Action, Rule, Script, Sink, Stage};
use anyhow::{Context as _, Result};
use serde_json::json;

/// What the second message meets.
const WAYS: [Way; 4] = [Way::Permanent, Way::GoOn, Way::Garbage, Way::Hang];

struct Row {
    way: Way,
    name: String,
    sink: Sink,
    /// Ids of the first message and of the second.
    ids: Vec<String>,
}

impl Row {
    async fn new(way: Way, number: usize) -> Result<Self> {
        let name = format!("late{number}");
        let script = Script::default()
            .rule(
                Rule::at(Stage::Dot).starting("first").then(Action::with_next(250, "2.0.0 taken, the first")),
            )
            .rule(Rule::at(Stage::Dot).starting("second").then(way.action(Stage::Dot)));
        Ok(Self { way, name, sink: Sink::start(script).await?, ids: Vec::new() })
    }

    fn address(&self, which: &str) -> String {
        format!("{which}.{}@b.example", self.name)
    }

    async fn submit(&mut self, service: &Service, which: &str) -> Result<()> {
        let message = json!({
            "from": "a@a.example", "to": self.address(which), "subject": format!("token:{which}-{}", self.name),
            "text": "x", "route": self.name, "on_unknown": "hold", "retry": {"max_attempts": 1},
        });
        let accepted = service.submit(&message).await?;
        self.ids.push(accepted["id"].as_str().context("a message has an id")?.to_owned());
        Ok(())
    }
}

/// Runs all rows at once.
pub(super) async fn run(plan: &Plan) -> Result<Found> {
    let mut rows = Vec::new();
    let mut setup = Setup::new()
        .program(plan.program)
        .variable("POSTLEDGER_LOG", "error")
        .toml("[[route]]\nname = \"default\"\nrelays = [\"late0\"]");
    for way in WAYS {
        let row = Row::new(way, rows.len()).await?;
        let timeouts = format!("timeouts = {{ dot = {} }}\nmax_connections = 1", deadline());
        setup = setup
            .relay(Relay::plain(&row.name, row.sink.addr()).line(&timeouts))
            .toml(&format!("[[route]]\nname = \"{0}\"\nrelays = [\"{0}\"]", row.name));
        rows.push(row);
    }
    let mut service = setup.start().await?;
    for row in &mut rows {
        row.submit(&service, "first").await?;
        // The second waits for the only connection, and takes it as soon as it is let go.
        row.sink
            .wait_for(|log| log.passes(Stage::Dot) == 1)
            .await
            .map_err(|error| missed(format!("{error:#}")))?;
        row.submit(&service, "second").await?;
    }
    for id in rows.iter().flat_map(|row| &row.ids) {
        let settled = service.message_until(id, |message| {
            matches!(message["deliveries"][0]["status"].as_str(), Some("delivered" | "failed" | "held"))
        });
        settled.await.map_err(|error| missed(format!("{error:#}")))?;
    }
    let exit = service.terminate().await?;
    if exit.code != Some(0) {
        return Err(missed(format!("no orderly stop: {exit}")));
    }
    judge(&service, &rows).await
}

async fn judge(service: &Service, rows: &[Row]) -> Result<Found> {
    let export = service.export().await?;
    let (mut entries, mut transactions) = (Vec::new(), Vec::new());
    let (mut wrong, mut attempts) = (Vec::new(), 0);
    for row in rows {
        for ((which, id), class) in
            ["first", "second"].into_iter().zip(&row.ids).zip([Class::Unknown, class(Stage::Dot, row.way)])
        {
            let account = Account::read(&export, id)?;
            attempts += account.classes.len() as u64;
            if account.classes != [class] {
                wrong.push(format!(
                    "late answer, then {:?}: the {which} is no {class:?}: {account:?}",
                    row.way
                ));
            }
            let (token, recipients) = (format!("{which}-{}", row.name), vec![row.address(which)]);
            entries.push(Entry::Intent(Intent { token: token.clone(), key: None, recipients }));
            let id = Some(id.clone());
            entries.push(Entry::Answer(Answer { token, status: 202, id, replayed: false }));
        }
        transactions.extend(row.sink.log().transactions);
    }
    let verdict = oracle::judge(&entries, &transactions, &export)?;
    Ok(Found { cells: 0, late_answers: rows.len() as u64, attempts, wrong, verdict })
}
