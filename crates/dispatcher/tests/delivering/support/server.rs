//! An SMTP server that does what a script says.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Where the dialogue is.
#[derive(Debug, Clone)]
pub struct Step {
    /// `banner`, `ehlo`, `starttls`, `auth`, `secret`, `rset`, `mail`, `rcpt`, `data`, `body`, `dot`, `quit`.
    pub stage: &'static str,
    /// The command line.
    pub line: String,
    /// Counts connections from 1.
    pub connection: usize,
    /// Counts MAIL commands on this connection from 1.
    pub transaction: usize,
}

/// What to do there.
#[derive(Debug, Clone)]
pub enum Act {
    /// The usual answer.
    Go,
    /// These bytes, then on.
    Say(String),
    /// These bytes, then close.
    SayAndClose(String),
    /// Close at once.
    Close,
    /// Read no more, answer no more, stay open.
    Hang,
    /// One byte in a while, for ever.
    Drip,
    /// Close with a reset.
    Reset,
    /// Wait until told, then the usual answer.
    Wait(Arc<tokio::sync::Notify>),
}

/// A text whose dot was read.
#[derive(Debug, Clone)]
pub struct Received {
    pub mail: String,
    pub rcpt: String,
    /// Dots unstuffed.
    pub text: Vec<u8>,
    pub was_accepted: bool,
    pub connection: usize,
}

#[derive(Default)]
pub struct Log {
    pub received: Vec<Received>,
    /// Every byte of every connection, in order of reading.
    pub bytes: Vec<u8>,
    pub connections: usize,
    /// Where each came from.
    pub peers: Vec<String>,
    /// Texts that were begun and not ended.
    pub cut: usize,
}

type Script = dyn Fn(&Step) -> Act + Send + Sync;

pub struct Server {
    address: std::net::SocketAddr,
    log: Arc<Mutex<Log>>,
    pub arrived: Arc<tokio::sync::Notify>,
    /// Something was said out of turn, or a connection has ended.
    pub acted: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub enum Encryption {
    None,
    Starttls(TlsAcceptor),
    Implicit(TlsAcceptor),
}

impl Server {
    pub async fn start(script: impl Fn(&Step) -> Act + Send + Sync + 'static) -> Self {
        Self::encrypted(Encryption::None, script).await
    }

    pub async fn encrypted(
        encryption: Encryption,
        script: impl Fn(&Step) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let log = Arc::new(Mutex::new(Log::default()));
        let arrived = Arc::new(tokio::sync::Notify::new());
        let acted = Arc::new(tokio::sync::Notify::new());
        let peers = Peer {
            script: Arc::new(script),
            log: log.clone(),
            arrived: arrived.clone(),
            acted: acted.clone(),
            number: 0,
        };
        let encryption = Arc::new(encryption);
        let task = tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                stream.set_nodelay(true).expect("a fresh socket");
                let number = {
                    let mut log = peers.log.lock().expect("no test has failed");
                    log.connections += 1;
                    log.peers.push(from.ip().to_string());
                    log.connections
                };
                let peer = Peer { number, ..peers.clone() };
                let encryption = encryption.clone();
                tokio::spawn(async move {
                    let acted = peer.acted.clone();
                    match &*encryption {
                        Encryption::None => drop(peer.talk(stream, true).await),
                        Encryption::Implicit(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(peer.talk(stream, true).await);
                            }
                        }
                        Encryption::Starttls(tls) => {
                            if let Ok(Some(stream)) = peer.talk(stream, true).await
                                && let Ok(stream) = tls.accept(stream).await
                            {
                                drop(peer.talk(stream, false).await);
                            }
                        }
                    }
                    acted.notify_one();
                });
            }
        });
        Self { address, log, arrived, acted, task }
    }

    /// Takes everything.
    pub async fn good() -> Self {
        Self::start(|_| Act::Go).await
    }

    /// At `stage`, does that; everything else as usual.
    pub async fn acting(stage: &'static str, act: Act) -> Self {
        Self::start(move |step| if step.stage == stage { act.clone() } else { Act::Go }).await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn log<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.log.lock().expect("no test has failed"))
    }

    /// Texts that were taken with a 2yz.
    pub fn accepted(&self) -> Vec<Received> {
        self.log(|log| log.received.iter().filter(|r| r.was_accepted).cloned().collect())
    }

    pub fn dots(&self) -> usize {
        self.log(|log| log.received.len())
    }
}

#[derive(Clone)]
struct Peer {
    script: Arc<Script>,
    log: Arc<Mutex<Log>>,
    arrived: Arc<tokio::sync::Notify>,
    acted: Arc<tokio::sync::Notify>,
    number: usize,
}

enum Next {
    On,
    Said,
    Over,
}

impl Peer {
    fn log(&self, write: impl FnOnce(&mut Log)) {
        write(&mut self.log.lock().expect("no test has failed"));
    }

