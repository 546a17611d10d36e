/* Loaded before all else into the process that is counted, see instructions.py. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

/* Count from here. */
void window_open(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

/* Write what was counted since to a file of its own, under this name. */
void window_close(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}

/* libxml2 seeds the hash of its dictionary of names with it: other collisions in each process, other counts. */
int getentropy(void *buffer, size_t length) {
    const char *number = getenv("DUISIGN_SEED");
    memset(buffer, 0x5a + (number ? atoi(number) : 0), length);
    return 0;
}
