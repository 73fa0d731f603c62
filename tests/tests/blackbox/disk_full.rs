//! A full disk, and one with less space than the reserve: what comes in is told to come back, what is known is recorded
//! once there is space, and then all goes on by itself (G3). The long version is `cargo xtask chaos disk-full`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_repeats_nothing() {
    let figures = run(Scenario::DiskFull, &Plan::new(2, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("refused") > 0, "{figures}");
    assert_eq!(figures.of("rounds"), 2, "one of each kind: {figures}");
}
