/* Holds every scan of _scan.h against what it promises, octet by octet: each octet at each place among octets that do
 * not stop, and random buffers; and the comparison of names, of all lengths at all places. Prints the branch that was
 * compiled and how many scans and comparisons were tried; 1 if one was wrong.
 */
#include "_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 67, LONGEST_NAME = 49, RANDOM_BUFFERS = 200000 };

static long scans, comparisons;

/* The promise, written without a look at the header: by lists of octets. */
static int is_stop(uint8_t octet, int kind)
{
    static const char *const listed[] = {"<>&", "<&\"'\t\n", ""};
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    const char *stops = listed[kind == DUISIGN_TEXT ? 0 : kind == DUISIGN_VALUE ? 1 : 2];
    if (kind == DUISIGN_NAME)
        return octet == 0 || strchr(name, octet) == NULL;
    /* strchr finds the NUL too. */
    if (kind == DUISIGN_TEXT_ESCAPE)
        return strchr("<>&\r", octet) != NULL;
    if (kind == DUISIGN_VALUE_ESCAPE)
        return strchr("<&\"\t\n\r", octet) != NULL;
    if (octet == '\t' || octet == '\n')
        return strchr(stops, octet) != NULL;
    return octet < 32 || octet > 127 || strchr(stops, octet) != NULL;
}

static const uint8_t *scan(const uint8_t *at, const uint8_t *end, int kind, uint8_t stop)
{
    switch (kind) {
    case DUISIGN_TEXT:
        return duisign_scan_text(at, end);
    case DUISIGN_VALUE:
        return duisign_scan_value(at, end);
    case DUISIGN_NAME:
        return duisign_scan_name(at, end);
    case DUISIGN_TEXT_ESCAPE:
    case DUISIGN_VALUE_ESCAPE:
        return duisign_scan(at, end, kind);
    default:
        return duisign_scan_to(at, end, stop);
    }
}

static void check(const uint8_t *octets, size_t length, int kind, uint8_t stop)
{
    const uint8_t *expected = octets, *found = scan(octets, octets + length, kind, stop);
    while (expected < octets + length && !is_stop(*expected, kind) && !(kind == DUISIGN_CHARACTER && *expected == stop))
        expected++;
    scans++;
    if (found != expected) {
        printf("kind %d: stops at %ld, not at %ld, of %zu octets\n", kind, (long)(found - octets),
               (long)(expected - octets), length);
        exit(1);
    }
}

/* As it is in a bytes object: the NUL is the last octet that may be read, which valgrind and ASan watch. */
static void check_copy(const uint8_t *octets, size_t length, int kind, uint8_t stop)
{
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL)
        exit(2);
    memcpy(copy, octets, length);
    copy[length] = 0;
    check(copy, length, kind, stop);
    free(copy);
}

/* The first `length` octets of a buffer of `size` against those at `place`: the same but for the octet at `wrong`. */
static void check_same(uint8_t *octets, size_t size, size_t length, size_t place, size_t wrong)
{
    int found, expected = place + length <= size && wrong >= length;
    for (size_t index = 0; index < size; index++)
        octets[index] = (uint8_t)('a' + index % 23);
    for (size_t index = 0; index < length && place + index < size; index++)
        octets[place + index] = (uint8_t)(octets[index] ^ (index == wrong));
    found = duisign_same(octets, octets + place, octets + size, length);
    comparisons++;
    if (found != expected) {
        printf("same: %d for %zu octets at %zu of %zu, wrong at %zu\n", found, length, place, size, wrong);
        exit(1);
    }
}

static void check_names(size_t size)
{
    uint8_t *octets = malloc(size + 1);
    if (octets == NULL)
        exit(2);
    octets[size] = 0;
    for (size_t length = 1; length <= LONGEST_NAME; length++)
        for (size_t place = length; place <= size; place++)
            for (size_t wrong = 0; wrong <= length; wrong++)
                check_same(octets, size, length, place, wrong);
    free(octets);
}

int main(void)
{
    static const int kinds[] = {DUISIGN_TEXT,        DUISIGN_VALUE, DUISIGN_CHARACTER, DUISIGN_NAME,
                                DUISIGN_TEXT_ESCAPE, DUISIGN_VALUE_ESCAPE};
    static const int number_of_kinds = sizeof kinds / sizeof kinds[0];
    uint8_t octets[LONGEST];
    uint32_t state = 2463534242u;
    for (int kind = 0; kind < number_of_kinds; kind++)
        for (int length = 0; length <= LONGEST; length++)
            for (int place = 0; place < length; place++)
                for (int octet = 0; octet < 256; octet++) {
                    memset(octets, 'x', sizeof octets);
                    octets[place] = (uint8_t)octet;
                    check_copy(octets, (size_t)length, kinds[kind], ']');
                }
    for (int number = 0; number < RANDOM_BUFFERS; number++) {
        size_t length = 0;
        for (; length < LONGEST; length++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            octets[length] = state % 16 ? (uint8_t)("abyzAZ09-._ \t\n/:=;?{~"[state / 16 % 21]) : (uint8_t)(state >> 8);
        }
        check_copy(octets, state % (LONGEST + 1), kinds[number % number_of_kinds], '?');
    }
    for (size_t size = 0; size <= 2 * LONGEST; size++)
        check_names(size);
    printf("%s: %ld scans, %ld comparisons\n", DUISIGN_SCAN, scans, comparisons);
    return 0;
}
