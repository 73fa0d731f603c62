//! Builds that make a known mistake are caught by the same scenarios that the real one passes.

use postledger_tests::chaos::CONTROLS;

#[tokio::test(flavor = "multi_thread")]
async fn every_known_mistake_is_caught() {
    for control in CONTROLS {
        let figures = control.run(1).await.unwrap();
        let caught = control.is_caught(&figures);
        assert!(caught, "{} was not caught: {figures} {:?}", control.mistake, figures.missed());
    }
}
