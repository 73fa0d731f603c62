//! Power fails under load: what was answered with 202 had been synced (G1). The long version is
//! `cargo xtask chaos power-cut`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_power_cuts() {
    let figures = run(Scenario::PowerCut, &Plan::new(4, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("accepted") > 0 && figures.of("syncs") > 0, "{figures}");
}
