//! The disk under the ledger.

use super::finding::size;
use super::{Check, Finding};
use postledger_store::{Disk, RESERVE_BYTES, SyncTimes};
use std::path::Path;
use std::time::Duration;

/// Syncs that are measured, and how long that may take.
const SYNCS: usize = 50;
const AT_MOST: Duration = Duration::from_secs(5);
/// Free space below which it is time to act: sixteen reserves, 1 GiB.
const LOW_BYTES: u64 = 16 * RESERVE_BYTES;

pub(super) async fn examine(dir: &Path) -> Vec<Finding> {
    // Before the first start there may be no directory yet.
    let Some(present) = dir.ancestors().find(|path| path.is_dir()).or_else(|| Some(Path::new("."))) else {
        return Vec::new();
    };
    let disk = match Disk::of(present) {
        Ok(disk) => disk,
        Err(error) => {
            let seen = format!("{} cannot be examined: {error}", present.display());
            let remedy = "run this as the user that runs the service";
            return vec![Finding::failure(Check::Filesystem, seen, remedy)];
        }
    };
    let mut findings = vec![filesystem(dir, &disk), space(&disk)];
    if dir.is_dir() {
        findings.push(sync_speed(dir).await);
    }
    findings
}

fn filesystem(dir: &Path, disk: &Disk) -> Finding {
    let (dir, kind) = (dir.display(), disk.filesystem);
    let local = "move the data directory to a local disk, with the service stopped";
    if disk.is_network {
        let seen =
            format!("{dir} lies on a network filesystem ({kind}), whose locks and syncs cannot be relied on");
        Finding::failure(Check::Filesystem, seen, local)
    } else if disk.is_memory {
        let seen = format!("{dir} lies in memory ({kind}): a restart of the machine loses the ledger");
        Finding::warning(Check::Filesystem, seen, local)
    } else {
        Finding::ok(Check::Filesystem, format!("{dir} lies on {kind}"))
    }
    .with("filesystem", kind)
}

fn space(disk: &Disk) -> Finding {
    let free = size(disk.free_bytes);
    let room = "make room, or move the data directory to a larger disk";
    let finding = if disk.free_bytes < RESERVE_BYTES {
        let reserve = size(RESERVE_BYTES);
        let seen =
            format!("{free} free, less than the reserve of {reserve}: submissions are refused with 507");
        Finding::failure(Check::Space, seen, room)
    } else if disk.free_files == Some(0) {
        Finding::failure(
            Check::Space,
            format!("{free} free, but not one more file can be made"),
            "remove files: the filesystem is out of inodes",
        )
    } else if disk.free_bytes < LOW_BYTES {
        let seen = format!("{free} free; below {} submissions are refused", size(RESERVE_BYTES));
        Finding::warning(Check::Space, seen, room)
    } else {
        Finding::ok(Check::Space, format!("{free} free, reserve {}", size(RESERVE_BYTES)))
    };
    finding.with("free_bytes", disk.free_bytes).with("reserve_bytes", RESERVE_BYTES)
}

async fn sync_speed(dir: &Path) -> Finding {
    let owned = dir.to_owned();
    let measured = tokio::task::spawn_blocking(move || SyncTimes::measure(&owned, SYNCS, AT_MOST)).await;
    let times = match measured.map_err(std::io::Error::other).and_then(|times| times) {
        Ok(times) => times,
        Err(error) => {
            let seen = format!("4 KiB cannot be written and synced in {}: {error}", dir.display());
            let remedy = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "run this as the user that runs the service",
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "make room on the disk"
                }
                _ => "look at the system's log: the disk may be broken or mounted read-only",
            };
            return Finding::failure(Check::Sync, seen, remedy);
        }
    };
    judge(&times)
}

fn judge(times: &SyncTimes) -> Finding {
    let (median, worst) = (times.median(), times.worst());
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let rate = 1.0 / median.as_secs_f64().max(1e-9);
    let seen = format!(
        "median {:.2} ms, worst {:.2} ms of {}: one client that waits for each answer gets some {rate:.0} messages a \
         second; many at once share a sync",
        ms(median),
        ms(worst),
        times.count(),
    );
    let finding = if median >= Duration::from_millis(100) {
        Finding::warning(
            Check::Sync,
            seen,
            "use a faster disk: an SSD with power-loss protection syncs in well under 1 ms",
        )
    } else if worst >= Duration::from_secs(1) {
        Finding::warning(
            Check::Sync,
            seen,
            "find out what else writes to this disk: every answer waited that long",
        )
    } else if median < Duration::from_micros(10) {
        let seen = format!("{seen}. No disk is that fast");
        Finding::note(Check::Sync, seen)
            .advising("make sure that this disk does not lie: a power cut would lose mail")
    } else {
        Finding::ok(Check::Sync, seen)
    };
    finding
        .with("median_ms", ms(median))
        .with("worst_ms", ms(worst))
        .with("syncs", times.count())
        .with("syncs_per_second", rate)
}
