/* The calls that are stood in for: those of glibc that SQLite and the standard library of Rust write with. */
#define _GNU_SOURCE
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* The real one behind NAME, looked up at its first use. */
#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!__atomic_load_n(&real, __ATOMIC_ACQUIRE))                                                                     \
        __atomic_store_n(&real, (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name), __ATOMIC_RELEASE)

static uint64_t count(uint64_t *counter, uint64_t by)
{
    return __atomic_add_fetch(counter, by, __ATOMIC_SEQ_CST);
}

/* Whether the n-th of something fails, where the chosen one does, and perhaps all after it. */
static bool is_due(uint64_t nth, uint64_t chosen)
{
    if (!chosen || !active())
        return false;
    return nth == chosen || (settings()->for_ever && nth > chosen);
}

static off_t size_of(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? stat.st_size : -1;
}

/* What is decided before a write of SIZE bytes at OFFSET (the end of the file if it is an appending one). */
struct write_plan {
    bool counted;
    bool cut;     /* write half, and die */
    int error;    /* fail with it, if not 0 */
    size_t size;  /* as much may be written */
    off_t offset; /* where it will stand */
};

static struct write_plan plan_write(int fd, off_t offset, size_t size)
{
    struct write_plan plan = { .size = size, .offset = offset };
    char path[PATH_MAX];
    off_t end = size_of(fd);
    if (end < 0 || !path_of(fd, path))
        return plan;
    if (offset < 0)
        plan.offset = fcntl(fd, F_GETFL) & O_APPEND ? end : lseek(fd, 0, SEEK_CUR);
    plan.counted = true;
    if (!matches(path))
        return plan;
    uint64_t nth = count(&counts()->writes, 1);
    if (settings()->write_delay_us)
        usleep(settings()->write_delay_us);
    if (is_due(nth, settings()->fail_write)) {
        tell("failed write", path);
        plan.error = settings()->error;
    } else if (is_due(nth, settings()->short_write)) {
        tell("cut write", path);
        plan.cut = true;
        plan.size = size / 2;
    }
    off_t growth = plan.offset + (off_t)plan.size - end;
    if (growth > 0 && !plan.error) {
        int64_t space = settings()->space;
        uint64_t grown = count(&counts()->grown, (uint64_t)growth);
        if (space >= 0 && grown > (uint64_t)space && active()) {
            tell("no space", path);
            count(&counts()->grown, (uint64_t)-growth);
            plan.error = ENOSPC;
        }
    }
    return plan;
}

static ssize_t write_done(int fd, const struct write_plan *plan, ssize_t written)
{
    if (plan->counted && written > 0)
        mirror_wrote(fd, plan->offset, plan->offset + written);
    if (plan->cut)
        kill(getpid(), SIGKILL);
    return written;
}

