//! `init`: from nothing to a service that can be started, by options or by questions on a terminal.

use postledger_tests::sink::{Authority, Extensions, Log, Script, Sink, Tls};
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A relay as providers have them: STARTTLS, and a login.
async fn relay(authority: &Authority) -> Sink {
    let auth = Some(Some(("me".to_owned(), "secret".to_owned())));
    let script = Script::default().tls(Tls::Starttls(authority.good().unwrap()));
    Sink::start(script.offering(Extensions { auth, ..Extensions::default() })).await.unwrap()
}

/// The program in a directory of its own, and nothing of the tester's settings.
fn postledger(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postledger"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTLEDGER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(dir).env("TERM", "xterm");
    command
}

/// Runs it, without a terminal and with this on its standard input, and gives how it ended.
async fn run(dir: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = postledger(dir, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let run = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let Output { status, stdout, stderr } = run.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn mode(file: &Path) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// One test mail came, under TLS and after a login.
fn was_tried(log: &Log, from: &str, to: &str) {
    let [mail] = &log.transactions[..] else { panic!("{log:#?}") };
    assert!(mail.tls && mail.is_accepted());
    assert_eq!((&*mail.from, &*mail.recipients[0]), (from, to));
    let text = String::from_utf8_lossy(mail.message.as_ref().unwrap()).into_owned();
    assert!(text.contains("Subject: Postledger test mail") && text.contains("Date: "), "{text}");
    assert!(log.connections.iter().all(|connection| connection.login.as_deref() == Some("me")));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_options_alone_it_writes_tries_and_creates_and_overwrites_nothing() {
    let authority = Authority::new().unwrap();
    let sink = relay(&authority).await;
    let dir = TempDir::new().unwrap();
    let (port, ca) = (sink.addr().port().to_string(), authority.ca_file().display().to_string());
    let options = ["--yes", "--relay-host", "127.0.0.1", "--relay-port", &port, "--relay-ca", &ca];
    let login = ["--relay-user", "me", "--relay-password-file", "-"];
    let trial = ["--test-from", "shop@shop.example", "--test-to", "ann@example.net", "--output", "json"];
    let line = [&["init"], &options[..], &login[..], &trial[..]].concat();
    let (code, stdout, stderr) = run(dir.path(), &line, "secret\n").await;
    assert_eq!(code, Some(0), "{stderr}");
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert!(shown["relay"]["ok"] == true && shown["relay"]["authenticated"] == true, "{shown:#}");
    let certificate = &shown["relay"]["certificate"];
    assert!(certificate["trusted"] == true && certificate["not_after"].is_string(), "{shown:#}");
    assert_eq!(shown["scopes"], serde_json::json!(["send", "read"]));
    was_tried(&sink.stop().await, "shop@shop.example", "ann@example.net");

    let (config, password) = (dir.path().join("postledger.toml"), dir.path().join("primary.password"));
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(!text.contains("secret\n") && !stderr.contains("secret"), "{stderr}");
    assert_eq!((mode(&config), mode(&password)), (0o600, 0o600));
    assert_eq!(std::fs::read_to_string(&password).unwrap(), "secret\n");
    for verb in [&["config", "check"][..], &["key", "list"]] {
        assert_eq!(run(dir.path(), verb, "").await.0, Some(0), "{verb:?}");
    }
    let (code, _, stderr) = run(dir.path(), &line, "other\n").await;
    assert_eq!(code, Some(4), "{stderr}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
    let elsewhere = [&["--config", "other.toml"], &line[..]].concat();
    let (code, _, stderr) = run(dir.path(), &elsewhere, "other\n").await;
    assert!(code == Some(4) && stderr.contains("primary.password is there already"), "{stderr}");
    assert!(!dir.path().join("other.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_refuses_leaves_the_files_and_the_way_on() {
    let authority = Authority::new().unwrap();
    let sink = relay(&authority).await;
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("wrong"), "wrong\n").unwrap();
    let (port, ca) = (sink.addr().port().to_string(), authority.ca_file().display().to_string());
    let options = ["init", "--yes", "--relay-host", "127.0.0.1", "--relay-port", &port];
    let login = ["--relay-ca", &ca, "--relay-user", "me", "--relay-password-file", "wrong"];
    let (code, stdout, stderr) = run(dir.path(), &[&options[..], &login[..]].concat(), "").await;
    assert!(code == Some(1) && stderr.contains("it refused AUTH: 535"), "{stderr}");
    assert!(stderr.contains("postledger relay test"), "{stderr}");
    assert!(stdout.contains("key     plk_"), "{stdout}");

    // As it says: the password is corrected where it lies, and the rest goes on.
    std::fs::write(dir.path().join("wrong"), "secret\n").unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["relay", "test"], "").await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("TLS, certificate valid until "), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_and_cannot_be_asked_is_a_wrong_command_line() {
    let dir = TempDir::new().unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["init"], "there is no terminal to ask on"),
        (&["init", "--relay-host", "smtp.example.net"], "there is no terminal to ask on"),
        (&["init", "--yes"], "--relay-host"),
        (&["init", "--yes", "--relay-host", "smtp:25"], "without a port"),
        (&["init", "--yes", "--relay-host", "smtp.example.net", "--relay-tls", "off"], "in the clear"),
        (
            &["init", "--yes", "--relay-host", "smtp.example.net", "--relay-user", "me"],
            "--relay-password-file",
        ),
        (
            &[
                "init",
                "--yes",
                "--relay-host",
                "x.example",
                "--relay-user",
                "me",
                "--relay-password-file",
                "-",
            ],
            "no password in it",
        ),
    ];
    for (line, expected) in cases {
        let (code, stdout, stderr) = run(dir.path(), line, "").await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{line:?}: {stderr}");
        assert!(stderr.contains(expected), "{line:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was written");
}

/// A terminal with `init` on it.
fn terminal(dir: &Path, arguments: &[&str]) -> PtySession {
    spawn_command(postledger(dir, &[&["init"], arguments].concat()), Some(30_000)).unwrap()
}

fn ended(session: &PtySession) -> WaitStatus {
    session.process().wait().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_asks_again_until_each_answer_is_right() {
    let authority = Authority::new().unwrap();
    let sink = relay(&authority).await;
    let dir = TempDir::new().unwrap();
    let (port, ca) = (sink.addr().port().to_string(), authority.ca_file().display().to_string());
    let path = dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut session = terminal(&path, &["--relay-ca", &ca]);
        let mut answer = |question: &str, answers: &[(&str, &str)]| {
            session.exp_string(question).unwrap();
            for (text, complaint) in answers {
                // Enter is CR on a terminal whose lines are read key by key.
                session.send(&format!("{text}\r")).unwrap();
                session.flush().unwrap();
                if !complaint.is_empty() {
                    session.exp_string(complaint).unwrap();
                    session.send(&"\u{7f}".repeat(text.len())).unwrap();
                }
            }
        };
        answer("Data directory", &[("", "")]);
        answer("Relay: host", &[("localhost:25", "without a port"), ("127.0.0.1", "")]);
        answer("Its TLS", &[("maybe", "expected starttls, implicit or off"), ("", "")]);
        answer("Its port", &[("70000", "from 1 to 65535"), (&port, "")]);
        answer("User name", &[("me", "")]);
        answer("Password", &[("secret", "")]);
        answer("from which address", &[("nobody", "address"), ("shop@shop.example", "")]);
        answer("To which address", &[("", "")]);
        let rest = session.exp_eof().unwrap();
        (rest, ended(&session))
    });
    let (rest, status) = asked.await.unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}: {rest}");
    assert!(rest.contains("logged in") && rest.contains("test mail: 250"), "{rest}");
    assert!(rest.contains("plk_") && rest.contains("postledger serve") && !rest.contains("secret"), "{rest}");
    was_tried(&sink.stop().await, "shop@shop.example", "shop@shop.example");
    assert_eq!(run(dir.path(), &["config", "check"], "").await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_ends_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut session = terminal(&path, &[]);
        session.exp_string("Data directory").unwrap();
        session.send_control('d').unwrap();
        (session.exp_eof().unwrap(), ended(&session))
    });
    let (rest, status) = asked.await.unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, 2)), "{status:?}: {rest}");
    assert!(rest.contains("nothing was written"), "{rest}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
