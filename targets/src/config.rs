//! `postledger.toml`, and variables of the environment laid over it.

/// It is read or refused in words. Lines before the first that begins with `[` or holds no `=` may be variables, which
/// begin with `$`: `$SERVER__LISTEN=127.0.0.1:0`.
pub(crate) fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (variables, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('$'));
    let variables = variables.iter().filter_map(|line| line[1..].split_once('='));
    let variables =
        variables.map(|(name, value)| (format!("POSTLEDGER_{name}"), value.to_owned())).collect::<Vec<_>>();
    let read = postledger_cli::check_config(&lines.join("\n"), variables);
    if let Err(what) = read {
        assert!(!what.trim().is_empty(), "refused without a word");
    }
}
