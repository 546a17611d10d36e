"""The heap of the process: how much free memory it keeps for what comes next.

glibc gives memory that is free at the end of a heap back to the system, from 128 KiB on, and fetches it again page by
page, which takes a good part of the time of verifying long documents and of signing in batches. How much it keeps it
learns from blocks that were freed (mallopt(3), M_TRIM_THRESHOLD), but not from small ones, of which lxml makes trees.
"""

cdef extern from *:
    """
    #if defined(__GLIBC__)
    #include <stdlib.h>
    /* Octets of the largest block that glibc learns from: its DEFAULT_MMAP_THRESHOLD_MAX, less what it adds. */
    #define DUISIGN_LARGEST_LESSON (32 * 1024 * 1024 - 8192)
    /* glibc learns from a block with a mapping of its own, to which nothing need be written, and keeps twice as much.
     * To free one without would give back what is to be kept, so each size is done once.
     */
    static void duisign_keep_memory(size_t octets)
    {
        static size_t done;
        /* What it maps from the start: M_MMAP_THRESHOLD. */
        size_t lesson = 131072;
        void *volatile block;
        while (lesson < octets && lesson < DUISIGN_LARGEST_LESSON) {
            lesson *= 2;
        }
        if (lesson > DUISIGN_LARGEST_LESSON) {
            lesson = DUISIGN_LARGEST_LESSON;
        }
        if (__atomic_load_n(&done, __ATOMIC_RELAXED) < lesson) {
            __atomic_store_n(&done, lesson, __ATOMIC_RELAXED);
            block = malloc(lesson);
            free(block);
        }
    }
    #else
    static void duisign_keep_memory(size_t octets)
    {
        (void)octets;
    }
    #endif
    """
    void duisign_keep_memory(size_t octets) noexcept nogil


cdef void keep_memory(size_t octets) noexcept nogil:
    """Have the heap keep twice so many octets, or up to four times, from now on; at most 64 MiB for each arena."""
    duisign_keep_memory(octets)
