//! A relay that goes wrong at every stage in every way, for messages that want repetition and such that do not, with
//! and without the service dying there: each cell comes to its class (G4, G6). Also `cargo xtask chaos smtp-matrix`.

use postledger_tests::chaos::{Plan, Scenario, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_comes_to_its_class() {
    let figures = run(Scenario::SmtpMatrix, &Plan::new(1, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert_eq!(figures.of("cells"), 9 * 10 * 2 * 2, "{figures}");
}
