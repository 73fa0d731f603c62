//! A server that is not ours takes the mail: smtp-sink of Debian's postfix.

use postledger_tests::service::{Relay, Setup};
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::process::{Child, Command};

/// Starts it on a port that was free a moment ago: it can not choose one itself. Until it listens, the service is
/// refused, and tries again.
fn smtp_sink(addr: SocketAddr, directory: &Path) -> Child {
    let installed =
        ["/usr/sbin/smtp-sink", "/usr/bin/smtp-sink"].into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(installed.unwrap_or("smtp-sink"));
    if rustix::process::getuid().is_root() {
        command.args(["-u", "nobody"]);
    }
    command
        .args(["-d", "mail.%s."])
        .arg(addr.to_string())
        .arg("100")
        .current_dir(directory)
        .kill_on_drop(true);
    command.spawn().expect("smtp-sink is missing: it comes with Debian's package postfix")
}

#[tokio::test]
async fn smtp_sink_takes_the_mail() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let addr = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let _server = smtp_sink(addr, directory.path());
    let service = Setup::new().relay(Relay::plain("primary", addr)).start().await.unwrap();
    let message = json!({
        "from": "a@a.example", "to": ["one@b.example", "two@b.example"], "subject": "Grüße", "text": "eins\n.zwei\n..drei",
        "retry": {"schedule": ["1s"]},
    });
    let message =
        service.settled(service.submit(&message).await.unwrap()["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(message["status"], "delivered", "{message:#}");

    let mails: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        let header = message["message_id_header"].as_str().unwrap();
        assert!(mail.contains(&format!("Message-ID: {header}")), "{mail}");
        assert!(mail.contains("\n.zwei\n..drei"), "dots arrive as they were:\n{mail}");
    }
}
