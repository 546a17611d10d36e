/* Where a scan of UTF-8 octets must stop and look: sixteen octets at a time where the compiler has SSE2 or NEON.
 *
 * Every function takes the first octet and the end of a buffer whose end is followed by a readable NUL, as that of a
 * bytes object is, and gives the first octet that is a stop; the NUL is one, so the end is never passed.
 * DUISIGN_PLAIN_SCAN leaves the vectors out: the branch for other processors, which the tests compile too.
 */
#ifndef DUISIGN_SCAN_H
#define DUISIGN_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(DUISIGN_PLAIN_SCAN)
#define DUISIGN_SCAN "plain"
#elif defined(__SSE2__) || defined(_M_X64)
#define DUISIGN_SCAN "SSE2"
#include <emmintrin.h>
typedef __m128i duisign_octets;
typedef unsigned int duisign_mask;
#define duisign_load(at) _mm_loadu_si128((const __m128i *)(at))
#define duisign_all(octet) _mm_set1_epi8((char)(octet))
#define duisign_is(one, other) _mm_cmpeq_epi8(one, other)
#define duisign_either(one, other) _mm_or_si128(one, other)
#define duisign_both(one, other) _mm_and_si128(one, other)
#define duisign_not(one, other) _mm_andnot_si128(one, other) /* the other, where not the one */
#define duisign_below(one, other) _mm_cmplt_epi8(one, other) /* as signed octets: from 0x80 on they are negative */
#define duisign_matches(one) ((duisign_mask)_mm_movemask_epi8(one))
#define DUISIGN_BITS_PER_OCTET 1
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define DUISIGN_SCAN "NEON"
#include <arm_neon.h>
typedef uint8x16_t duisign_octets;
typedef unsigned long long duisign_mask;
#define duisign_load(at) vld1q_u8(at)
#define duisign_all(octet) vdupq_n_u8(octet)
#define duisign_is(one, other) vceqq_u8(one, other)
#define duisign_either(one, other) vorrq_u8(one, other)
#define duisign_both(one, other) vandq_u8(one, other)
#define duisign_not(one, other) vbicq_u8(other, one)
#define duisign_below(one, other) vcltq_s8(vreinterpretq_s8_u8(one), vreinterpretq_s8_u8(other))
/* Four bits of each octet: NEON has no movemask. */
#define duisign_matches(one) vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(one), 4)), 0)
#define DUISIGN_BITS_PER_OCTET 4
#else
#define DUISIGN_SCAN "plain"
#define DUISIGN_PLAIN_SCAN
#endif

#if !defined(DUISIGN_PLAIN_SCAN)
#if defined(_MSC_VER)
#include <intrin.h>
static __inline int duisign_first(duisign_mask mask)
{
    unsigned long index;
    _BitScanForward64(&index, mask);
    return (int)index / DUISIGN_BITS_PER_OCTET;
}
#else
static inline int duisign_first(duisign_mask mask)
{
    return __builtin_ctzll(mask) / DUISIGN_BITS_PER_OCTET;
}
#endif
#endif

/* What an octet stops. */
enum {
    DUISIGN_TEXT = 1,      /* < > &, controls without tab and line feed, octets from 0x80 on */
    DUISIGN_VALUE = 2,     /* < & " ', all controls, octets from 0x80 on */
    DUISIGN_CHARACTER = 4, /* controls without tab and line feed, octets from 0x80 on: what may be no character */
    DUISIGN_NAME = 8,      /* all but letters, digits, "-", "." and "_" of ASCII */
    DUISIGN_SPACE = 16,    /* all but white space */
    /* What Canonical XML 1.0 section 2.3 escapes, and NUL. */
    DUISIGN_TEXT_ESCAPE = 32, /* < > & carriage return */
    DUISIGN_VALUE_ESCAPE = 64 /* < & " tab, line feed, carriage return */
};

static inline int duisign_stops(uint8_t octet, int kind)
{
    int control = octet < 0x20, space = octet == '\t' || octet == '\n';
    switch (kind) {
    case DUISIGN_TEXT:
        return octet == '<' || octet == '>' || octet == '&' || (control && !space) || octet >= 0x80;
    case DUISIGN_VALUE:
        return octet == '<' || octet == '&' || octet == '"' || octet == '\'' || control || octet >= 0x80;
    case DUISIGN_CHARACTER:
        return (control && !space) || octet >= 0x80;
    case DUISIGN_NAME:
        return !((octet | 0x20) >= 'a' && (octet | 0x20) <= 'z') && !(octet >= '0' && octet <= '9') && octet != '-' &&
               octet != '.' && octet != '_';
    case DUISIGN_TEXT_ESCAPE:
        return octet == '<' || octet == '>' || octet == '&' || octet == '\r' || octet == 0;
    case DUISIGN_VALUE_ESCAPE:
        return octet == '<' || octet == '&' || octet == '"' || space || octet == '\r' || octet == 0;
    default:
        return octet != ' ' && !space && octet != '\r';
    }
}

