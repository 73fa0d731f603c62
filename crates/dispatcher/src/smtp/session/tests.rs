use super::*;
use postledger_core::outcome::NotSent;

const FULL: &str = "250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000\r\n";
const PLAIN: &str = "250 relay.example\r\n";

struct Dialogue(Session);

impl Dialogue {
    fn new(tls: TlsMode, has_login: bool) -> Self {
        let credentials =
            has_login.then(|| Credentials { username: "shop".into(), password: "open sesame".into() });
        Self(Session::new("sender.example".into(), tls, credentials))
    }

    /// Up to the first transaction.
    fn ready(offers: &str) -> Self {
        let mut dialogue = Self::new(TlsMode::Off, false);
        dialogue.hears("220 relay.example\r\n", "EHLO sender.example\r\n", &Progress::Await);
        dialogue.hears(offers, "", &Progress::Ready);
        dialogue
    }

    /// Up to the text.
    fn in_body() -> Self {
        let mut dialogue = Self::ready(FULL);
        dialogue.begins(envelope());
        dialogue.hears("250 ok\r\n250 ok\r\n354 go on\r\n", "", &Progress::SendBody);
        dialogue
    }

    #[track_caller]
    fn hears(&mut self, input: &str, output: &str, progress: &Progress) {
        self.0.handle_input(input.as_bytes());
        assert_eq!(self.0.poll(), *progress, "after {input:?}");
        assert_eq!(String::from_utf8_lossy(&self.0.take_output()), output, "after {input:?}");
    }

    #[track_caller]
    fn begins(&mut self, envelope: Envelope) -> String {
        assert_eq!(self.0.poll(), Progress::Ready);
        self.0.begin(envelope).expect("everything is offered");
        String::from_utf8(self.0.take_output()).expect("ASCII or UTF-8")
    }

    /// What was to be said is said, and this is the answer.
    fn answers(&mut self, input: &str) {
        self.0.take_output();
        self.0.handle_input(input.as_bytes());
    }

    fn ends(&mut self, input: &str) -> Outcome {
        self.answers(input);
        match self.0.poll() {
            Progress::Ended(outcome) => outcome,
            other => panic!("{other:?} after {input:?}"),
        }
    }
}

fn envelope() -> Envelope {
    Envelope {
        return_path: "shop@shop.example".parse().expect("a literal address"),
        recipient: "ann@example.net".parse().expect("a literal address"),
        size: 100,
        is_eight_bit: false,
        is_utf8: false,
    }
}

fn not_sent(stage: Stage, trouble: Trouble) -> Outcome {
    Outcome::NotSent(NotSent { stage, trouble, reply: None })
}

/// The outcome without its reply's text.
fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(reply) => format!("accepted {}", reply.code),
        Outcome::Transient(reply) => format!("transient {}", reply.code),
        Outcome::Permanent(reply) => format!("permanent {}", reply.code),
        Outcome::NotSent(not_sent) => format!("not sent {} {}", not_sent.stage, not_sent.trouble),
        Outcome::Unknown(trouble) => format!("unknown {trouble}"),
    }
}

#[test]
fn a_whole_dialogue_with_starttls_and_login() {
    let mut dialogue = Dialogue::new(TlsMode::Starttls, true);
    dialogue.hears("220 relay.example\r\n", "EHLO sender.example\r\n", &Progress::Await);
    dialogue.hears(FULL, "STARTTLS\r\n", &Progress::Await);
    dialogue.hears("220 go on\r\n", "", &Progress::StartTls);
    assert_eq!(dialogue.0.stage(), Stage::Tls);
    dialogue.0.secured();
    assert_eq!(dialogue.0.capabilities(), Capabilities::default(), "what was said in the clear is forgotten");
    dialogue.hears("", "EHLO sender.example\r\n", &Progress::Await);
    dialogue.hears(FULL, "AUTH PLAIN AHNob3AAb3BlbiBzZXNhbWU=\r\n", &Progress::Await);
    dialogue.hears("235 in\r\n", "", &Progress::Ready);
    let commands = "MAIL FROM:<shop@shop.example> SIZE=100\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n";
    assert_eq!(dialogue.begins(envelope()), commands);
    dialogue.hears("250 ok\r\n250 ok\r\n354 go on\r\n", "", &Progress::SendBody);
    assert_eq!(dialogue.0.stage(), Stage::Body);
    dialogue.hears("", "", &Progress::Await);
    dialogue.0.hand_over_dot();
    assert_eq!(dialogue.0.stage(), Stage::Dot);
    dialogue.hears("", ".\r\n", &Progress::Await);
    assert_eq!(summary(&dialogue.ends("250 2.0.0 taken\r\n")), "accepted 250");
    assert_eq!(dialogue.begins(envelope()), commands, "nothing is to be reset");
}

