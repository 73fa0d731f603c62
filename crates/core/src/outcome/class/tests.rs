use super::*;

fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: String::new() }
}

/// What a complete reply of this class comes to, in a word.
fn word(stage: Stage, code: u16) -> &'static str {
    match replied(stage, reply(code)) {
        Verdict::Continue => "on",
        Verdict::Ended(outcome) => match outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Transient(_) => "transient",
            Outcome::Permanent(_) => "permanent",
            Outcome::NotSent(_) => "not_sent",
            Outcome::Unknown(_) => "unknown",
        },
    }
}

/// Written down once more, by hand: 2yz, 3yz, 4yz, 5yz, and any other code.
#[test]
fn a_reply_means_what_the_guarantees_say() {
    let table = [
        (Stage::Dns, ["not_sent"; 5]),
        (Stage::Connect, ["not_sent"; 5]),
        (Stage::Banner, ["on", "not_sent", "not_sent", "not_sent", "not_sent"]),
        (Stage::Ehlo, ["on", "not_sent", "not_sent", "not_sent", "not_sent"]),
        (Stage::Tls, ["on", "not_sent", "not_sent", "not_sent", "not_sent"]),
        (Stage::Auth, ["on", "not_sent", "not_sent", "not_sent", "not_sent"]),
        (Stage::Mail, ["on", "not_sent", "transient", "permanent", "not_sent"]),
        (Stage::Rcpt, ["on", "not_sent", "transient", "permanent", "not_sent"]),
        (Stage::Data, ["not_sent", "not_sent", "transient", "permanent", "not_sent"]),
        (Stage::Body, ["not_sent"; 5]),
        (Stage::Dot, ["accepted", "unknown", "transient", "permanent", "unknown"]),
        (Stage::Quit, ["on", "not_sent", "not_sent", "not_sent", "not_sent"]),
    ];
    assert_eq!(table.map(|(stage, _)| stage), Stage::ALL, "every stage has its row");
    for (stage, words) in table {
        assert_eq!([250, 300, 450, 550, 999].map(|code| word(stage, code)), words, "{stage}");
    }
    assert_eq!((word(Stage::Data, 354), word(Stage::Auth, 334)), ("on", "on"));
    assert_eq!((word(Stage::Auth, 354), word(Stage::Data, 334)), ("not_sent", "not_sent"));
}

#[test]
fn only_behind_the_dot_is_anything_unknown() {
    for (stage, trouble) in Stage::ALL.iter().flat_map(|stage| Trouble::ALL.iter().map(|it| (*stage, *it))) {
        let is_unknown = broken_off(stage, trouble, None) == Outcome::Unknown(trouble);
        assert_eq!(is_unknown, stage == Stage::Dot, "{stage} {trouble}");
    }
    assert_eq!(interrupted(true), Outcome::Unknown(Trouble::Interrupted));
    assert!(matches!(interrupted(false), Outcome::NotSent(_)));
}
