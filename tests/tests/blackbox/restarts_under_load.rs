//! Orderly restarts under load: nothing is lost, nothing is sent twice, and no attempt becomes unknown. The long version
//! is `cargo xtask chaos restarts`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_loses_and_repeats_nothing() {
    let figures = run(Scenario::Restarts, &Plan::new(5, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert_eq!(figures.of("unknown"), 0, "{figures}");
    assert!(figures.of("accepted") > 0 && figures.of("verified") == 2, "{figures}");
}
