//! After an outage of every relay the queue drains at their limits, the critical first, and nothing is lost or doubled (G18).
//! The long version is `cargo xtask chaos outage`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn relays_that_come_back_are_not_stormed() {
    let figures = run(Scenario::ShortOutage, &Plan::new(1, 2)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("queued") == 900 && figures.of("kills") == 1, "{figures}");
}
