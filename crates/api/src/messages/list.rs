//! `GET /v1/messages`: newest first, in pages.

use crate::answer;
use crate::api::Shared;
use crate::caller::Caller;
use crate::history;
use crate::intake::Findings;
use crate::message_json::MessageJson;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Response, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postledger_core::address::Address;
use postledger_core::id::Position;
use postledger_core::ledger::MessageQuery;
use postledger_core::message::MessageStatus;
use postledger_core::policy::Priority;
use postledger_core::time::Timestamp;
use serde::Serialize;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a list may be narrowed by. All conditions hold together.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes in the API's documentation what `query` below accepts")]
pub(crate) struct ListParameters {
    /// A message's status.
    status: Option<String>,
    /// A recipient's address.
    recipient: Option<String>,
    /// One of its tags.
    tag: Option<String>,
    /// Its priority.
    priority: Option<String>,
    /// Accepted before this time (exclusive).
    #[param(format = DateTime)]
    created_before: Option<String>,
    /// Accepted at this time or after.
    #[param(format = DateTime)]
    created_after: Option<String>,
    /// 1 to 100. Default: 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before; the other parameters stay as they were.
    cursor: Option<String>,
}

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagePage<'a> {
    /// Newest first.
    data: Vec<MessageJson<'a>>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// List messages.
///
/// Newest first, found through the views, which may lag a moment; each message as the ledger has it.
#[utoipa::path(
    get, path = "/v1/messages", operation_id = "list_messages", tag = "messages", params(ListParameters),
    responses((status = 200, description = "A page", body = MessagePage<'static>)),
)]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response<Body>, Problem> {
    let now = shared.services.clock.now();
    let query =
        MessageQuery { tenant: caller.tenant.clone(), ..query(uri.query().unwrap_or_default(), now)? };
    let page = shared.services.views.list(query).await?;
    let messages = history::messages(&shared, page.ids).await?;
    // The views decide nothing about who may see what.
    let seen = messages.iter().filter(|message| caller.sees(&message.tenant));
    let data = seen.map(|message| MessageJson::new(message, now)).collect();
    Ok(answer::json(StatusCode::OK, &MessagePage { data, next_cursor: page.next.map(write_cursor) }))
}

fn query(text: &str, now: Timestamp) -> Result<MessageQuery, Problem> {
    let mut query = MessageQuery {
        tenant: None,
        status: None,
        recipient: None,
        tag: None,
        priority: None,
        created_before: None,
        created_after: None,
        now,
        before: None,
        limit: 20,
    };
    let (mut seen, mut findings) = (Vec::new(), Findings::default());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if seen.contains(&name) {
            findings.add(shown(&name), "duplicate_parameter", "this parameter is given twice");
            continue;
        }
        match &*name {
            "status" => {
                query.status = word::<MessageStatus>(&name, &value, MessageStatus::ALL, &mut findings)
            }
            "priority" => query.priority = word::<Priority>(&name, &value, Priority::ALL, &mut findings),
            "recipient" => {
                let address = parsed::<Address>(&name, &value, "invalid_address", &mut findings);
                query.recipient = address.map(|address| address.as_str().to_owned());
            }
            "tag" => {
                // As a message's own: no other can be found.
                findings.line("tag", &value, 1..=64);
                query.tag = Some(value.into_owned());
            }
            "created_before" => query.created_before = parsed(&name, &value, "invalid_time", &mut findings),
            "created_after" => query.created_after = parsed(&name, &value, "invalid_time", &mut findings),
            "limit" => match value.parse() {
                Ok(limit @ 1..=100) => query.limit = limit,
                _ => findings.add("limit", "out_of_range", "1 to 100"),
            },
            "cursor" => match read_cursor(&value) {
                Some(position) => query.before = Some(position),
                None => findings.add("cursor", "invalid_cursor", "the next_cursor of an earlier page"),
            },
            _ => findings.add(
                shown(&name),
                "unknown_parameter",
                "there are status, recipient, tag, priority, created_before, created_after, limit, cursor",
            ),
        }
        seen.push(name);
    }
    if findings.0.is_empty() { Ok(query) } else { Err(Problem::invalid(findings.0)) }
}

fn parsed<T: FromStr<Err: Display>>(
    name: &str,
    value: &str,
    code: &'static str,
    findings: &mut Findings,
) -> Option<T> {
    value.parse().map_err(|invalid: T::Err| findings.add(name, code, invalid.to_string())).ok()
}

fn word<T: FromStr + Display>(name: &str, value: &str, all: &[T], findings: &mut Findings) -> Option<T> {
    let word = value.parse().ok();
    if word.is_none() {
        let all: Vec<_> = all.iter().map(T::to_string).collect();
        findings.add(name, "unknown_value", format!("one of: {}", all.join(", ")));
    }
    word
}

fn shown(name: &str) -> String {
    name.chars().take(76).filter(|c| !c.is_control()).collect()
}

/// Cursors tell nothing that a caller could build on: only this module knows what is in them.
fn write_cursor(position: Position) -> String {
    URL_SAFE_NO_PAD.encode(position.0.to_be_bytes())
}

fn read_cursor(text: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(Position(i64::from_be_bytes(bytes.try_into().ok()?))).filter(|position| position.0 > 0)
}
