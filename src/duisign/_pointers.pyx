"""Growth and sorting of pointer arrays."""

from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

cdef enum:
    OCTETS_OF_KEY = 8
    OCTET_VALUES = 256


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


cdef void sort_by_key(Keyed** items, Keyed** spare, size_t count) noexcept nogil:
    """Stable, octet by octet of the keys from the lowest on; octets in which all keys agree are passed over.

    `items` and `spare`, an array as long, may change places.
    """
    cdef unsigned int[OCTETS_OF_KEY][OCTET_VALUES] places
    cdef Keyed* source = items[0]
    cdef Keyed* target = spare[0]
    cdef unsigned int* place
    cdef unsigned int before, found
    cdef size_t index
    cdef unsigned long long key
    cdef int octet, value
    memset(places, 0, sizeof(places))
    for index in range(count):
        key = source[index].key
        for octet in range(OCTETS_OF_KEY):
            places[octet][(key >> 8 * octet) & 0xFF] += 1
    for octet in range(OCTETS_OF_KEY):
        place = places[octet]
        if place[(source[0].key >> 8 * octet) & 0xFF] == count:
            continue
        before = 0
        for value in range(OCTET_VALUES):
            found = place[value]
            place[value] = before
            before += found
        for index in range(count):
            value = (source[index].key >> 8 * octet) & 0xFF
            target[place[value]] = source[index]
            place[value] += 1
        source, target = target, source
    items[0], spare[0] = source, target


cdef bint merge_sort(Keyed* items, Keyed* spare, size_t count, Order order) noexcept nogil:
    """Sort items of one key, stable, in runs of 1, 2, 4, ...; True if two of them are equal."""
    cdef Keyed* source = items
    cdef Keyed* target = spare
    cdef size_t run = 1
    cdef size_t start, middle, end, left, right, to
    cdef int which
    cdef bint repeated = False
    while run < count:
        start = 0
        while start < count:
            middle = start + run if start + run < count else count
            end = start + 2 * run if start + 2 * run < count else count
            left, right = start, middle
            for to in range(start, end):
                which = 1
                if left < middle:
                    which = -1 if right >= end else order(source[left].item, source[right].item)
                    if which == 0:
                        repeated = True
                if which <= 0:
                    target[to] = source[left]
                    left += 1
                else:
                    target[to] = source[right]
                    right += 1
            start = end
        source, target = target, source
        run *= 2
    if source != items:
        memcpy(items, source, count * sizeof(Keyed))
    return repeated


cdef void pointers_sort_many(Pointers* array, Order order, Key key) noexcept nogil:
    """Stable. Time n for keys that differ, and n log n whatever the input, so that nobody can choose a slow one.

    With keys beside the pointers, since the items of a large element are in nobody's cache.
    """
    cdef size_t count = array.count
    cdef size_t start, end, index
    cdef Keyed* both = <Keyed*> malloc(2 * count * sizeof(Keyed))
    cdef Keyed* items = both
    cdef Keyed* spare
    if both == NULL:
        array.failed = True
        return
    spare = both + count
    for index in range(count):
        items[index].item = array.items[index]
        items[index].key = key(array.items[index])
    sort_by_key(&items, &spare, count)
    start = 0
    while start < count:
        end = start + 1
        while end < count and items[end].key == items[start].key:
            end += 1
        if end - start > 1 and merge_sort(items + start, spare, end - start, order):
            array.repeated = True
        start = end
    for index in range(count):
        array.items[index] = items[index].item
    free(both)
