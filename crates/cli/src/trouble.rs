//! Why nothing could be sent, in words: for timelines, and for tests of relays.

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
        ("interrupted", _) => format!("the service stopped at {stage}"),
        (trouble, _) => format!("{trouble} at {stage}"),
    };
    match reply(&not_sent["reply"]) {
        Some(said) => format!("{words}: {said}"),
        None => words,
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
