/*
 * A small program to try the faults on. Each argument is one call; after each it prints ok, or the error's name.
 *
 *   w:FILE:OFFSET:TEXT  pwrite       a:FILE:TEXT  write at the end      t:FILE:SIZE  ftruncate
 *   s:FILE  fdatasync                f:FILE  fsync (also a directory)   o:FILE  open with O_TRUNC
 *   r:FROM:TO  rename                u:FILE  unlink                     v:PATH:BYTES  statvfs: so many are free
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct {
    char name[256];
    int fd;
} files[64];

/* The descriptor of a file, opened once, as a database would. */
static int file(const char *name)
{
    int at = 0;
    while (files[at].name[0] && strcmp(files[at].name, name))
        at++;
    if (!files[at].name[0]) {
        strncpy(files[at].name, name, sizeof files[at].name - 1);
        files[at].fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (files[at].fd < 0)
            files[at].fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return files[at].fd;
}

static void forget(const char *name)
{
    for (int at = 0; at < 64; at++)
        if (!strcmp(files[at].name, name))
            strcpy(files[at].name, "-");
}

/* Whole or nothing, as SQLite sees it. */
static int wrote(ssize_t written, size_t wanted)
{
    return written == (ssize_t)wanted ? 0 : -1;
}

static int has_free(const char *path, unsigned long bytes)
{
    struct statvfs found;
    if (statvfs(path, &found))
        return -1;
    errno = ENOSPC;
    return found.f_bavail * found.f_frsize >= bytes ? 0 : -1;
}

static int call(char *argument)
{
    char *first = argument + 2, *second = strchr(first, ':'), *third = NULL;
    if (second) {
        *second++ = 0;
        third = strchr(second, ':');
        if (third)
            *third++ = 0;
    }
    switch (argument[0]) {
    case 'w':
        return wrote(pwrite(file(first), third, strlen(third), atol(second)), strlen(third));
    case 'a':
        lseek(file(first), 0, SEEK_END);
        return wrote(write(file(first), second, strlen(second)), strlen(second));
    case 't':
        return ftruncate(file(first), atol(second));
    case 's':
        return fdatasync(file(first));
    case 'f':
        return fsync(file(first));
    case 'o':
        return open(first, O_WRONLY | O_TRUNC | O_CLOEXEC) < 0 ? -1 : 0;
    case 'r':
        forget(first);
        forget(second);
        return rename(first, second);
    case 'v':
        return has_free(first, strtoul(second, NULL, 10));
    case 'u':
        forget(first);
        return unlink(first);
    }
    errno = EINVAL;
    return -1;
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int at = 1; at < count; at++) {
        errno = 0;
        puts(call(arguments[at]) == 0 ? "ok" : errno == EIO ? "EIO" : errno == ENOSPC ? "ENOSPC" : strerror(errno));
    }
    return 0;
}
