//! Processes of the shell.

use super::*;

fn shell(script: &str, files: &Path) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn(command, &files.join("stderr")).unwrap()
}

#[tokio::test]
async fn the_first_line_is_read_and_the_rest_is_swallowed() {
    let files = tempfile::tempdir().unwrap();
    let mut process = shell("echo one; yes two | head -c 1000000; echo bad >&2; exit 5", files.path());
    assert_eq!(process.first_line().await.unwrap().as_deref(), Some("one"));
    let exit = process.ended().await.unwrap();
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(5), "bad\n"));
    let exit = shell("echo again >&2; kill -TERM $$", files.path()).ended().await.unwrap();
    assert_eq!((exit.code, exit.signal, exit.stderr.as_str()), (None, Some(15), "again\n"));
}

#[tokio::test]
async fn ending_without_a_line_is_no_start() {
    let files = tempfile::tempdir().unwrap();
    assert_eq!(shell("exit 2", files.path()).first_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_running_process_has_figures_and_can_be_killed() {
    let files = tempfile::tempdir().unwrap();
    let mut process = shell(
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; read nothing < /dev/zero",
        files.path(),
    );
    process.first_line().await.unwrap();
    let stats = process.stats().unwrap();
    assert!(stats.cpu > Duration::ZERO && stats.peak_rss_bytes > 100_000 && stats.files >= 3, "{stats:?}");
    process.kill().unwrap();
    assert!(process.stats().is_err());
}
