//! An erasure takes addresses and content away, and the chain still verifies.

use super::support::{everything, list, lively, of_message, open};
use crate::Reader;
use postledger_core::conformance::submission;
use postledger_core::event::{Event, MailEvent};
use postledger_core::ledger::{Ledger, MessageQuery};
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erased_data_is_in_no_file_and_the_chain_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively(&ledger).await;
    let id = submission(8, 1).id;
    let find = |name: &str| MessageQuery { recipient: Some(name.into()), ..everything() };
    assert!(list(&ledger, &find("r1@example.net")).await.contains(&id));
    of_message(&ledger, id, MailEvent::Erased).await;
    let history = ledger.histories(vec![id]).await.unwrap().remove(0);
    let Event::Mail(MailEvent::Queued(queued)) = &history[0].event else { panic!("{history:?}") };
    assert_eq!(queued.personal, None);
    assert!(
        history
            .iter()
            .filter_map(|r| if let Event::Mail(e) = &r.event { e.reply() } else { None })
            .all(|r| r.text.is_empty())
    );
    assert_eq!(ledger.content(id).await.unwrap(), None);
    ledger.close().await.unwrap();

    let verified = Reader::open(dir.path()).await.unwrap().verify(&mut |_| {}).await.unwrap();
    assert_eq!(verified.erased, 2);
    let ledger = open(dir.path()).await.unwrap();
    assert!(!list(&ledger, &find("r1@example.net")).await.contains(&id));
    assert!(list(&ledger, &everything()).await.contains(&id));
    ledger.close().await.unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let canary = b"no r8@example.net";
        assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", path.display());
    }
}
