/*
 * A disk that fails, for programs that do not know it: preloaded into the real binary, driven by the environment.
 *
 * The fault model.
 *  - A sync may fail once and be silently empty ever after: the kernel marks pages clean whose writing failed. So what
 *    a failed sync would have covered is never copied to the mirror by a later one that succeeds.
 *  - A write may fail, may be short, may find no space; only growth of a file takes space. Independently of that, statvfs
 *    may say that little is left.
 *  - Power may go at any instant. What survives is what a successful fsync or fdatasync of that very file covered, as
 *    of the moment the sync began, and nothing else: not one byte written after it, no truncation, no rename.
 *  - A synced file's name is durable with it, as on ext4 and XFS. A rename or an unlink is durable once its directory,
 *    or the renamed file, was synced. A file that was renamed without ever being synced is durable as an empty one.
 *  - The machine may have been off for a while before the process starts: its wall clock is ahead by so much.
 *  - Not modelled: torn sectors inside a synced write, reordering between files, mmap (only SQLite's -shm is mapped,
 *    and it is rebuilt), O_DIRECT, O_SYNC, sync_file_range, syncfs, renameat, unlinkat, and whoever makes system calls
 *    without the C library.
 */
#ifndef POSTLEDGER_FAULTS_H
#define POSTLEDGER_FAULTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is read from the environment, once. Zero and NULL mean: not at all. */
struct settings {
    const char *match;        /* POSTLEDGER_FAULT_MATCH: parts of paths, separated by commas; all files without it */
    const char *while_exists; /* POSTLEDGER_FAULT_WHILE: faults happen only while this file exists */
    uint64_t fail_sync;       /* POSTLEDGER_FAULT_SYNC: the how many-th sync fails, from 1 */
    uint64_t fail_write;      /* POSTLEDGER_FAULT_WRITE: the how many-th write fails */
    uint64_t short_write;     /* POSTLEDGER_FAULT_SHORT: the how many-th write is cut in half, and the process with it */
    int64_t space;            /* POSTLEDGER_FAULT_SPACE: bytes by which files may grow before ENOSPC; -1 without */
    int64_t left;             /* POSTLEDGER_FAULT_FREE: bytes that are said to be free where statvfs asks; -1 without */
    unsigned write_delay_us;  /* POSTLEDGER_FAULT_WRITE_DELAY_US: before each write */
    unsigned sync_delay_us;   /* POSTLEDGER_FAULT_SYNC_DELAY_US: before each sync */
    bool lying;               /* POSTLEDGER_FAULT_LYING: syncs succeed and make nothing durable */
    int error;                /* POSTLEDGER_FAULT_ERRNO: what a failing sync or write reports; EIO without */
    bool for_ever;            /* POSTLEDGER_FAULT_FOR_EVER: and all after it too */
    uint64_t clock_ahead_ms;  /* POSTLEDGER_FAULT_CLOCK_AHEAD_MS: the wall clock is ahead by so much */
    char root[PATH_MAX];      /* POSTLEDGER_FAULT_ROOT: the directory that is mirrored, resolved */
    char mirror[PATH_MAX];    /* POSTLEDGER_FAULT_MIRROR: the directory of what is durable, resolved */
};

/* Counts, in a file that the test maps by reading it: POSTLEDGER_FAULT_COUNTS. */
struct counts {
    uint64_t syncs;    /* of matching files, whether or not they failed */
    uint64_t writes;   /* of matching files */
    uint64_t grown;    /* bytes by which matching files grew */
    uint64_t injected; /* faults */
};

extern const struct settings *settings(void);
extern struct counts *counts(void);

/* Counts a fault, and writes what and where to the file POSTLEDGER_FAULT_LOG, with the thread and its time in µs. */
extern void tell(const char *what, const char *path);

/* The path of an open file; false where it has none, as sockets and deleted files. */
extern bool path_of(int fd, char path[PATH_MAX]);
/* Whether faults are meant for this path. */
extern bool matches(const char *path);
/* Whether faults happen now. */
extern bool active(void);

/* The mirror. All of these do nothing without one, or outside its root. */
extern void mirror_wrote(int fd, off_t from, off_t to);
extern void mirror_truncated(int fd, off_t size);
extern void mirror_renamed(const char *from, const char *to);
extern void mirror_unlinked(const char *path);
/* Between these two the sync happens: what was dirty before it is durable after it, or lost for good. */
extern void *mirror_sync_begins(int fd);
extern void mirror_sync_ended(int fd, void *begun, bool succeeded);

#endif
