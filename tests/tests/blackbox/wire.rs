//! What stands on the wire is what was asked, read by two parsers that share nothing with the service, and taken by a
//! Postfix that forbids bare newlines (G22). The long version is `cargo xtask wire`.

use postledger_tests::service::Program;
use postledger_tests::wire::{Plan, Via, run};

#[tokio::test(flavor = "multi_thread")]
async fn awkward_letters_arrive_as_they_were_asked_for() {
    // Some 2,000 messages: most letters have several recipients.
    let plan = Plan { letters: 1100, seed: 1, via: Via::Sink, program: Program::Real };
    let figures = run(&plan).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("refused") > 50 && figures.of("arrived") > 1500, "{figures}");
    assert_eq!(figures.of("arrived"), figures.of("read twice"), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_takes_them_all_and_hands_them_on_unchanged() {
    let plan = Plan { letters: 120, seed: 2, via: Via::Postfix, program: Program::Real };
    let figures = run(&plan).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("arrived") > 150, "{figures}");
}
