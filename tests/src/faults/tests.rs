//! The library under a program that does one call per argument.

use super::*;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

struct Disk {
    root: TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let disk = Self::new();
        for (name, text) in files {
            std::fs::write(disk.root.path().join(name), text).unwrap();
        }
        disk
    }

    fn run(&self, faults: &Faults, calls: &[&str]) -> Output {
        let probe = library::compile("probe", &[], &["probe.c"]).unwrap();
        Command::new(probe)
            .args(calls)
            .envs(faults.environment())
            .current_dir(self.root.path())
            .output()
            .unwrap()
    }

    /// What each call returned.
    fn said(&self, faults: &Faults, calls: &[&str]) -> Vec<String> {
        let output = self.run(faults, calls);
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn files(&self) -> BTreeMap<String, String> {
        std::fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|it| (it.file_name().into_string().unwrap(), std::fs::read_to_string(it.path()).unwrap()))
            .collect()
    }

    /// What is left after these calls and a power cut.
    fn left(&self, calls: &[&str]) -> BTreeMap<String, String> {
        let mirror = Mirror::of(self.root.path()).unwrap();
        let faults = Faults::new().unwrap().mirrored(&mirror);
        let said = self.said(&faults, calls);
        assert!(said.len() == calls.len() && said.iter().all(|it| it == "ok"), "{calls:?}: {said:?}");
        mirror.power_cut().unwrap();
        self.files()
    }
}

fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn without_faults_everything_is_only_counted() {
    let (disk, faults) = (Disk::new(), Faults::new().unwrap().on("ledger"));
    let calls = ["w:ledger.db:0:abcd", "w:ledger.db:2:cdef", "s:ledger.db", "w:other:0:x", "f:other", "f:."];
    assert_eq!(disk.said(&faults, &calls), ["ok"; 6]);
    assert_eq!(disk.files(), files(&[("ledger.db", "abcdef"), ("other", "x")]));
    assert_eq!(faults.counts().unwrap(), Counts { syncs: 1, writes: 2, grown_bytes: 6, injected: 0 });
}

#[test]
fn the_nth_sync_fails_on_matching_files_only() {
    let faults = Faults::new().unwrap().on("ledger").on("anchor").fail_sync(2);
    let calls = ["s:ledger", "s:views", "f:anchor", "s:ledger"];
    assert_eq!(Disk::new().said(&faults, &calls), ["ok", "ok", "EIO", "ok"]);
    assert_eq!(faults.counts().unwrap().injected, 1);
    let injected = faults.injected().unwrap();
    assert!(
        injected.len() == 1 && injected[0].contains("failed sync") && injected[0].contains("/anchor by "),
        "{injected:?}"
    );
    let faults = Faults::new().unwrap().fail_sync(2).for_ever();
    assert_eq!(Disk::new().said(&faults, &["s:a", "s:a", "s:a"]), ["ok", "EIO", "EIO"]);
}

#[test]
fn the_nth_write_fails_and_leaves_nothing() {
    let (disk, faults) = (Disk::new(), Faults::new().unwrap().on("a").fail_write(2));
    assert_eq!(disk.said(&faults, &["w:a:0:one", "w:a:3:two", "w:a:3:six"]), ["ok", "EIO", "ok"]);
    assert_eq!(disk.files(), files(&[("a", "onesix")]));
}

#[test]
fn space_ends_for_growth_until_it_is_released() {
    let disk = Disk::with(&[("a", "123456")]);
    let faults = Faults::new().unwrap().on("/a").space(4).switched().unwrap();
    let calls = ["w:a:0:abcdef", "w:a:6:gh", "a:a:ijk", "w:a:0:A", "a:a:ij"];
    assert_eq!(disk.said(&faults, &calls), ["ok", "ok", "ENOSPC", "ok", "ok"]);
    assert_eq!(disk.files(), files(&[("a", "Abcdefghij")]));
    assert_eq!(disk.said(&faults, &["a:a:k"]), ["ENOSPC"], "a restart brings no space");
    faults.release().unwrap();
    assert_eq!(disk.said(&faults, &["a:a:k"]), ["ok"]);
    faults.engage().unwrap();
    assert_eq!(disk.said(&faults, &["a:a:l"]), ["ENOSPC"]);
}

#[test]
fn little_space_is_said_where_it_was_asked_for_until_it_is_released() {
    let disk = Disk::new();
    let root = disk.root.path().display().to_string();
    let calls =
        [format!("v:{root}:4096"), format!("v:{root}:8193"), "v:/:8193".to_owned(), "w:a:0:x".to_owned()];
    let calls = calls.each_ref().map(String::as_str);
    let faults = Faults::new().unwrap().on(&root).free(8192).switched().unwrap();
    assert_eq!(disk.said(&faults, &calls), ["ok", "ENOSPC", "ok", "ok"]);
    faults.release().unwrap();
    assert_eq!(disk.said(&faults, &calls), ["ok"; 4]);
}

