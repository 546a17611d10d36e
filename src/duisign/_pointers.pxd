# A growing array of borrowed pointers and a stable sort: attributes and namespaces of one start tag.

from libc.stdlib cimport free


cdef enum:
    # Pointers that need no allocation; DUIS elements have at most a handful of attributes.
    INLINE_POINTERS = 16
    # Items of a sorted array, which lie anywhere, that are fetched ahead of their use; what they point to, half as far.
    AHEAD = 16


ctypedef int (*Order)(const void* left, const void* right) noexcept nogil
# What an order goes by, as a number that need not tell all apart: the key of what comes first is never the greater one.
ctypedef unsigned long long (*Key)(const void* item) noexcept nogil


cdef struct Keyed:
    unsigned long long key
    # borrowed
    void* item


cdef struct Pointers:
    void** items
    int count
    int capacity
    bint failed
    # two that were sorted last are equal
    bint repeated
    void* inline_items[INLINE_POINTERS]


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define duisign_prefetch(at) __builtin_prefetch(at)
    #else
    #define duisign_prefetch(at) ((void)(at))
    #endif
    """
    # May be no address at all.
    void prefetch "duisign_prefetch" (const void* at) noexcept nogil


cdef void pointers_grow(Pointers* array) noexcept nogil
cdef void pointers_sort_many(Pointers* array, Order order, Key key) noexcept nogil


cdef inline void pointers_open(Pointers* array) noexcept nogil:
    array.items = array.inline_items
    array.count = 0
    array.capacity = INLINE_POINTERS
    array.failed = array.repeated = False


cdef inline void pointers_free(Pointers* array) noexcept nogil:
    if array.items != array.inline_items:
        free(array.items)


cdef inline void pointers_add(Pointers* array, void* pointer) noexcept nogil:
    if array.count == array.capacity:
        pointers_grow(array)
        if array.failed:
            return
    array.items[array.count] = pointer
    array.count += 1


cdef inline void pointers_sort(Pointers* array, Order order, Key key) noexcept nogil:
    cdef int index, hole, compared
    cdef void* pointer
    array.repeated = False
    if array.count > INLINE_POINTERS:
        pointers_sort_many(array, order, key)
        return
    for index in range(1, array.count):
        pointer = array.items[index]
        hole = index
        while hole > 0:
            compared = order(array.items[hole - 1], pointer)
            if compared <= 0:
                if compared == 0:
                    array.repeated = True
                break
            array.items[hole] = array.items[hole - 1]
            hole -= 1
        array.items[hole] = pointer


cdef inline bint are_many(const Pointers* array) noexcept nogil:
    """Whether it pays to fetch items ahead."""
    return array.count > INLINE_POINTERS


cdef inline void* item_ahead(const Pointers* array, int index) noexcept nogil:
    """Fetch the item that will be used long after this one. Gives one that is used sooner and is there by now."""
    cdef int last = array.count - 1
    prefetch(array.items[index + AHEAD if index + AHEAD < last else last])
    return array.items[index + AHEAD // 2 if index + AHEAD // 2 < last else last]
