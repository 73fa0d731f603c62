//! Mail gets from the ledger to the relay, once, and its outcome back.

use super::support::server::Server;
use super::support::{Bench, CONTENT, Watch, policy, relay, submission};
use postledger_core::relay::Dispatching;
use std::time::Duration;

#[tokio::test]
async fn a_message_is_delivered_with_its_date_and_its_history_says_so() {
    let server = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    let received = server.accepted();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].mail, format!("MAIL FROM:<bounce@shop.example> SIZE={}", received[0].text.len()));
    assert_eq!(received[0].rcpt, "RCPT TO:<ann@example.net>");
    let text = String::from_utf8(received[0].text.clone()).expect("ASCII");
    let (date, rest) = text.split_once("\r\n").expect("several lines");
    assert!(date.starts_with("Date: ") && date.ends_with("+0000"), "{date}");
    assert_eq!(rest.as_bytes(), CONTENT);
    assert_eq!(bench.dispatcher().open_deliveries(), 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_messages_over_twenty_connections_arrive_once_each() {
    let server = Server::good().await;
    let mut primary = relay("primary", &server);
    primary.max_connections = 20;
    primary.timeouts = Default::default();
    let mut bench = Bench::started(vec![primary]).await;
    let watch = Watch::on(&*bench.ledger);
    for n in 0..2000 {
        let recipient = format!("r{n}@example.net");
        bench.submit(submission(n, policy(), &[&recipient], CONTENT)).await;
    }
    tokio::time::timeout(Duration::from_secs(60), async {
        while bench.dispatcher().open_deliveries() > 0 {
            watch.0.notified().await;
        }
    })
    .await
    .expect("all end within a minute");
    let mut recipients: Vec<_> = server.accepted().into_iter().map(|received| received.rcpt).collect();
    recipients.sort();
    recipients.dedup();
    assert_eq!((recipients.len(), server.dots()), (2000, 2000));
    assert!(server.log(|log| log.connections) <= 20);
    bench.stop().await;
}