#[test]
fn commands_wait_for_each_other_where_pipelining_is_not_offered() {
    let mut dialogue = Dialogue::ready(PLAIN);
    assert_eq!(dialogue.begins(envelope()), "MAIL FROM:<shop@shop.example>\r\n");
    dialogue.hears("250 ok\r\n", "RCPT TO:<ann@example.net>\r\n", &Progress::Await);
    dialogue.hears("251 forwards\r\n", "DATA\r\n", &Progress::Await);
    dialogue.hears("354 go on\r\n", "", &Progress::SendBody);
    let mut refused = Dialogue::ready(PLAIN);
    refused.begins(envelope());
    assert_eq!(summary(&refused.ends("550 no\r\n")), "permanent 550");
    assert_eq!(refused.begins(envelope()), "RSET\r\n");
    refused.hears("250 ok\r\n", "MAIL FROM:<shop@shop.example>\r\n", &Progress::Await);
}

/// Every reply class at every stage of a session that has just begun.
#[test]
fn every_reply_at_every_stage_has_its_class() {
    let table: [(&str, [&str; 6]); 5] = [
        // 250, 354, 451, 550, 334, garbage
        (
            "banner",
            [
                "go",
                "not sent banner protocol",
                "not sent banner refused",
                "not sent banner refused",
                "not sent banner protocol",
                "not sent banner protocol",
            ],
        ),
        (
            "mail",
            [
                "go",
                "not sent mail protocol",
                "transient 451",
                "permanent 550",
                "not sent mail protocol",
                "not sent mail protocol",
            ],
        ),
        (
            "rcpt",
            [
                "go",
                "not sent rcpt protocol",
                "transient 451",
                "permanent 550",
                "not sent rcpt protocol",
                "not sent rcpt protocol",
            ],
        ),
        (
            "data",
            [
                "not sent data protocol",
                "go",
                "transient 451",
                "permanent 550",
                "not sent data protocol",
                "not sent data protocol",
            ],
        ),
        (
            "dot",
            [
                "accepted 250",
                "unknown protocol",
                "transient 451",
                "permanent 550",
                "unknown protocol",
                "unknown protocol",
            ],
        ),
    ];
    let replies = ["250 ok\r\n", "354 go\r\n", "451 later\r\n", "550 no\r\n", "334 what\r\n", "hello\r\n"];
    for (stage, expected) in table {
        for (reply, expected) in replies.iter().zip(expected) {
            let mut dialogue = match stage {
                "banner" => Dialogue::new(TlsMode::Off, false),
                "dot" => {
                    let mut dialogue = Dialogue::in_body();
                    dialogue.0.hand_over_dot();
                    dialogue
                }
                _ => {
                    let mut dialogue = Dialogue::ready(PLAIN);
                    dialogue.begins(envelope());
                    let before = ["mail", "rcpt", "data"].iter().take_while(|s| **s != stage).count();
                    for _ in 0..before {
                        dialogue.answers("250 ok\r\n");
                        assert_eq!(dialogue.0.poll(), Progress::Await);
                    }
                    dialogue
                }
            };
            dialogue.answers(reply);
            let found = match dialogue.0.poll() {
                Progress::Ended(outcome) => summary(&outcome),
                _ => "go".to_owned(),
            };
            assert_eq!(found, expected, "{stage}, {reply:?}");
            let is_usable = found.starts_with("accepted")
                || found.starts_with("transient")
                || found.starts_with("permanent")
                || found == "go";
            assert_eq!(dialogue.0.is_open(), is_usable, "{stage}, {reply:?}");
        }
    }
}

