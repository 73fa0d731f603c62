//! Mail that kills the process is held after three crashes, and nobody else's is lost, repeated or late (G19). The long
//! version is `cargo xtask chaos poison`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn three_crashes_hold_what_causes_them() {
    let figures = run(Scenario::Poison, &Plan::new(1, 2)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("crashes") == 3 && figures.of("quarantined") == 1, "{figures}");
}