static ssize_t refuse(int error)
{
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    struct write_plan plan = plan_write(fd, -1, size);
    return plan.error ? refuse(plan.error) : write_done(fd, &plan, real(fd, bytes, plan.size));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    struct write_plan plan = plan_write(fd, offset, size);
    return plan.error ? refuse(plan.error) : write_done(fd, &plan, real(fd, bytes, plan.size, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(fd, bytes, size, offset);
}

/* Vectors are not cut; the fault of a short write counts them, but passes them by. */
static size_t vector_size(const struct iovec *vector, int parts)
{
    size_t size = 0;
    for (int part = 0; part < parts; part++)
        size += vector[part].iov_len;
    return size;
}

ssize_t writev(int fd, const struct iovec *vector, int parts)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    struct write_plan plan = plan_write(fd, -1, vector_size(vector, parts));
    return plan.error ? refuse(plan.error) : write_done(fd, &plan, real(fd, vector, parts));
}

ssize_t pwritev64(int fd, const struct iovec *vector, int parts, off64_t offset)
{
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    struct write_plan plan = plan_write(fd, offset, vector_size(vector, parts));
    return plan.error ? refuse(plan.error) : write_done(fd, &plan, real(fd, vector, parts, offset));
}

ssize_t pwritev(int fd, const struct iovec *vector, int parts, off_t offset)
{
    return pwritev64(fd, vector, parts, offset);
}

/* Copies inside the kernel: no faults, but the mirror must not miss them. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    off_t at = out_at ? *out_at : lseek(out, 0, SEEK_CUR);
    ssize_t copied = real(in, in_at, out, out_at, size, flags);
    if (copied > 0)
        mirror_wrote(out, at, at + copied);
    return copied;
}

ssize_t sendfile64(int out, int in, off64_t *in_at, size_t size)
{
    REAL(ssize_t, "sendfile64", int, int, off64_t *, size_t);
    off_t at = lseek(out, 0, SEEK_CUR);
    ssize_t copied = real(out, in, in_at, size);
    if (copied > 0 && at >= 0)
        mirror_wrote(out, at, at + copied);
    return copied;
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, "ftruncate64", int, off64_t);
    int result = real(fd, size);
    if (result == 0)
        mirror_truncated(fd, size);
    return result;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int sync_with(int fd, int (*real)(int))
{
    char path[PATH_MAX];
    struct stat stat;
    bool has_path = path_of(fd, path);
    bool is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    if (!has_path)
        return real(fd);
    void *begun = mirror_sync_begins(fd);
    if (is_file && matches(path)) {
        uint64_t nth = count(&counts()->syncs, 1);
        if (settings()->sync_delay_us)
            usleep(settings()->sync_delay_us);
        if (is_due(nth, settings()->fail_sync)) {
            tell("failed sync", path);
            mirror_sync_ended(fd, begun, false);
            return (int)refuse(settings()->error);
        }
        if (settings()->lying && active()) {
            tell("empty sync", path);
            mirror_sync_ended(fd, begun, false);
            return 0;
        }
    }
    int result = real(fd);
    int error = errno;
    mirror_sync_ended(fd, begun, result == 0);
    errno = error;
    return result;
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    return sync_with(fd, real);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    return sync_with(fd, real);
}

/* How many blocks are said to be left; as many as there are, unless fewer are wanted. */
static fsblkcnt_t left(const char *path, fsblkcnt_t blocks, unsigned long block)
{
    int64_t bytes = settings()->left;
    if (bytes < 0 || !block || (fsblkcnt_t)bytes / block >= blocks || !matches(path) || !active())
        return blocks;
    tell("little space", path);
    return (fsblkcnt_t)bytes / block;
}

int statvfs(const char *path, struct statvfs *found)
{
    REAL(int, "statvfs", const char *, struct statvfs *);
    int result = real(path, found);
    if (result == 0)
        found->f_bavail = left(path, found->f_bavail, found->f_frsize);
    return result;
}

int statvfs64(const char *path, struct statvfs64 *found)
{
    REAL(int, "statvfs64", const char *, struct statvfs64 *);
    int result = real(path, found);
    if (result == 0)
        found->f_bavail = left(path, found->f_bavail, found->f_frsize);
    return result;
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    int result = real(from, to);
    if (result == 0)
        mirror_renamed(from, to);
    return result;
}

int unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    int result = real(path);
    if (result == 0)
        mirror_unlinked(path);
    return result;
}

/* Opening matters for one thing: O_TRUNC is a truncation. */
static int opened(int fd, int flags)
{
    if (fd >= 0 && flags & O_TRUNC)
        mirror_truncated(fd, 0);
    return fd;
}

#define MODE_OF(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                                             \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                             \
    }

int open(const char *path, int flags, ...)
{
    REAL(int, "open", const char *, int, ...);
    MODE_OF(flags)
    return opened(real(path, flags, mode), flags);
}

int open64(const char *path, int flags, ...)
{
    REAL(int, "open64", const char *, int, ...);
    MODE_OF(flags)
    return opened(real(path, flags, mode), flags);
}

int openat(int directory, const char *path, int flags, ...)
{
    REAL(int, "openat", int, const char *, int, ...);
    MODE_OF(flags)
    return opened(real(directory, path, flags, mode), flags);
}

int openat64(int directory, const char *path, int flags, ...)
{
    REAL(int, "openat64", int, const char *, int, ...);
    MODE_OF(flags)
    return opened(real(directory, path, flags, mode), flags);
}