/// What breaks off is not sent before the dot and unknown after it; what the server has said already stands.
#[test]
fn a_broken_connection_is_classed_by_the_dot() {
    let mut dialogue = Dialogue::new(TlsMode::Off, false);
    assert_eq!(dialogue.0.broke(Trouble::Timeout), not_sent(Stage::Banner, Trouble::Timeout));
    let mut dialogue = Dialogue::ready(FULL);
    dialogue.begins(envelope());
    assert_eq!(dialogue.0.broke(Trouble::Closed), not_sent(Stage::Mail, Trouble::Closed));
    assert!(!dialogue.0.is_stale(), "on a fresh connection it counts");
    let mut dialogue = Dialogue::in_body();
    assert_eq!(dialogue.0.broke(Trouble::Reset), not_sent(Stage::Body, Trouble::Reset));
    let mut dialogue = Dialogue::in_body();
    dialogue.0.hand_over_dot();
    dialogue.answers("250 2.0");
    assert_eq!(dialogue.0.poll(), Progress::Await);
    assert_eq!(dialogue.0.broke(Trouble::Closed), Outcome::Unknown(Trouble::Closed));
    let mut dialogue = Dialogue::ready(FULL);
    dialogue.begins(envelope());
    dialogue.answers("250 ok\r\n550 no\r\n");
    assert_eq!(dialogue.0.poll(), Progress::Await);
    assert_eq!(summary(&dialogue.0.broke(Trouble::Timeout)), "permanent 550");
    assert!(!dialogue.0.is_open());
}

#[test]
fn what_comes_before_the_dot_is_not_its_reply() {
    for (early, expected) in [
        ("250 taken\r\n", "not sent body protocol"),
        ("552 too big\r\n", "not sent body refused"),
        ("2", "not sent body protocol"),
    ] {
        let mut dialogue = Dialogue::in_body();
        assert_eq!(summary(&dialogue.ends(early)), expected, "{early:?}");
        assert!(!dialogue.0.is_open());
    }
    let mut dialogue = Dialogue::ready(FULL);
    assert_eq!(summary(&dialogue.ends("421 closing\r\n")), "not sent mail refused");
}

/// A server without PIPELINING that answers what it was not asked yet would be off by one from there on.
#[test]
fn what_comes_before_a_command_is_not_its_reply() {
    for (early, expected) in [
        ("250 ok\r\n250 ok\r\n", "not sent rcpt protocol"),
        ("250 ok\r\n2", "not sent rcpt protocol"),
        ("250 ok\r\n421 closing\r\n", "not sent rcpt refused"),
    ] {
        let mut dialogue = Dialogue::ready(PLAIN);
        dialogue.begins(envelope());
        assert_eq!(summary(&dialogue.ends(early)), expected, "{early:?}");
        assert!(!dialogue.0.is_open());
    }
    let mut dialogue = Dialogue::new(TlsMode::Off, false);
    assert_eq!(summary(&dialogue.ends("220 hi\r\n250 ok\r\n")), "not sent ehlo protocol");
}

#[test]
fn a_text_wanted_for_a_refused_recipient_closes_the_session() {
    let mut dialogue = Dialogue::ready(FULL);
    dialogue.begins(envelope());
    assert_eq!(summary(&dialogue.ends("250 ok\r\n550 no\r\n354 go on\r\n")), "permanent 550");
    assert!(!dialogue.0.is_open());
    let mut dialogue = Dialogue::ready(FULL);
    dialogue.begins(envelope());
    assert_eq!(summary(&dialogue.ends("450 later\r\n503 no\r\n503 no\r\n")), "transient 450");
    assert!(dialogue.0.is_open());
    assert!(dialogue.begins(envelope()).starts_with("RSET\r\nMAIL FROM"));
}

#[test]
fn a_kept_connection_that_ends_before_mail_was_answered_is_stale() {
    for ending in ["421 idle\r\n", ""] {
        let mut dialogue = Dialogue::in_body();
        dialogue.0.hand_over_dot();
        dialogue.ends("250 taken\r\n");
        dialogue.begins(envelope());
        let outcome =
            if ending.is_empty() { dialogue.0.broke(Trouble::Closed) } else { dialogue.ends(ending) };
        assert!(matches!(outcome, Outcome::NotSent(_)) && dialogue.0.is_stale(), "{ending:?}");
    }
    let mut dialogue = Dialogue::ready(FULL);
    dialogue.begins(envelope());
    assert_eq!(summary(&dialogue.ends("421 busy\r\n")), "transient 421", "a fresh one has answered");
    assert!(!dialogue.0.is_stale());
}

