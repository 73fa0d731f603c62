/* The wall clock, ahead by so much: what a process sees of a machine that was off meanwhile. */
#define _GNU_SOURCE
#include "faults.h"

#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!__atomic_load_n(&real, __ATOMIC_ACQUIRE))
        __atomic_store_n(&real, (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime"),
                         __ATOMIC_RELEASE);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && settings()->clock_ahead_ms) {
        now->tv_nsec += (long)(settings()->clock_ahead_ms % 1000) * 1000000L;
        now->tv_sec += (time_t)(settings()->clock_ahead_ms / 1000) + now->tv_nsec / 1000000000L;
        now->tv_nsec %= 1000000000L;
    }
    return result;
}
