/*
 * The durable mirror: a directory that holds at every instant what would be left if power went now.
 *
 * Of each file of the root it knows which ranges were written, and how far it was cut, since its last sync. A sync takes
 * these when it begins and copies them when it has succeeded; what was written meanwhile waits for the next one.
 *
 * The first sync of a file in a process covers the whole file: a process that was killed before leaves what it wrote to
 * the kernel, and whoever syncs next makes that durable too.
 */
#define _GNU_SOURCE
#include "faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct range {
    off_t from, to;
};

/* What happened to one file since its last sync. */
struct dirty {
    dev_t device;
    ino_t inode;
    off_t cut;   /* the least size it was truncated to; -1 if it was not */
    off_t whole; /* at the first sync of this process: its size; -1 otherwise */
    size_t count, room;
    struct range *ranges;
    struct dirty *next;
};

/* Files that this process has synced, or tried to. */
struct seen {
    dev_t device;
    ino_t inode;
    struct seen *next;
};

/* A rename (to is set) or an unlink that its directory has not made durable yet; paths below the root. */
struct change {
    char from[PATH_MAX], to[PATH_MAX];
    struct change *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dirty *dirty_files;
static struct seen *seen_files;
static struct change *changes, **last_change = &changes;

/* The part of a path below the root; NULL outside of it. */
static const char *below(const char *path)
{
    const char *root = settings()->root;
    size_t size = strlen(root);
    if (!size || !settings()->mirror[0] || strncmp(path, root, size) || (path[size] && path[size] != '/'))
        return NULL;
    return path + size;
}

static void shadow_path(char into[2 * PATH_MAX], const char *relative)
{
    snprintf(into, 2 * PATH_MAX, "%s%s", settings()->mirror, relative);
}

/* Opens the shadow of a file, and makes its directories. By the bare system call: this is no write of the program. */
static int shadow_open(const char *relative)
{
    char path[2 * PATH_MAX];
    shadow_path(path, relative);
    for (char *at = path + strlen(settings()->mirror) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(path, 0700);
        *at = '/';
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* The record of an open file; made if wanted. Called with the lock held. */
static struct dirty **dirty_of(int fd, bool make)
{
    struct stat stat;
    if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
        return NULL;
    struct dirty **at = &dirty_files;
    while (*at && ((*at)->inode != stat.st_ino || (*at)->device != stat.st_dev))
        at = &(*at)->next;
    if (!*at && make) {
        *at = calloc(1, sizeof **at);
        **at = (struct dirty){ .device = stat.st_dev, .inode = stat.st_ino, .cut = -1, .whole = -1 };
    }
    return *at ? at : NULL;
}

static bool is_mirrored(int fd)
{
    char path[PATH_MAX];
    if (!settings()->mirror[0] || !path_of(fd, path) || !below(path))
        return false;
    size_t size = strlen(path);
    return size < 4 || strcmp(path + size - 4, "-shm");
}

void mirror_wrote(int fd, off_t from, off_t to)
{
    if (!is_mirrored(fd))
        return;
    pthread_mutex_lock(&lock);
    struct dirty **found = dirty_of(fd, true);
    if (found) {
        struct dirty *dirty = *found;
        struct range *last = dirty->count ? &dirty->ranges[dirty->count - 1] : NULL;
        if (last && from <= last->to && to >= last->from) {
            last->from = from < last->from ? from : last->from;
            last->to = to > last->to ? to : last->to;
        } else {
            if (dirty->count == dirty->room) {
                dirty->room = dirty->room ? 2 * dirty->room : 16;
                dirty->ranges = realloc(dirty->ranges, dirty->room * sizeof *dirty->ranges);
            }
            dirty->ranges[dirty->count++] = (struct range){ from, to };
        }
    }
    pthread_mutex_unlock(&lock);
}

void mirror_truncated(int fd, off_t size)
{
    if (!is_mirrored(fd))
        return;
    pthread_mutex_lock(&lock);
    struct dirty **found = dirty_of(fd, true);
    if (found && ((*found)->cut < 0 || size < (*found)->cut))
        (*found)->cut = size;
    pthread_mutex_unlock(&lock);
}

/* The path below the root that a name which may be gone already has: its directory is what is resolved. */
static bool resolved(const char *path, char into[PATH_MAX])
{
    char directory[PATH_MAX], real[PATH_MAX];
    const char *name = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s", name ? (int)(name - path) : 1, name ? path : ".");
    if (!realpath(directory[0] ? directory : "/", real))
        return false;
    size_t size = strlen(real);
    if (size + strlen(name ? name : path) + 2 > PATH_MAX)
        return false;
    stpcpy(stpcpy(stpcpy(into, real), "/"), name ? name + 1 : path);
    const char *relative = below(into);
    if (!relative)
        return false;
    memmove(into, relative, strlen(relative) + 1);
    return true;
}

static void changed(const char *from, const char *to)
{
    if (!settings()->mirror[0])
        return;
    struct change *change = calloc(1, sizeof *change);
    if (resolved(from, change->from) && (!to || resolved(to, change->to))) {
        pthread_mutex_lock(&lock);
        *last_change = change;
        last_change = &change->next;
        pthread_mutex_unlock(&lock);
    } else {
        free(change);
    }
}

void mirror_renamed(const char *from, const char *to)
{
    changed(from, to);
}

void mirror_unlinked(const char *path)
{
    changed(path, NULL);
}

/* Makes a rename or an unlink durable. */
static void apply(const struct change *change)
{
    char from[2 * PATH_MAX], to[2 * PATH_MAX];
    shadow_path(from, change->from);
    if (!change->to[0]) {
        syscall(SYS_unlinkat, AT_FDCWD, from, 0);
        return;
    }
    shadow_path(to, change->to);
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)) {
        /* Never synced: the name is durable, the content is not. */
        int fd = shadow_open(change->to);
        if (fd >= 0 && ftruncate(fd, 0) == 0)
            close(fd);
    }
}

/*
 * Applies, in order, the changes that concern a directory, or a file by its present name: a file that is synced where
 * another was renamed away or unlinked makes that durable too. With the lock held.
 */
static void apply_changes(const char *directory, const char *file)
{
    struct change **at = &changes;
    while (*at) {
        struct change *change = *at;
        const char *name = change->to[0] ? change->to : change->from;
        size_t size = (size_t)(strrchr(name, '/') - name);
        bool due = directory ? strlen(directory) == size && !strncmp(name, directory, size)
                             : !strcmp(change->from, file) || !strcmp(change->to, file);
        if (due) {
            apply(change);
            *at = change->next;
            free(change);
        } else {
            at = &change->next;
        }
    }
    last_change = at;
}

/* Whether it is asked for the first time about this file. Called with the lock held. */
static bool is_new(const struct dirty *dirty)
{
    for (struct seen *at = seen_files; at; at = at->next)
        if (at->inode == dirty->inode && at->device == dirty->device)
            return false;
    struct seen *seen = calloc(1, sizeof *seen);
    *seen = (struct seen){ dirty->device, dirty->inode, seen_files };
    seen_files = seen;
    return true;
}

void *mirror_sync_begins(int fd)
{
    if (!is_mirrored(fd))
        return NULL;
    pthread_mutex_lock(&lock);
    struct stat stat;
    struct dirty **found = dirty_of(fd, true), *dirty = found ? *found : NULL;
    if (dirty) {
        *found = dirty->next;
        if (is_new(dirty) && fstat(fd, &stat) == 0)
            dirty->whole = stat.st_size;
    }
    pthread_mutex_unlock(&lock);
    return dirty;
}

static void copy(int from, int to, struct range range)
{
    char buffer[65536];
    while (range.from < range.to) {
        size_t want = (size_t)(range.to - range.from) < sizeof buffer ? (size_t)(range.to - range.from) : sizeof buffer;
        ssize_t got = pread(from, buffer, want, range.from);
        if (got <= 0 || syscall(SYS_pwrite64, to, buffer, got, range.from) != got)
            return;
        range.from += got;
    }
}

/* A descriptor that can be read: the program's own may be open for writing only. */
static int readable(int fd)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
}

