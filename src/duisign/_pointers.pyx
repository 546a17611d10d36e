"""Growth and merge sort of pointer arrays."""

from libc.limits cimport INT_MAX
from libc.stdlib cimport malloc, realloc
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


cdef void pointers_merge_sort(Pointers* array, Order order) noexcept nogil:
    """Stable, in runs of 1, 2, 4, ...: time n log n whatever the input, so that nobody can choose a slow one."""
    cdef size_t count = array.count
    cdef size_t run = 1
    cdef size_t start, middle, end, left, right, to
    cdef void** source
    cdef void** target
    cdef void** merged
    if array.merged_capacity < array.count:
        merged = <void**> realloc(array.merged, <size_t> array.capacity * sizeof(void*))
        if merged == NULL:
            array.failed = True
            return
        array.merged = merged
        array.merged_capacity = array.capacity
    source = array.items
    target = array.merged
    while run < count:
        start = 0
        while start < count:
            middle = start + run if start + run < count else count
            end = start + 2 * run if start + 2 * run < count else count
            left, right = start, middle
            for to in range(start, end):
                if left < middle and (right >= end or order(source[left], source[right]) <= 0):
                    target[to] = source[left]
                    left += 1
                else:
                    target[to] = source[right]
                    right += 1
            start = end
        source, target = target, source
        run *= 2
    if source != array.items:
        memcpy(array.items, source, count * sizeof(void*))
