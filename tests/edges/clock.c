/* The clock of a process under test. Loaded before its C library (LD_PRELOAD), it gives the time that stands in the file
 * CLOCK_FILE names, as nanoseconds since 1970 in eight bytes; where they are zero, the time it is. Only the time of day is
 * changed: what measures how long things take goes on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *told;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CLOCK_FILE");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *told, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) told = page;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int64_t now = told && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) ? *told : 0;
    if (now == 0) return (int)syscall(SYS_clock_gettime, clock, time);
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