#[test]
fn a_cut_write_takes_the_process_with_it() {
    let (disk, faults) = (Disk::new(), Faults::new().unwrap().on("/a").cut_write(2));
    let output = disk.run(&faults, &["w:a:0:abcd", "w:a:4:efgh", "w:a:8:ijkl"]);
    assert_eq!(output.status.signal(), Some(9));
    assert_eq!(disk.files(), files(&[("a", "abcdef")]));
}

#[test]
fn slow_writes_and_syncs_are_slow() {
    let each = Duration::from_millis(20);
    let faults = Faults::new().unwrap().slow_writes(each).slow_syncs(each);
    let start = Instant::now();
    assert_eq!(Disk::new().said(&faults, &["w:a:0:x", "s:a"]), ["ok", "ok"]);
    assert!(start.elapsed() >= 2 * each);
}

#[test]
fn only_what_was_synced_survives_power() {
    let disk = Disk::with(&[("old", "kept")]);
    let calls = ["w:a:0:one", "s:a", "w:a:3:two", "w:b:0:never", "w:old:0:KEPT"];
    assert_eq!(disk.left(&calls), files(&[("a", "one"), ("old", "kept")]));
    let disk = Disk::with(&[("a", "0123456789")]);
    assert_eq!(disk.left(&["w:a:2:xx", "w:a:6:yy", "f:a", "w:a:0:z"]), files(&[("a", "01xx45yy89")]));
}

#[test]
fn truncation_is_durable_with_the_sync_that_follows() {
    let old = [("a", "0123456789")];
    assert_eq!(Disk::with(&old).left(&["t:a:4"]), files(&old));
    assert_eq!(Disk::with(&old).left(&["t:a:4", "s:a"]), files(&[("a", "0123")]));
    assert_eq!(Disk::with(&old).left(&["t:a:4", "w:a:6:x", "s:a"]), files(&[("a", "0123\0\0x")]));
    assert_eq!(Disk::with(&old).left(&["t:a:2", "t:a:4", "s:a"]), files(&[("a", "01\0\0")]));
    assert_eq!(Disk::with(&old).left(&["o:a"]), files(&old));
    assert_eq!(Disk::with(&old).left(&["o:a", "s:a"]), files(&[("a", "")]));
}

#[test]
fn names_are_durable_with_their_directory_or_their_file() {
    let old = [("a", "old")];
    let new = ["w:b:0:new", "s:b", "r:b:a"];
    let renamed = |more: &'static str| [&new[..], &[more]].concat();
    assert_eq!(Disk::with(&old).left(&new), files(&[("a", "old"), ("b", "new")]));
    assert_eq!(Disk::with(&old).left(&renamed("f:.")), files(&[("a", "new")]));
    assert_eq!(Disk::with(&old).left(&renamed("f:a")), files(&[("a", "new")]));
    assert_eq!(Disk::with(&old).left(&["u:a"]), files(&old));
    assert_eq!(Disk::with(&old).left(&["u:a", "f:."]), files(&[]));
    assert_eq!(
        Disk::with(&old).left(&["u:a", "w:a:1:x", "s:a"]),
        files(&[("a", "\0x")]),
        "nothing of the old one"
    );
    assert_eq!(
        Disk::with(&old).left(&["w:b:0:new", "r:b:a", "f:."]),
        files(&[("a", "")]),
        "renamed without having been synced"
    );
}

#[test]
fn what_a_failed_sync_covered_is_lost_for_good() {
    let disk = Disk::new();
    let mirror = Mirror::of(disk.root.path()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror).fail_sync(2);
    let calls = ["w:a:0:one", "s:a", "w:a:3:two", "s:a", "w:a:6:six", "s:a"];
    assert_eq!(disk.said(&faults, &calls), ["ok", "ok", "ok", "EIO", "ok", "ok"]);
    mirror.power_cut().unwrap();
    assert_eq!(disk.files(), files(&[("a", "one\0\0\0six")]), "trying a failed sync again proves nothing");
}

#[test]
fn a_lying_disk_keeps_nothing() {
    let disk = Disk::with(&[("a", "old"), ("b", "old")]);
    let mirror = Mirror::of(disk.root.path()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror).on("/a").lying();
    assert_eq!(disk.said(&faults, &["w:a:0:new", "s:a", "w:b:0:new", "s:b"]), ["ok"; 4]);
    mirror.power_cut().unwrap();
    assert_eq!(disk.files(), files(&[("a", "old"), ("b", "new")]));
}

/// A sync knows nothing of processes: what one that was killed left to the kernel becomes durable with the next one's.
#[test]
fn the_first_sync_of_a_process_covers_what_another_wrote() {
    let disk = Disk::with(&[("a", "old"), ("b", "old")]);
    let mirror = Mirror::of(disk.root.path()).unwrap();
    for call in [&["w:a:0:new!", "w:b:0:new!"][..], &["s:a"], &["w:a:0:lost"]] {
        disk.said(&Faults::new().unwrap().mirrored(&mirror), call);
    }
    mirror.power_cut().unwrap();
    assert_eq!(disk.files(), files(&[("a", "new!"), ("b", "old")]));
}
