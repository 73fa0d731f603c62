//! Values of options: what is not one of them is told before anything is done, with exit code 2.

use clap::builder::PossibleValuesParser;
use postledger_core::id::Position;
use postledger_core::key::Scope;
use postledger_store::Until;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One of a closed set of words.
pub fn one_of(words: impl IntoIterator<Item = &'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

/// A scope.
pub fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|_| "one of: send, read, operate, admin".to_owned())
}

/// A duration such as `90s`, `15m`, `24h`, `90d`, in whole seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).ok();
    parsed
        .filter(|duration| duration.subsec_nanos() == 0 && !duration.is_zero())
        .ok_or_else(|| "a duration is a whole number and s, m, h or d: 90s, 15m, 24h, 90d".to_owned())
}

/// A position, or a time.
pub fn until(text: &str) -> Result<Until, String> {
    let position =
        text.parse().ok().filter(|position| *position >= 0).map(|at| Until::Position(Position(at)));
    let time = || text.parse().ok().map(Until::Time);
    position
        .or_else(time)
        .ok_or_else(|| "neither a position nor a time such as 2026-12-01T09:00:00Z".to_owned())
}

/// An address of the API.
pub fn url(text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    url.ok_or_else(|| "an address begins with http:// or https://".to_owned())
}

/// A header field.
pub fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a name, a colon and a value: 'X-Order: 17'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A key and a value.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a key, an equals sign and a value: order=17")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// An address of a DNS server, with or without a port.
pub fn resolver(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
    text.parse().or(alone).map_err(|_| "an address such as 192.0.2.53 or 127.0.0.1:5353".to_owned())
}
