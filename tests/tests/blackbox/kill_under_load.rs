//! SIGKILL at any moment under load: nothing that was accepted is lost, nothing is sent that was not, and what may have
//! been sent is shown as unknown (G1, G4). The long version is `cargo xtask chaos kill`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_kills() {
    let figures = run(Scenario::Kill, &Plan::new(5, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert!(figures.of("accepted") > 0 && figures.of("verified") == 2, "{figures}");
}
