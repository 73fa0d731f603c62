/* The environment, the counts and the paths. */
#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct settings read_once;
static struct counts *shared;
static struct counts private;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void resolved(const char *name, char into[PATH_MAX])
{
    const char *path = getenv(name);
    if (!path || !realpath(path, into))
        into[0] = 0;
}

static void read_environment(void)
{
    struct settings *s = &read_once;
    s->match = getenv("POSTLEDGER_FAULT_MATCH");
    s->while_exists = getenv("POSTLEDGER_FAULT_WHILE");
    s->fail_sync = number("POSTLEDGER_FAULT_SYNC", 0);
    s->fail_write = number("POSTLEDGER_FAULT_WRITE", 0);
    s->short_write = number("POSTLEDGER_FAULT_SHORT", 0);
    s->space = (int64_t)number("POSTLEDGER_FAULT_SPACE", (uint64_t)-1);
    s->left = (int64_t)number("POSTLEDGER_FAULT_FREE", (uint64_t)-1);
    s->write_delay_us = (unsigned)number("POSTLEDGER_FAULT_WRITE_DELAY_US", 0);
    s->sync_delay_us = (unsigned)number("POSTLEDGER_FAULT_SYNC_DELAY_US", 0);
    s->error = (int)number("POSTLEDGER_FAULT_ERRNO", EIO);
    s->lying = number("POSTLEDGER_FAULT_LYING", 0) != 0;
    s->for_ever = number("POSTLEDGER_FAULT_FOR_EVER", 0) != 0;
    s->clock_ahead_ms = number("POSTLEDGER_FAULT_CLOCK_AHEAD_MS", 0);
    resolved("POSTLEDGER_FAULT_ROOT", s->root);
    resolved("POSTLEDGER_FAULT_MIRROR", s->mirror);

    shared = &private;
    const char *file = getenv("POSTLEDGER_FAULT_COUNTS");
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            shared = map;
        close(fd);
    }
}

const struct settings *settings(void)
{
    pthread_once(&once, read_environment);
    return &read_once;
}

struct counts *counts(void)
{
    pthread_once(&once, read_environment);
    return shared;
}

void tell(const char *what, const char *path)
{
    __atomic_add_fetch(&counts()->injected, 1, __ATOMIC_SEQ_CST);
    const char *file = getenv("POSTLEDGER_FAULT_LOG");
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    struct timespec now;
    char line[PATH_MAX + 128], thread[16] = "";
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_getname_np(pthread_self(), thread, sizeof thread);
    long long micros = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    int size = snprintf(line, sizeof line, "%s %s by %s at %lld\n", what, path, thread, micros);
    syscall(SYS_write, fd, line, size);
    close(fd);
}

bool path_of(int fd, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0)
        return false;
    path[size] = 0;
    return path[0] == '/' && !strstr(path, " (deleted)");
}

bool matches(const char *path)
{
    const char *part = settings()->match;
    if (!part)
        return true;
    while (*part) {
        size_t size = strcspn(part, ",");
        if (size && memmem(path, strlen(path), part, size))
            return true;
        part += size + (part[size] == ',');
    }
    return false;
}

bool active(void)
{
    const char *control = settings()->while_exists;
    return !control || access(control, F_OK) == 0;
}
