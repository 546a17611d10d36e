"""Growth of the namespace binding stack, and its hash seed."""

import os

from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

binding_seed = int.from_bytes(os.urandom(4), "little")


cdef int bindings_grow(Bindings* stack) noexcept nogil:
    """Double the stack and its buckets; -1 when memory or the range of int is used up."""
    cdef Binding* items
    cdef int* buckets
    cdef int index
    cdef int* bucket
    cdef size_t bucket_count = 2 * (<size_t> stack.mask + 1)
    if stack.capacity > INT_MAX // 4:
        return -1
    if stack.items == stack.inline_items:
        items = <Binding*> malloc(2 * <size_t> stack.capacity * sizeof(Binding))
        if items != NULL:
            memcpy(items, stack.inline_items, sizeof(stack.inline_items))
    else:
        items = <Binding*> realloc(stack.items, 2 * <size_t> stack.capacity * sizeof(Binding))
    if items == NULL:
        return -1
    stack.items = items
    stack.capacity *= 2
    buckets = <int*> malloc(bucket_count * sizeof(int))
    if buckets == NULL:
        return -1
    if stack.buckets != stack.inline_buckets:
        free(stack.buckets)
    stack.buckets = buckets
    stack.mask = <unsigned int> (bucket_count - 1)
    memset(buckets, 0xFF, bucket_count * sizeof(int))
    for index in range(stack.count):
        bucket = &buckets[stack.items[index].hash & stack.mask]
        stack.items[index].below = bucket[0]
        bucket[0] = index
    return 0
