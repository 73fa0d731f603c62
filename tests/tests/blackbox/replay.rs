//! Wherever, however often and beside whatever views the journal is folded, the state is the same (G12). The long version
//! is `cargo xtask chaos replay`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn after_kills_every_replay_gives_the_same_state() {
    let figures = run(Scenario::Replay, &Plan::new(2, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert_eq!(figures.of("replays"), 4, "{figures}");
}