#[test]
fn a_421_to_the_dot_is_a_complete_reply_and_the_end() {
    let mut dialogue = Dialogue::in_body();
    dialogue.0.hand_over_dot();
    assert_eq!(summary(&dialogue.ends("421 4.3.2 closing\r\n")), "transient 421");
    assert!(!dialogue.0.is_open() && !dialogue.0.is_stale());
}

#[test]
fn tls_and_login_are_required_where_they_are_configured() {
    let offering = |extensions: &str| format!("250-relay.example\r\n{extensions}250 HELP\r\n");
    let table = [
        (TlsMode::Starttls, true, offering("250-AUTH PLAIN\r\n"), not_sent(Stage::Tls, Trouble::Tls)),
        (TlsMode::Starttls, false, PLAIN.to_owned(), not_sent(Stage::Tls, Trouble::Tls)),
        (TlsMode::Implicit, true, PLAIN.to_owned(), not_sent(Stage::Auth, Trouble::Unsupported)),
        (TlsMode::Off, true, offering("250-AUTH CRAM-MD5\r\n"), not_sent(Stage::Auth, Trouble::Unsupported)),
    ];
    for (tls, has_login, offers, expected) in table {
        let mut dialogue = Dialogue::new(tls, has_login);
        dialogue.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
        assert_eq!(dialogue.ends(&offers), expected, "{tls:?} {offers:?}");
        assert_eq!(dialogue.0.take_output(), b"");
    }
    // Without EHLO there is neither.
    for (tls, has_login) in [(TlsMode::Starttls, false), (TlsMode::Off, true)] {
        let mut dialogue = Dialogue::new(tls, has_login);
        dialogue.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
        assert_eq!(summary(&dialogue.ends("502 what\r\n")), "not sent ehlo refused");
    }
    let mut plain = Dialogue::new(TlsMode::Off, false);
    plain.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
    plain.hears("502 what\r\n", "HELO sender.example\r\n", &Progress::Await);
    plain.hears("250 hello\r\n", "", &Progress::Ready);
}

#[test]
fn plaintext_behind_the_220_ends_the_session() {
    let mut dialogue = Dialogue::new(TlsMode::Starttls, true);
    dialogue.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
    dialogue.hears(FULL, "STARTTLS\r\n", &Progress::Await);
    assert_eq!(dialogue.ends("220 go on\r\n250 AUTH PLAIN\r\n"), not_sent(Stage::Tls, Trouble::Protocol));
}

#[test]
fn the_login_dialogue() {
    let mut dialogue = Dialogue::new(TlsMode::Off, true);
    dialogue.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
    dialogue.hears("250-x\r\n250 AUTH LOGIN\r\n", "AUTH LOGIN\r\n", &Progress::Await);
    dialogue.hears("334 VXNlcm5hbWU6\r\n", "c2hvcA==\r\n", &Progress::Await);
    dialogue.hears("334 UGFzc3dvcmQ6\r\n", "b3BlbiBzZXNhbWU=\r\n", &Progress::Await);
    assert_eq!(summary(&dialogue.ends("535 5.7.8 wrong\r\n")), "not sent auth refused");
}

#[test]
fn a_wordy_server_says_everything_it_offers() {
    let mut dialogue = Dialogue::new(TlsMode::Off, false);
    dialogue.hears("220 hi\r\n", "EHLO sender.example\r\n", &Progress::Await);
    let offers = "250-relay.example greets you\r\n250-pipelining\r\n250-size\r\n250-auth=plain\r\n250-AUTH LOGIN XOAUTH2\r\n250-X-UNKNOWN\r\n250 ENHANCEDSTATUSCODES\r\n";
    dialogue.hears(offers, "", &Progress::Ready);
    let expected = Capabilities {
        pipelining: true,
        auth_plain: true,
        auth_login: true,
        enhanced_status_codes: true,
        ..Capabilities::default()
    };
    assert_eq!(dialogue.0.capabilities(), expected);
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let mut dialogue = Dialogue::new(TlsMode::Off, true);
    dialogue.0.handle_input(b"220 hi\r\n");
    dialogue.0.poll();
    dialogue.0.handle_input(FULL.as_bytes());
    dialogue.0.poll();
    let shown = format!("{:?}", dialogue.0);
    assert!(!shown.contains("open sesame") && !shown.contains("65, 85, 84, 72"), "{shown}");
}
