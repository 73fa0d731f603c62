//! Every delivery has one end, soon after its lifetime, whatever its relay does and however often the process dies (G8). The
//! long version is `cargo xtask chaos termination`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_lives_for_a_minute_ends_after_it() {
    let figures = run(Scenario::Termination, &Plan::new(1, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("expired") > 10 && figures.of("kills") > 3, "{figures}");
}
