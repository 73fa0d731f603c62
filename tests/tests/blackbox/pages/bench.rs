//! Where a page's blocks are run.
//!
//! What is put in place of what stands there, as a reader would:
//! * `plk_…`, `msg_…`, `dlv_…`, `key_…` and the folder `20261201T090000000000Z`: the last such thing that was printed.
//! * `127.0.0.1:8250`: a free port, for several pages run at once.
//! * By the environment, which goes before the file: the API listens on that port, and the relays `primary` and
//!   `backup` of the pages are one server of the test's own, with TLS, a login, and a certificate that is trusted.

use super::blocks::{Block, Kind};
use postledger_tests::service::binary;
use postledger_tests::sink::{Authority, Extensions, Script, Sink, Tls};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// By when something that must be printed is printed.
const PATIENCE: Duration = Duration::from_secs(60);
/// What stands in the pages, and how the real one begins.
const SHOWN: [(&str, &str); 5] = [
    ("plk_…", "plk_"),
    ("msg_…", "msg_"),
    ("dlv_…", "dlv_"),
    ("key_…", "key_"),
    ("20261201T090000000000Z", "20"),
];

/// A directory, a relay, and what was printed so far.
pub struct Bench {
    /// Ended before the files are removed: fields are dropped in order.
    background: Option<Background>,
    files: TempDir,
    _sink: Sink,
    _authority: Authority,
    variables: Vec<(String, String)>,
    address: String,
    printed: String,
}

struct Background {
    child: Child,
    lines: Receiver<String>,
}

impl Bench {
    pub async fn new() -> Self {
        let authority = Authority::new().unwrap();
        let auth = Some(Some(("postledger".to_owned(), "secret".to_owned())));
        let script = Script::default()
            .tls(Tls::Starttls(authority.good().unwrap()))
            .offering(Extensions { auth, ..Extensions::default() });
        let sink = Sink::start(script).await.unwrap();
        let files = TempDir::with_prefix("postledger-page-").unwrap();
        for dir in ["bin", "home", "page"] {
            std::fs::create_dir(files.path().join(dir)).unwrap();
        }
        std::os::unix::fs::symlink(binary().unwrap(), files.path().join("bin/postledger")).unwrap();
        let password = files.path().join("password");
        std::fs::write(&password, "secret\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut variables = vec![
            ("PATH".to_owned(), format!("{}:{path}", files.path().join("bin").display())),
            ("HOME".to_owned(), files.path().join("home").display().to_string()),
            ("POSTLEDGER_SERVER__LISTEN".to_owned(), address.clone()),
        ];
        for relay in ["PRIMARY", "BACKUP"] {
            let keys = [
                ("HOST", "localhost".to_owned()),
                ("PORT", sink.addr().port().to_string()),
                ("TLS", "starttls".to_owned()),
                ("USERNAME", "postledger".to_owned()),
                ("PASSWORD_FILE", password.display().to_string()),
                ("CA_FILE", authority.ca_file().display().to_string()),
            ];
            variables.extend(keys.map(|(key, value)| (format!("POSTLEDGER_RELAY__{relay}__{key}"), value)));
        }
        let printed = String::new();
        Self { background: None, files, _sink: sink, _authority: authority, variables, address, printed }
    }

    pub fn run(&mut self, page: &str, block: &Block) {
        let place = format!("{page}:{}", block.line);
        let text = self.as_a_reader_would(&block.text);
        match &block.kind {
            Kind::File(name) => std::fs::write(self.page().join(name), text).unwrap(),
            Kind::Configuration => {
                let file = self.files.path().join("part.toml");
                std::fs::write(&file, text).unwrap();
                self.commands(&place, &format!("postledger config check --config {}", file.display()));
            }
            Kind::Commands => self.commands(&place, &text),
            Kind::Background => self.background(&place, &text),
        }
    }

    fn commands(&mut self, place: &str, text: &str) {
        // What a shell remembers from one command to the next is kept from one block to the next.
        let script = format!("{text}\nexport -p > ../variables; pwd > ../directory");
        let output = self.bash(&script).output().unwrap();
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        let said = format!("{stdout}{stderr}");
        assert!(output.status.success(), "{place}: {}\n{text}\n{said}", output.status);
        self.printed.push_str(&said);
    }

    fn background(&mut self, place: &str, text: &str) {
        self.background = None;
        let mut command =
            self.bash(&format!("exec 2>&1; {}", text.replace("postledger ", "exec postledger ")));
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let (tell, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        self.background = Some(Background { child, lines });
        let listens = self.hears(|printed, address| printed.contains(address));
        assert!(listens, "{place}: it does not listen on {}\n{}", self.address, self.printed);
    }

    /// Takes in what the background prints until `holds` or it says nothing more.
    fn hears(&mut self, holds: impl Fn(&str, &str) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = String::new();
        while let Some(background) = &self.background
            && let Ok(line) =
                background.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            let _infallible = writeln!(heard, "{line}");
            let is_enough = holds(&heard, &self.address);
            let _infallible = writeln!(self.printed, "{line}");
            if is_enough {
                return true;
            }
        }
        false
    }

    fn as_a_reader_would(&mut self, text: &str) -> String {
        let mut text = text.replace("127.0.0.1:8250", &self.address);
        for (shown, beginning) in SHOWN {
            if text.contains(shown) {
                if last(&self.printed, beginning).is_none() {
                    self.hears(|heard, _| last(heard, beginning).is_some());
                }
                let real = last(&self.printed, beginning);
                text = text.replace(
                    shown,
                    real.unwrap_or_else(|| panic!("no {shown} was printed: {}", self.printed)),
                );
            }
        }
        text
    }

    fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let before = "if [ -f ../variables ]; then . ../variables; cd \"$(cat ../directory)\"; fi";
        command.args(["-eu", "-o", "pipefail", "-c", &format!("{before}\n{script}")]);
        command.env_clear().envs(self.variables.iter().cloned()).current_dir(self.page());
        command
    }

    fn page(&self) -> PathBuf {
        self.files.path().join("page")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // As Ctrl-C does, and its end is waited for: the next one wants the same port.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ended = self.child.wait();
    }
}

/// The last word that begins so and is as long as an id, a key or a folder's name.
fn last<'p>(printed: &'p str, beginning: &str) -> Option<&'p str> {
    let mut words = printed.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.rfind(|word| word.starts_with(beginning) && word.len() >= 20)
}