#if !defined(DUISIGN_PLAIN_SCAN)
static inline duisign_octets duisign_stops_16(duisign_octets octets, int kind)
{
    duisign_octets low = duisign_below(octets, duisign_all(0x20)), stops, letters, digits;
    if (kind == DUISIGN_TEXT_ESCAPE || kind == DUISIGN_VALUE_ESCAPE) {
        stops = duisign_either(duisign_is(octets, duisign_all('&')), duisign_is(octets, duisign_all('\r')));
        stops = duisign_either(stops, duisign_is(octets, duisign_all(0)));
        if (kind == DUISIGN_TEXT_ESCAPE) {
            /* < and > differ in one bit. */
            return duisign_either(stops, duisign_is(duisign_either(octets, duisign_all(2)), duisign_all('>')));
        }
        stops = duisign_either(stops, duisign_is(octets, duisign_all('<')));
        stops = duisign_either(stops, duisign_is(octets, duisign_all('"')));
        stops = duisign_either(stops, duisign_is(octets, duisign_all('\t')));
        return duisign_either(stops, duisign_is(octets, duisign_all('\n')));
    }
    if (kind == DUISIGN_VALUE) {
        stops = duisign_either(duisign_is(octets, duisign_all('<')), duisign_is(octets, duisign_all('"')));
        /* & and ' differ in their lowest bit. */
        stops = duisign_either(stops, duisign_is(duisign_either(octets, duisign_all(1)), duisign_all('\'')));
        return duisign_either(stops, low);
    }
    if (kind == DUISIGN_NAME) {
        /* Signed octets: what is above 0x7F is below everything here, and no range holds it. */
        letters = duisign_either(octets, duisign_all(0x20));
        letters = duisign_both(duisign_below(duisign_all('a' - 1), letters), duisign_below(letters, duisign_all('z' + 1)));
        /* - . / 0 ... 9 follow each other. */
        digits = duisign_both(duisign_below(duisign_all('-' - 1), octets), duisign_below(octets, duisign_all('9' + 1)));
        digits = duisign_not(duisign_is(octets, duisign_all('/')), digits);
        letters = duisign_either(duisign_either(letters, digits), duisign_is(octets, duisign_all('_')));
        return duisign_not(letters, duisign_all(0xFF));
    }
    stops = duisign_either(duisign_is(octets, duisign_all('\t')), duisign_is(octets, duisign_all('\n')));
    stops = duisign_not(stops, low);
    if (kind == DUISIGN_TEXT) {
        stops = duisign_either(stops, duisign_is(octets, duisign_all('&')));
        /* < and > differ in one bit. */
        stops = duisign_either(stops, duisign_is(duisign_either(octets, duisign_all(2)), duisign_all('>')));
    }
    return stops;
}
#endif

static inline const uint8_t *duisign_scan(const uint8_t *at, const uint8_t *end, int kind)
{
#if !defined(DUISIGN_PLAIN_SCAN)
    duisign_mask mask;
    while (end - at >= 16) {
        mask = duisign_matches(duisign_stops_16(duisign_load(at), kind));
        if (mask)
            return at + duisign_first(mask);
        at += 16;
    }
#endif
    (void)end;
    while (!duisign_stops(*at, kind))
        at++;
    return at;
}

static inline const uint8_t *duisign_scan_text(const uint8_t *at, const uint8_t *end)
{
    return duisign_scan(at, end, DUISIGN_TEXT);
}

static inline const uint8_t *duisign_scan_value(const uint8_t *at, const uint8_t *end)
{
    return duisign_scan(at, end, DUISIGN_VALUE);
}

static inline const uint8_t *duisign_scan_name(const uint8_t *at, const uint8_t *end)
{
    return duisign_scan(at, end, DUISIGN_NAME);
}

/* The first of `stop` and of the octets that may be no character; `stop` is none of these. */
static inline const uint8_t *duisign_scan_to(const uint8_t *at, const uint8_t *end, uint8_t stop)
{
#if !defined(DUISIGN_PLAIN_SCAN)
    duisign_mask mask;
    duisign_octets octets;
    while (end - at >= 16) {
        octets = duisign_load(at);
        mask = duisign_matches(duisign_either(duisign_stops_16(octets, DUISIGN_CHARACTER),
                                              duisign_is(octets, duisign_all(stop))));
        if (mask)
            return at + duisign_first(mask);
        at += 16;
    }
#endif
    (void)end;
    while (*at != stop && !duisign_stops(*at, DUISIGN_CHARACTER))
        at++;
    return at;
}

/* Whether the next `length` octets are the same; both stand before `end`, and `one` before `other`. */
static inline int duisign_same(const uint8_t *one, const uint8_t *other, const uint8_t *end, size_t length)
{
    if ((size_t)(end - other) < length)
        return 0;
#if !defined(DUISIGN_PLAIN_SCAN)
    duisign_mask mask;
    /* A call of memcmp takes longer than comparing a name. */
    while (end - other >= 16) {
        mask = duisign_matches(duisign_not(duisign_is(duisign_load(one), duisign_load(other)), duisign_all(0xFF)));
        if (mask)
            return (size_t)duisign_first(mask) >= length;
        if (length <= 16)
            return 1;
        one += 16;
        other += 16;
        length -= 16;
    }
#endif
    return memcmp(one, other, length) == 0;
}

/* Behind white space; mostly there is little of it. */
static inline const uint8_t *duisign_skip_space(const uint8_t *at)
{
    while (!duisign_stops(*at, DUISIGN_SPACE))
        at++;
    return at;
}

/* Octets of the character in UTF-8 (RFC 3629) that begins at `at`, from 0x80 on; 0 if it is no Char of XML 1.0. */
static inline int duisign_character(const uint8_t *at)
{
    uint32_t code;
    if (at[0] < 0xC2)
        return 0;
    if ((at[1] & 0xC0) != 0x80)
        return 0;
    if (at[0] < 0xE0)
        return 2;
    if ((at[2] & 0xC0) != 0x80)
        return 0;
    if (at[0] < 0xF0) {
        code = (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
        return code < 0x800 || (code >= 0xD800 && code <= 0xDFFF) || code >= 0xFFFE ? 0 : 3;
    }
    if (at[0] > 0xF4 || (at[3] & 0xC0) != 0x80)
        return 0;
    code = (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 | (uint32_t)(at[2] & 0x3F) << 6 |
           (at[3] & 0x3F);
    return code < 0x10000 || code > 0x10FFFF ? 0 : 4;
}

#endif
