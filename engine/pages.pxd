# Memory for large tables: on a boundary of 2 MiB, and the system is asked to use pages
# of that size. Where a table is hit at random, looking up the page is what costs most.

cdef extern from *:
    """
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>

    #define FIXGW_PAGE ((size_t)1 << 21)

    /* bytes of memory, all zero, to be freed with free(); NULL if there is none. */
    static void *fixgw_pages(size_t bytes)
    {
        void *found = NULL;
        size_t align = bytes < FIXGW_PAGE ? 64 : FIXGW_PAGE;
        if (posix_memalign(&found, align, bytes))
            return NULL;
    #ifdef MADV_HUGEPAGE
        if (bytes >= FIXGW_PAGE)
            (void)madvise(found, bytes & ~(FIXGW_PAGE - 1), MADV_HUGEPAGE);
    #endif
        memset(found, 0, bytes);
        return found;
    }

    /* The same with what was in old, which is freed; NULL changes nothing. */
    static void *fixgw_pages_grown(void *old, size_t used, size_t bytes)
    {
        void *found = fixgw_pages(bytes);
        if (found && used) {
            memcpy(found, old, used);
        }
        if (found)
            free(old);
        return found;
    }
    """
    void *pages "fixgw_pages"(size_t bytes) noexcept nogil
    void *pages_grown "fixgw_pages_grown"(void *old, size_t used, size_t bytes) noexcept nogil