    /// Gives the stream back for a TLS handshake.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Sock>(
        &self,
        stream: S,
        greets: bool,
    ) -> std::io::Result<Option<S>> {
        let mut stream = BufReader::new(stream);
        let mut step = Step { stage: "banner", line: String::new(), connection: self.number, transaction: 0 };
        let (mut mail, mut rcpt) = (String::new(), String::new());
        if greets
            && !matches!(
                self.act(&mut stream, &step, "220 relay.example ESMTP\r\n").await?,
                Next::On | Next::Said
            )
        {
            return Ok(None);
        }
        let mut is_secret = 0;
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            self.log(|log| log.bytes.extend_from_slice(&line));
            step.line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = step.line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if is_secret > 0 {
                is_secret -= 1;
                step.stage = "secret";
                let usual = if is_secret == 0 { "235 2.7.0 in\r\n" } else { "334 UGFzc3dvcmQ6\r\n" };
                if matches!(self.act(&mut stream, &step, usual).await?, Next::Over) {
                    return Ok(None);
                }
                continue;
            }
            let (stage, usual) = match verb.as_str() {
                "EHLO" => (
                    "ehlo",
                    "250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 10000000\r\n",
                ),
                "HELO" => ("helo", "250 relay.example\r\n"),
                "STARTTLS" => ("starttls", "220 go on\r\n"),
                "AUTH" if step.line.ends_with("LOGIN") => ("auth", "334 VXNlcm5hbWU6\r\n"),
                "AUTH" => ("auth", "235 2.7.0 in\r\n"),
                "RSET" => ("rset", "250 reset\r\n"),
                "MAIL" => ("mail", "250 2.1.0 sender ok\r\n"),
                "RCPT" => ("rcpt", "250 2.1.5 recipient ok\r\n"),
                "DATA" if rcpt.is_empty() => ("data", "503 no recipient\r\n"),
                "DATA" => ("data", "354 go on\r\n"),
                "QUIT" => ("quit", "221 bye\r\n"),
                _ => ("other", "500 what\r\n"),
            };
            step.stage = stage;
            if stage == "mail" {
                (mail, rcpt) = (step.line.clone(), String::new());
                step.transaction += 1;
            }
            let next = self.act(&mut stream, &step, usual).await?;
            if matches!(next, Next::Over) || stage == "quit" {
                return Ok(None);
            }
            let said_354 = matches!(next, Next::On);
            match stage {
                "starttls" if said_354 => return Ok(Some(stream.into_inner())),
                "auth" if step.line.ends_with("LOGIN") && said_354 => is_secret = 2,
                "rcpt" if said_354 => rcpt = step.line.clone(),
                "data" if said_354 && !rcpt.is_empty() => {
                    step.stage = "body";
                    if matches!(self.act(&mut stream, &step, "").await?, Next::Over) {
                        self.log(|log| log.cut += 1);
                        return Ok(None);
                    }
                    let Some(text) = self.text(&mut stream).await? else {
                        self.log(|log| log.cut += 1);
                        return Ok(None);
                    };
                    step.stage = "dot";
                    let place = {
                        let mut log = self.log.lock().expect("no test has failed");
                        let (mail, rcpt, connection) = (mail.clone(), rcpt.clone(), self.number);
                        log.received.push(Received { mail, rcpt, text, was_accepted: false, connection });
                        log.received.len() - 1
                    };
                    self.arrived.notify_one();
                    let act = (self.script)(&step);
                    // Written down before it is said: the peer may act on it at once.
                    let was_accepted = match &act {
                        Act::Go | Act::Wait(_) => true,
                        Act::Say(text) => text.starts_with('2'),
                        Act::SayAndClose(_) | Act::Close | Act::Hang | Act::Drip | Act::Reset => false,
                    };
                    self.log(|log| log.received[place].was_accepted = was_accepted);
                    let next = self.perform(&mut stream, &step, act, "250 2.0.0 taken\r\n").await?;
                    rcpt.clear();
                    if matches!(next, Next::Over) {
                        return Ok(None);
                    }
                }
                _ => {}
            }
        }
    }

    async fn text<S: AsyncRead + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            self.log(|log| log.bytes.extend_from_slice(&line));
            match line.as_slice() {
                b".\r\n" => return Ok(Some(text)),
                [b'.', rest @ ..] => text.extend_from_slice(rest),
                rest => text.extend_from_slice(rest),
            }
        }
    }

    async fn act<S: AsyncRead + AsyncWrite + Unpin + Sock>(
        &self,
        stream: &mut BufReader<S>,
        step: &Step,
        usual: &str,
    ) -> std::io::Result<Next> {
        self.perform(stream, step, (self.script)(step), usual).await
    }

    async fn perform<S: AsyncRead + AsyncWrite + Unpin + Sock>(
        &self,
        stream: &mut BufReader<S>,
        step: &Step,
        act: Act,
        usual: &str,
    ) -> std::io::Result<Next> {
        match act {
            Act::Go => stream.write_all(usual.as_bytes()).await?,
            Act::Wait(told) => {
                told.notified().await;
                stream.write_all(usual.as_bytes()).await?;
            }
            Act::Say(text) => {
                let (first, rest) = text.split_at(text.len().min(64));
                stream.write_all(first.as_bytes()).await?;
                stream.flush().await?;
                self.acted.notify_one();
                stream.write_all(rest.as_bytes()).await?;
                stream.flush().await?;
                return Ok(if text.starts_with("354") || text.starts_with('2') && step.stage != "data" {
                    Next::On
                } else {
                    Next::Said
                });
            }
            Act::SayAndClose(text) => {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await?;
                return Ok(Next::Over);
            }
            Act::Close => return Ok(Next::Over),
            Act::Hang => {
                std::future::pending::<()>().await;
            }
            Act::Drip => {
                let mut drops = tokio::time::interval(std::time::Duration::from_millis(20));
                loop {
                    drops.tick().await;
                    stream.write_all(b"2").await?;
                    stream.flush().await?;
                    self.acted.notify_one();
                }
            }
            Act::Reset => {
                stream.get_ref().reset();
                return Ok(Next::Over);
            }
        }
        stream.flush().await?;
        Ok(Next::On)
    }
}

/// Can close with a reset.
pub trait Sock {
    fn reset(&self);
}

impl Sock for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().expect("an open socket");
    }
}

impl Sock for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

pub async fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await.unwrap_or(0);
    bytes.truncate(read);
    bytes
}
