//! A whole dialogue with a relay that says whatever it likes.

use postledger_core::outcome::Outcome;
use postledger_dispatcher::smtp::session::{Envelope, Progress, Session};
use postledger_dispatcher::{Credentials, TlsMode};

/// Transactions that are tried over one connection.
const TRANSACTIONS: usize = 3;

/// What the relay says, in the pieces in which it arrives.
struct Relay<'a> {
    pieces: std::slice::Split<'a, u8, fn(&u8) -> bool>,
    /// What was handed to the client since its last dot.
    heard: Vec<u8>,
}

/// Accepted is only what a complete 2yz after the dot says, unknown only what had its dot, and nothing is sent in plaintext
/// that TLS was wanted for. The first byte chooses TLS and a login; NUL separates what arrives in one piece.
pub(crate) fn session(input: &[u8]) {
    let [options, rest @ ..] = input else { return };
    let tls = [TlsMode::Off, TlsMode::Starttls, TlsMode::Implicit][usize::from(options % 3)];
    let login = (options & 4 != 0)
        .then(|| Credentials { username: "shop".to_owned(), password: "open sesame".to_owned() });
    let is_nul: fn(&u8) -> bool = |byte| *byte == 0;
    let mut relay = Relay { pieces: rest.split(is_nul), heard: Vec::new() };
    let mut session = Session::new("sender.example".to_owned(), tls, login);
    let mut is_secure = tls != TlsMode::Starttls;
    for _ in 0..TRANSACTIONS {
        let Some(()) = advance(&mut session, &mut relay, &mut is_secure) else { return };
        let envelope = Envelope {
            return_path: "shop@shop.example".parse().expect("an address"),
            recipient: "ann@example.net".parse().expect("an address"),
            size: 100,
            is_eight_bit: options & 8 != 0,
            is_utf8: options & 16 != 0,
        };
        if session.begin(envelope).is_err() {
            return;
        }
        let outcome = transact(&mut session, &mut relay);
        assert!(!matches!(outcome, Outcome::Unknown(_)) || !session.is_open(), "open after {outcome:?}");
        if !session.is_open() {
            return;
        }
    }
    session.quit();
    assert_eq!(session.take_output(), b"QUIT\r\n");
}

/// Up to where a transaction may begin; nothing where there will be none.
fn advance(session: &mut Session, relay: &mut Relay<'_>, is_secure: &mut bool) -> Option<()> {
    loop {
        match session.poll() {
            Progress::Ready => return Some(()),
            Progress::StartTls => {
                *is_secure = true;
                session.secured();
            }
            Progress::Await => {
                let output = session.take_output();
                let is_harmless = output.starts_with(b"EHLO") || output.starts_with(b"HELO");
                assert!(
                    *is_secure || output.is_empty() || is_harmless || output == b"STARTTLS\r\n",
                    "in plaintext: {:?}",
                    String::from_utf8_lossy(&output)
                );
                let piece = relay.pieces.next()?;
                session.handle_input(piece);
            }
            Progress::SendBody => panic!("a text without a transaction"),
            Progress::Ended(outcome) => {
                assert!(!matches!(outcome, Outcome::Accepted(_) | Outcome::Unknown(_)), "{outcome:?}");
                return None;
            }
        }
    }
}

fn transact(session: &mut Session, relay: &mut Relay<'_>) -> Outcome {
    let mut is_dot_out = false;
    loop {
        match session.poll() {
            Progress::Await => {
                let output = session.take_output();
                assert!(is_dot_out || !output.ends_with(b"\r\n.\r\n"), "a dot that nobody asked for");
                let Some(piece) = relay.pieces.next() else {
                    let outcome = session.broke(postledger_core::outcome::Trouble::Closed);
                    assert_eq!(matches!(outcome, Outcome::Unknown(_)), is_dot_out, "{outcome:?}");
                    return outcome;
                };
                relay.heard.extend_from_slice(piece);
                session.handle_input(piece);
            }
            Progress::SendBody => {
                assert!(!is_dot_out, "a second text");
                // What was said before the dot is no answer to it: a caller looks once more before it hands it over.
                match session.poll() {
                    Progress::Await => {}
                    Progress::Ended(outcome) => {
                        assert!(
                            !matches!(outcome, Outcome::Accepted(_) | Outcome::Unknown(_)),
                            "{outcome:?}"
                        );
                        return outcome;
                    }
                    other => panic!("{other:?} in the text"),
                }
                session.hand_over_dot();
                is_dot_out = true;
                relay.heard.clear();
            }
            Progress::Ended(outcome) => {
                match &outcome {
                    Outcome::Accepted(reply) => {
                        let code = format!("{}", reply.code);
                        assert!(is_dot_out && (200..300).contains(&reply.code), "{outcome:?}");
                        assert!(relay.heard.starts_with(code.as_bytes()), "an answer to something else");
                    }
                    Outcome::Unknown(_) => assert!(is_dot_out, "{outcome:?}"),
                    Outcome::NotSent(_) => assert!(!is_dot_out, "{outcome:?}"),
                    Outcome::Transient(reply) | Outcome::Permanent(reply) => {
                        assert!((400..600).contains(&reply.code), "{outcome:?}");
                    }
                }
                return outcome;
            }
            Progress::StartTls | Progress::Ready => panic!("out of order"),
        }
    }
}
