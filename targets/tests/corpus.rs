//! Inputs that were found by fuzzing, or written as a beginning for it, stay regressions.

use postledger_targets::TARGETS;
use std::path::Path;

#[test]
fn every_input_that_was_kept_is_taken_as_it_must_be() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut folders: Vec<_> = std::fs::read_dir(&corpus).unwrap().map(|it| it.unwrap().file_name()).collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|(name, _)| name), "a folder for each target");
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for file in std::fs::read_dir(corpus.join(name)).unwrap() {
            let path = file.unwrap().path();
            // A panic names its place; this names the input.
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 3, "{name} has {inputs} inputs");
    }
}
