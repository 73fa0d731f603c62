//! A proxy that does what it is told: SOCKS 5 or HTTP CONNECT, by hand, so that the client's own code is not its judge.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What it does once it knows where to.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Connects to this port of loopback, whatever the name was.
    Connect(u16),
    /// The same, and says so in one segment with what is said there first.
    ConnectLate(u16),
    /// These bytes, then nothing.
    Say(Vec<u8>),
    /// Nothing.
    Hang,
    /// Closes.
    Close,
}

type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A proxy on a port of its own; gone with its handle.
pub struct Proxy {
    pub port: u16,
    /// What each client asked for: the place, and the login.
    pub asked: Asked,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn socks5(login: Option<&str>, answer: Answer) -> Self {
        let login = login.map(str::to_owned);
        Self::start(move |stream, asked| socks5(stream, login.clone(), answer.clone(), asked)).await
    }

    pub async fn http(answer: Answer) -> Self {
        Self::start(move |stream, asked| http(stream, answer.clone(), asked)).await
    }

    async fn start<F: Future<Output = std::io::Result<()>> + Send>(
        serve: impl Fn(TcpStream, Asked) -> F + Send + Sync + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Asked::default();
        let seen = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serve, seen) = (serve.clone(), seen.clone());
                tokio::spawn(async move { serve(stream, seen).await.is_ok() });
            }
        });
        Self { port, asked, task }
    }

    pub fn asked(&self) -> Vec<(String, Option<String>)> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

async fn socks5(
    mut stream: TcpStream,
    login: Option<String>,
    answer: Answer,
    asked: Asked,
) -> std::io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    stream.read_exact(&mut methods).await?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    let mut given = None;
    if let Some(login) = login {
        let mut text = Vec::new();
        stream.read_u8().await?;
        for _ in 0..2 {
            let mut part = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut part).await?;
            text.push(String::from_utf8_lossy(&part).into_owned());
        }
        let text = text.join(":");
        let is_right = text == login;
        given = Some(text);
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            stream.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        _ => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let port = stream.read_u16().await?;
    asked.lock().expect("nobody panics with it").push((format!("{host}:{port}"), given));
    serve(stream, answer, &[5, 0, 0, 1, 127, 0, 0, 1, 0, 9]).await
}

async fn http(mut stream: TcpStream, answer: Answer, asked: Asked) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let login = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: ")).map(str::to_owned);
    asked.lock().expect("nobody panics with it").push((place.to_owned(), login));
    serve(stream, answer, b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await
}

async fn serve(mut stream: TcpStream, answer: Answer, good: &[u8]) -> std::io::Result<()> {
    match answer {
        Answer::Connect(port) => {
            let mut there = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.write_all(good).await?;
            copy_bidirectional(&mut stream, &mut there).await.map(drop)
        }
        Answer::ConnectLate(port) => {
            let mut there = TcpStream::connect(("127.0.0.1", port)).await?;
            let mut first = [0; 512];
            let read = there.read(&mut first).await?;
            stream.set_nodelay(true)?;
            stream.write_all(&[good, &first[..read]].concat()).await?;
            copy_bidirectional(&mut stream, &mut there).await.map(drop)
        }
        Answer::Say(bytes) => {
            stream.write_all(&bytes).await?;
            stream.read_u8().await.map(drop)
        }
        Answer::Hang => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.map(drop)
        }
        Answer::Close => Ok(()),
    }
}