void mirror_sync_ended(int fd, void *begun, bool succeeded)
{
    struct dirty *dirty = begun;
    char path[PATH_MAX];
    struct stat stat;
    const char *relative = is_mirrored(fd) && path_of(fd, path) ? below(path) : NULL;
    if (succeeded && relative && fstat(fd, &stat) == 0) {
        pthread_mutex_lock(&lock);
        if (S_ISDIR(stat.st_mode)) {
            apply_changes(relative, NULL);
        } else if (S_ISREG(stat.st_mode)) {
            apply_changes(NULL, relative);
            int to = shadow_open(relative), from = readable(fd);
            if (to >= 0 && from >= 0 && dirty) {
                /* Never cut before it is copied: SIGKILL may come in between. */
                if (dirty->whole >= 0) {
                    copy(from, to, (struct range){ 0, dirty->whole });
                    syscall(SYS_ftruncate, to, dirty->whole);
                } else if (dirty->cut >= 0) {
                    syscall(SYS_ftruncate, to, dirty->cut);
                }
                for (size_t at = 0; at < dirty->count; at++)
                    copy(from, to, dirty->ranges[at]);
                /* Truncated upwards, or past what was written. */
                if (dirty->cut >= 0 && fstat(to, &stat) == 0) {
                    off_t size = stat.st_size;
                    if (fstat(fd, &stat) == 0 && stat.st_size > size)
                        syscall(SYS_ftruncate, to, stat.st_size);
                }
            }
            if (to >= 0)
                close(to);
            if (from >= 0)
                close(from);
        }
        pthread_mutex_unlock(&lock);
    }
    if (dirty) {
        free(dirty->ranges);
        free(dirty);
    }
}
