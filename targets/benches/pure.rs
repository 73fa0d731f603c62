//! What costs no IO, piece by piece: `cargo bench --package postledger-targets`.
//!
//! A figure of these says where a message's time goes, not how fast the service is; that is `cargo xtask bench`. The
//! planner's is `cargo xtask bench queue`.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postledger_core::address::Mailbox;
use postledger_core::compose::{Composer, Draft};
use postledger_core::conformance::submission;
use postledger_core::content::Content;
use postledger_core::delivery::{Command, Given, State, apply, decide};
use postledger_core::event::{Event, Head, MailEvent};
use postledger_core::id::Ordinal;
use postledger_core::outcome::Outcome;
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use postledger_dispatcher::MimeComposer;
use postledger_dispatcher::smtp::reply::ReplyReader;
use postledger_store::chain::{self, Header};
use postledger_store::codec;
use std::hint::black_box;
use std::sync::Arc;

/// The text of a message.
const BODY_BYTES: usize = 4096;

/// Queued, attempted, delivered: what each step decides, folded.
fn life(queued: &MailEvent, head: &Arc<Head>, reply: &Reply) -> State {
    let ordinal = Ordinal(1);
    let given = Given { now: Timestamp::from_micros(1_796_115_600_500_000), jitter: 0.5 };
    let mut state = apply(None, ordinal, given.now, queued).expect("a message begins so");
    let begin = Command::Begin { relay: "primary".parse().expect("a name"), head: Some(Arc::clone(head)) };
    let conclude =
        Command::Conclude { attempt: 1, outcome: Outcome::Accepted(reply.clone()), another_relay: false };
    for command in [begin, conclude] {
        for event in decide(Some(&state), command, &given).expect("it is allowed") {
            state = apply(Some(state), ordinal, given.now, &event).expect("what was decided can be folded");
        }
    }
    state
}

fn benches(c: &mut Criterion) {
    let given = submission(1, 1);
    let queued = Event::Mail(MailEvent::Queued(Arc::clone(&given.queued)));
    let Event::Mail(mail) = &queued else { unreachable!("made above") };
    let head = Arc::new(Head {
        return_path: "bounce@shop.example".parse().expect("an address"),
        fields: "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n".into(),
    });
    let reply = Reply { code: 250, enhanced: "2.0.0".parse().ok(), text: "2.0.0 queued as 4711".into() };
    c.bench_function("decide and fold: queued, attempted, delivered", |b| {
        b.iter(|| life(black_box(mail), &head, &reply));
    });

    let encoded = codec::encode(&queued, || [7; 16]);
    c.bench_function("codec: queued, written", |b| b.iter(|| codec::encode(black_box(&queued), || [7; 16])));
    let personal = encoded.personal.as_ref().map(|personal| &personal.bytes[..]);
    c.bench_function("codec: queued, read", |b| {
        b.iter(|| codec::decode(encoded.kind, encoded.schema, black_box(&encoded.data), personal));
    });
    let header = Header {
        position: 4711,
        stream: "msg_01a20d54764876d1b667182ad9be1239",
        delivery: 0,
        version: 1,
        epoch: 1 << 32,
        tenant: "default",
        kind: encoded.kind,
        schema: encoded.schema,
        at_us: 1_796_115_600_000_000,
    };
    let digest = encoded.personal.as_ref().map(|personal| &personal.digest[..]);
    c.bench_function("chain: the next hash", |b| {
        b.iter(|| chain::next(black_box(&[3; 32]), &header, encoded.data.as_bytes(), digest));
    });

    c.bench_function("reply: EHLO's, of nine lines", |b| {
        let lines = "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 36700160\r\n250-ETRN\r\n250-STARTTLS\r\n\
                     250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n";
        b.iter(|| {
            let mut reader = ReplyReader::default();
            reader.feed(black_box(lines.as_bytes()));
            reader.take()
        });
    });

    let mailbox = |text: &str| Mailbox { name: None, address: text.parse().expect("an address") };
    let draft = Draft {
        from: mailbox("shop@shop.example"),
        to: vec![mailbox("ann@example.net")],
        cc: Vec::new(),
        reply_to: Vec::new(),
        subject: "Your order".into(),
        text: Some("All work and no play, and here is one more line of it.\r\n".repeat(BODY_BYTES / 56)),
        html: None,
        headers: Vec::new(),
        attachments: Vec::new(),
    };
    let mut bodies = c.benchmark_group("bodies of 4 KiB");
    bodies.throughput(Throughput::Bytes(BODY_BYTES as u64));
    bodies.bench_function("MIME", |b| b.iter(|| MimeComposer.compose(given.id, black_box(&draft))));
    let content = Content { salt: [9; 16], bytes: Bytes::from(vec![b'x'; BODY_BYTES]) };
    bodies.bench_function("digest", |b| b.iter(|| black_box(&content).reference()));
    bodies.finish();
}

criterion_group!(pure, benches);
criterion_main!(pure);
