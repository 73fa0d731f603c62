//! Why nothing could be sent, in words: for timelines, and for tests of relays.

use postledger_dispatcher::Refused;
use serde_json::Value;

/// What the words `trouble` and `stage` of the API mean, with what the relay said.
pub fn in_words(not_sent: &Value) -> String {
    let word = |name: &str| not_sent[name].as_str().unwrap_or("?");
    let stage = match word("stage") {
        "dns" => "the name's resolution",
        "connect" => "the connection",
        "banner" => "the greeting",
        "tls" => "TLS",
        "body" => "the text",
        "dot" => "the end of the text",
        command => &command.to_uppercase(),
    };
    let words = match (word("trouble"), word("stage")) {
        ("not_found", _) => "its name does not resolve".to_owned(),
        ("reset", "connect") => "no connection".to_owned(),
        ("timeout", "connect") => "no connection in time".to_owned(),
        ("timeout", _) => format!("no answer in time to {stage}"),
        ("closed", _) => format!("it closed the connection at {stage}"),
        ("reset", _) => format!("the connection broke at {stage}"),
        ("protocol", _) => format!("what it said to {stage} is no SMTP"),
        ("refused", _) => format!("it refused {stage}"),
        ("tls", _) => "TLS is required, and could not be had or its certificate is not valid".to_owned(),
        ("unsupported", _) => "it lacks an extension that is needed".to_owned(),
        ("withheld", _) => "the attempt could not be recorded, so it was withheld".to_owned(),
        ("source_address", _) => {
            "its source_address is not one of this machine, or of another kind".to_owned()
        }
        ("proxy_unreachable", _) => "no connection to its proxy".to_owned(),
        ("proxy_timeout", _) => "its proxy gave no answer in time".to_owned(),
        ("proxy_refused", _) => "its proxy refused the login, or the way to it".to_owned(),
        ("proxy_failed", _) => "its proxy could not connect to it".to_owned(),
        ("proxy_protocol", _) => "what its proxy answered is of no such proxy".to_owned(),
        ("interrupted", _) => format!("the service stopped at {stage}"),
        (trouble, _) => format!("{trouble} at {stage}"),
    };
    match reply(&not_sent["reply"]) {
        Some(said) => format!("{words}: {said}"),
        None => words,
    }
}

/// How the wait for the last reply ended: why a result is unknown.
pub fn of_unknown(trouble: &str) -> &'static str {
    match trouble {
        "timeout" => "no reply to the final dot in time",
        "closed" => "the relay closed after the final dot, without a reply",
        "reset" => "the connection broke after the final dot, without a reply",
        "interrupted" => "the service stopped after the final dot, before a reply",
        _ => "what came after the final dot is no SMTP reply",
    }
}

/// Why a delivery failed, where no reply says it.
pub fn of_cause(cause: &str) -> &'static str {
    match cause {
        "expired" => "its lifetime had passed",
        "exhausted" => "no attempt was left",
        "suppressed" => "the address is not to be tried",
        "unroutable" => "no relay of its route can take it",
        "aborted" => "its application aborted it",
        "resolved" => "no unknown attempt had arrived",
        _ => "no relay takes it",
    }
}

/// Why a delivery is held.
pub fn of_hold(reason: &str) -> String {
    let words = match reason {
        "operator" => "on request",
        "unknown" => "a second copy is not wanted",
        "prepare_unanswered" => "its application neither committed nor aborted",
        "quarantined" => "it was in flight at repeated crashes, or its record is damaged",
        "restored" => "it was open when a backup was restored",
        "stale" => "it is too old to be sent without a word",
        _ => return reason.to_owned(),
    };
    words.to_owned()
}

/// Why a relay's certificate is not trusted.
pub fn refused(refused: Refused) -> &'static str {
    match refused {
        Refused::Expired => "its certificate has expired",
        Refused::NotYetValid => "its certificate is not valid yet",
        Refused::OtherName => "its certificate is of another host",
        Refused::UnknownIssuer => "its certificate is signed by nobody who is trusted here",
        Refused::Invalid => "its certificate is not valid",
    }
}

/// An SMTP reply on one line; `None` for null.
pub fn reply(reply: &Value) -> Option<String> {
    let code = reply["code"].as_u64()?.to_string();
    let text = reply["text"].as_str().unwrap_or_default().replace('\n', " ");
    let enhanced = reply["enhanced"].as_str().filter(|enhanced| !text.starts_with(*enhanced));
    let parts = [Some(&*code), enhanced, Some(&*text)];
    Some(parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_told_in_words_with_what_the_relay_said() {
        let table = [
            (json!({"stage": "dns", "trouble": "not_found"}), "its name does not resolve"),
            (json!({"stage": "connect", "trouble": "reset", "reply": null}), "no connection"),
            (json!({"stage": "ehlo", "trouble": "timeout"}), "no answer in time to EHLO"),
            (
                json!({"stage": "auth", "trouble": "refused", "reply": {"code": 535, "enhanced": "5.7.8", "text": "no\nsuch login"}}),
                "it refused AUTH: 535 5.7.8 no such login",
            ),
        ];
        for (not_sent, words) in table {
            assert_eq!(in_words(&not_sent), words);
        }
    }
}
