//! Statements, for the test that prepares every one.

use super::{schema, search};
use postledger_core::ledger::MessageQuery;

/// All but the searches and those over two files.
pub(crate) fn all_statements() -> Vec<String> {
    let many = [&schema::PUT_MESSAGES, &schema::PUT_RECIPIENTS, &schema::PUT_TAGS];
    let many = many.iter().flat_map(|many| many.all()).cloned();
    schema::ALL.iter().map(|&statement| statement.to_owned()).chain(many).collect()
}

/// The statement of a search.
pub(crate) fn search_statements(query: &MessageQuery) -> String {
    search::statement(query).into_string()
}
