//! The data directory: where things lie in it, and what the filesystem under it can do.

use crate::fault::OpenError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Names inside a data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDirectory(pub PathBuf);

impl DataDirectory {
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    pub(crate) fn views(&self) -> PathBuf {
        self.0.join("views.db")
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.0.join("anchor")
    }

    pub(crate) fn secret(&self) -> PathBuf {
        self.0.join("secret")
    }

    /// Creates it, for its owner only, unless it is there. Refuses a network filesystem.
    pub(crate) fn prepare(&self) -> Result<(), OpenError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        created.map_err(OpenError::io("cannot create", &self.0))?;
        let kind = kind(&self.0).map_err(OpenError::io("cannot examine", &self.0))?;
        if kind.is_some_and(|kind| kind.is_network) {
            Err(OpenError::NetworkFilesystem(self.0.clone()))
        } else {
            Ok(())
        }
    }

    /// The lock that one instance holds for as long as the file lives.
    pub(crate) fn lock(&self) -> Result<File, OpenError> {
        let path = self.0.join("lock");
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(OpenError::io("cannot open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(OpenError::Locked(self.0.clone())),
            Err(fs::TryLockError::Error(error)) => Err(OpenError::io("cannot lock", path)(error)),
        }
    }
}

/// A type of filesystem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub name: &'static str,
    pub is_network: bool,
    pub is_memory: bool,
}

/// By the magic numbers of statfs(2). GlusterFS and others over FUSE are not told from local FUSE.
#[cfg(target_os = "linux")]
const KINDS: [(u64, Kind); 20] = [
    (0xEF53, local("ext4")),
    (0x5846_5342, local("xfs")),
    (0x9123_683E, local("btrfs")),
    (0x2FC1_2FC1, local("zfs")),
    (0xF2F5_2010, local("f2fs")),
    (0xCA45_1A4E, local("bcachefs")),
    (0x794C_7630, local("overlayfs")),
    (0x6573_5546, local("fuse")),
    (0x4D44, local("vfat")),
    (0x0102_1994, Kind { name: "tmpfs", is_network: false, is_memory: true }),
    (0x8584_58F6, Kind { name: "ramfs", is_network: false, is_memory: true }),
    (0x6969, network("nfs")),
    (0x517B, network("smb")),
    (0xFF53_4D42, network("cifs")),
    (0xFE53_4D42, network("smb2")),
    (0x7375_7245, network("coda")),
    (0x5346_414F, network("afs")),
    (0x0102_1997, network("9p")),
    (0x00C3_6400, network("ceph")),
    (0x0BD0_0BD0, network("lustre")),
];

const fn local(name: &'static str) -> Kind {
    Kind { name, is_network: false, is_memory: false }
}

const fn network(name: &'static str) -> Kind {
    Kind { name, is_network: true, is_memory: false }
}

/// The type of the filesystem that a path lies on; `None` for one that is not listed here.
#[cfg(target_os = "linux")]
pub(crate) fn kind(path: &Path) -> io::Result<Option<Kind>> {
    let magic = rustix::fs::statfs(path)?.f_type;
    // The field's type differs between targets; only its low 32 bits name the filesystem.
    let Ok(magic) = u64::try_from(magic) else { return Ok(None) };
    let known = KINDS.iter().find(|(known, _)| *known == magic & 0xffff_ffff);
    Ok(known.map(|(_, kind)| *kind))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn kind(_path: &Path) -> io::Result<Option<Kind>> {
    Ok(None)
}

/// Bytes that an unprivileged process may still write there.
pub(crate) fn free_space(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes of a database file and of its write-ahead log.
pub(crate) fn size_with_log(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    size(path) + size(Path::new(&log))
}

/// Makes a rename or a new file in the parent directory durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), OpenError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(OpenError::io("cannot sync", parent))
}

/// Writes a whole file under a temporary name and renames it into place. Durable on return; never half there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), OpenError> {
    let partial = partial(path);
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(OpenError::io("cannot write", path))?;
    sync_parent(path)
}

/// The name under which a file is made before it is whole.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
