//! What goes to a terminal, and what goes to a pipe.

use super::fixed_ledger;
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use std::path::Path;
use std::process::{Command, Output};

const POSTLEDGER: &str = env!("CARGO_BIN_EXE_postledger");
const COLOUR: &str = "\u{1b}[3";

fn piped(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(POSTLEDGER);
    command.args(arguments).env("POSTLEDGER_DATA_DIR", data_dir).envs(environment.iter().copied());
    command.output().unwrap()
}

/// What both outputs bring to a terminal.
fn on_terminal(data_dir: &Path, arguments: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{POSTLEDGER} {arguments}"), "/dev/null"]);
    command.env("POSTLEDGER_DATA_DIR", data_dir).env("TERM", "xterm").envs(environment.iter().copied());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_and_progress_are_for_terminals() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    fixed_ledger::make(data).await;
    assert!(on_terminal(data, "queue", &[]).contains(COLOUR));
    assert!(!on_terminal(data, "queue", &[("NO_COLOR", "1")]).contains(COLOUR));
    assert!(!on_terminal(data, "queue --output json", &[]).contains(COLOUR));
    assert!(!stdout(&piped(data, &["queue"], &[])).contains(COLOUR));
    assert!(stdout(&piped(data, &["queue"], &[("CLICOLOR_FORCE", "1")])).contains(COLOUR));
    assert!(
        !stdout(&piped(data, &["queue", "--output", "json"], &[("CLICOLOR_FORCE", "1")])).contains(COLOUR)
    );

    for (arguments, doing) in [
        ("audit verify", "verifying"),
        ("replay --check", "replaying"),
        ("audit export > /dev/null", "exporting"),
        ("backup create --to backups > /dev/null", "verifying the copy"),
    ] {
        let arguments = arguments.replace("backups", &dir.path().join("backups").display().to_string());
        let shown = on_terminal(data, &arguments, &[]);
        assert!(shown.contains(doing) && shown.contains("of 58 events"), "{arguments}: {shown:?}");
        // The last that is drawn is taken away again.
        assert!(shown.rsplit(" left").next().unwrap().contains("\u{1b}[2K"), "{arguments}: {shown:?}");
    }
    for arguments in [&["audit", "verify"][..], &["replay", "--check"], &["audit", "export"]] {
        let output = piped(data, arguments, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    fixed_ledger::make(dir.path()).await;
    for arguments in
        [&["audit", "export"][..], &["queue"], &["audit", "verify"], &["completions", "bash"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(POSTLEDGER);
        command.args(arguments).env("POSTLEDGER_DATA_DIR", dir.path()).stdout(writer);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    }
}

/// One story, whoever tells it: the service over its socket, over its address, or the ledger itself.
#[tokio::test]
async fn a_timeline_is_the_same_from_the_ledger_and_over_the_api() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let data = service.data_dir();
    let send = [
        "send",
        "--from",
        "shop@shop.example",
        "--to",
        "ann@example.net",
        "--to",
        "bob@example.net",
        "--subject",
        "Hello",
        "--text",
        "It works.",
        "--tag",
        "order",
        "--metadata",
        "order=17",
        "--header",
        "X-Order: 17",
    ];
    let sent = piped(&data, &send, &[]);
    let id = stdout(&sent).trim();
    service.settled(id).await.unwrap();
    let url = format!("http://{}", *service.target().borrow());
    let ledger = piped(&data, &["audit", "show", id], &[]);
    let socket = piped(&data, &["message", "show", id], &[]);
    let remote = [("POSTLEDGER_URL", &*url), ("POSTLEDGER_KEY", service.key())];
    let address = piped(&data, &["message", "show", id], &remote);
    // The present is another one each time.
    let story = |output: &Output| {
        stdout(output).lines().filter(|line| !line.starts_with("accepted")).collect::<Vec<_>>().join("\n")
    };
    assert!(story(&ledger).contains("delivered  250 "), "{}", story(&ledger));
    assert_eq!(story(&ledger), story(&socket));
    assert_eq!(story(&ledger), story(&address));
    let content = piped(&data, &["message", "content", id], &[]);
    assert!(stdout(&content).contains("X-Order: 17\r\n"), "{}", stdout(&content));
}
