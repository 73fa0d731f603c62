//! A private Postfix: takes mail on loopback, forbids bare newlines, and hands everything on to one host.
//!
//! Its master process must run as root, as Postfix wants it.

use anyhow::{Context as _, Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// By when it listens: generous, for it is no bar.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module. Dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Postfix {
    /// Ended before the files are removed: fields are dropped in order.
    master: Child,
    files: TempDir,
    addr: SocketAddr,
}

/// What it is to be, beside where its files are.
const MAIN: &str = "\
compatibility_level = 3.6
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_forbid_bare_newline = yes
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_destination_concurrency_limit = 20
smtp_destination_concurrency_failed_cohort_limit = 100
smtputf8_enable = yes
message_size_limit = 64000000
in_flow_delay = 0
minimal_backoff_time = 5s
queue_run_delay = 5s
";

const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

impl Postfix {
    /// Starts one that hands on to `next`.
    ///
    /// # Errors
    /// When it is not installed, this is not root, or it does not listen in time.
    pub async fn start(next: SocketAddr) -> Result<Self> {
        let files = TempDir::with_prefix("postledger-postfix-")?;
        // It can not choose a port by itself: this one was free a moment ago.
        let addr = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let at = |name: &str| files.path().join(name).display().to_string();
        for name in ["etc", "queue", "data"] {
            std::fs::create_dir(files.path().join(name))?;
        }
        // Its daemons run as a user of their own, and must find their way.
        open_to_all(files.path())?;
        let main = format!(
            "{MAIN}queue_directory = {}\ndata_directory = {}\nmaillog_file = {}\nmaillog_file_prefixes = {}\n\
             relayhost = [{}]:{}\n",
            at("queue"),
            at("data"),
            at("log"),
            files.path().display(),
            next.ip(),
            next.port(),
        );
        std::fs::write(files.path().join("etc/main.cf"), main)?;
        let smtpd = format!("127.0.0.1:{} inet n - n - 100 smtpd\n{SERVICES}", addr.port());
        std::fs::write(files.path().join("etc/master.cf"), smtpd)?;
        let owned = Command::new("chown").arg("postfix").arg(at("data")).status().await?;
        if !owned.success() {
            bail!("there is no user postfix: it comes with Debian's package postfix");
        }
        let master = Command::new("/usr/sbin/postfix")
            .args(["-c", &at("etc"), "start-fg"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("postfix is missing: Debian's package postfix")?;
        let mut postfix = Self { master, files, addr };
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            if Instant::now() > deadline || postfix.master.try_wait()?.is_some() {
                bail!("postfix does not listen: {}", postfix.log());
            }
            // Nobody is told when it listens.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(postfix)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The last lines that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(self.files.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The master and all that it started are one group.
        if let Some(group) = self.master.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            // Gone already is as good.
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn open_to_all(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
