//! Keys in the environment: `POSTLEDGER_SERVER__LISTEN`, `POSTLEDGER_RELAY__PRIMARY__HOST`.

const PREFIX: &str = "POSTLEDGER_";
const BETWEEN: &str = "__";

/// The variables that are keys of the configuration: those with a table. Their values are texts, whatever else they
/// are; one that is none is no value.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    let is_key = |name: &String| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(BETWEEN));
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(move |(name, _)| is_key(name))
}

/// The variable of a key.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', BETWEEN))
}

/// The key of a variable; `None` where a part of the name is empty.
pub fn key(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX)?.to_lowercase();
    let parts: Vec<&str> = name.split(BETWEEN).collect();
    parts.iter().all(|part| !part.is_empty()).then(|| parts.join("."))
}
