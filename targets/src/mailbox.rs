//! What a client says to the development mailbox.

use postledger_api::Mailbox;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes in one read, at most: so that commands are cut in all places.
const READ: usize = 61;

/// Every session ends by itself, each of its replies is one, and mail is caught only after a 354.
pub(crate) fn mailbox(input: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mailbox = Mailbox::new();
    let said = Arc::new(Mutex::new(Vec::new()));
    let client = Client { input, said: Arc::clone(&said) };
    // How it ends is the client's affair; that it does is the service's.
    let _ended = runtime.block_on(mailbox.session(client));
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let text = std::str::from_utf8(&said).expect("replies are ASCII");
    assert!(text.starts_with("220 ") && text.ends_with("\r\n"), "{text:?}");
    for line in text.split_terminator("\r\n") {
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).unwrap_or_default();
        assert!((200..600).contains(&code) && line.is_ascii(), "{line:?}");
        assert!(matches!(line.as_bytes().get(3), Some(b' ' | b'-')), "{line:?}");
    }
    assert!(mailbox.count() <= text.matches("\r\n354 ").count(), "mail without DATA: {text:?}");
}

/// Says its input, listens, and leaves.
struct Client<'a> {
    input: &'a [u8],
    said: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Client<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let size = self.input.len().min(READ).min(buffer.remaining());
        let (now, later) = self.input.split_at(size);
        buffer.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client<'_> {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
