# A growing array of borrowed pointers and a stable merge sort: attributes and namespaces of one start tag.

from libc.stdlib cimport free


cdef enum:
    # Pointers that need no allocation; DUIS elements have at most a handful of attributes.
    INLINE_POINTERS = 16


ctypedef int (*Order)(const void* left, const void* right) noexcept nogil


cdef struct Pointers:
    void** items
    int count
    int capacity
    # owned by pointers_sort, as long as items
    void** merged
    int merged_capacity
    bint failed
    void* inline_items[INLINE_POINTERS]


cdef void pointers_grow(Pointers* array) noexcept nogil
cdef void pointers_merge_sort(Pointers* array, Order order) noexcept nogil


cdef inline void pointers_open(Pointers* array) noexcept nogil:
    array.items = array.inline_items
    array.count = 0
    array.capacity = INLINE_POINTERS
    array.merged = NULL
    array.merged_capacity = 0
    array.failed = False


cdef inline void pointers_free(Pointers* array) noexcept nogil:
    if array.items != array.inline_items:
        free(array.items)
    free(array.merged)


cdef inline void pointers_add(Pointers* array, void* pointer) noexcept nogil:
    if array.count == array.capacity:
        pointers_grow(array)
        if array.failed:
            return
    array.items[array.count] = pointer
    array.count += 1


cdef inline void pointers_sort(Pointers* array, Order order) noexcept nogil:
    cdef int index, hole
    cdef void* pointer
    if array.count > INLINE_POINTERS:
        pointers_merge_sort(array, order)
        return
    for index in range(1, array.count):
        pointer = array.items[index]
        hole = index
        while hole > 0 and order(array.items[hole - 1], pointer) > 0:
            array.items[hole] = array.items[hole - 1]
            hole -= 1
        array.items[hole] = pointer
