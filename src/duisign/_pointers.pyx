"""Growth and merge sort of pointer arrays."""

from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy


cdef void pointers_grow(Pointers* array) noexcept nogil:
    cdef void** items
    if array.capacity > INT_MAX // 4:
        array.failed = True
        return
    if array.items == array.inline_items:
        items = <void**> malloc(2 * <size_t> array.capacity * sizeof(void*))
        if items != NULL:
            memcpy(items, array.inline_items, sizeof(array.inline_items))
    else:
        items = <void**> realloc(array.items, 2 * <size_t> array.capacity * sizeof(void*))
    if items == NULL:
        array.failed = True
        return
    array.items = items
    array.capacity *= 2


cdef inline int compared(const Keyed* left, const Keyed* right, Order order) noexcept nogil:
    if left.key != right.key:
        return -1 if left.key < right.key else 1
    return order(left.item, right.item)


cdef void pointers_merge_sort(Pointers* array, Order order, Key key) noexcept nogil:
    """Stable, in runs of 1, 2, 4, ...: time n log n whatever the input, so that nobody can choose a slow one.

    With keys beside the pointers, since the items of a large element are in nobody's cache.
    """
    cdef size_t count = array.count
    cdef size_t run = 1
    cdef size_t start, middle, end, left, right, to
    cdef int which
    cdef Keyed* source = <Keyed*> malloc(2 * count * sizeof(Keyed))
    cdef Keyed* target
    cdef Keyed* both = source
    if both == NULL:
        array.failed = True
        return
    target = both + count
    for to in range(count):
        source[to].item = array.items[to]
        source[to].key = key(array.items[to])
    while run < count:
        start = 0
        while start < count:
            middle = start + run if start + run < count else count
            end = start + 2 * run if start + 2 * run < count else count
            left, right = start, middle
            for to in range(start, end):
                which = 1
                if left < middle:
                    which = -1 if right >= end else compared(&source[left], &source[right], order)
                    if which == 0:
                        array.repeated = True
                if which <= 0:
                    target[to] = source[left]
                    left += 1
                else:
                    target[to] = source[right]
                    right += 1
            start = end
        source, target = target, source
        run *= 2
    for to in range(count):
        array.items[to] = source[to].item
    free(both)
