/* Functions by the names of OpenSSL's that are not them, for test_sha256.py, and wrong in the way that is defined. */
#include <stddef.h>
#include <string.h>

#define ROOM 128

int SHA256_Init(void *context)
{
    memset(context, 0, ROOM);
#ifdef WRITES_TOO_FAR
    ((unsigned char *)context)[ROOM] = 0;
#endif
#ifdef REFUSES
    return 0;
#endif
    return 1;
}

int SHA256_Update(void *context, const void *octets, size_t length)
{
    (void)context;
    (void)octets;
    (void)length;
    return 1;
}

#ifndef LACKS_ONE
int SHA256_Final(unsigned char *digest, void *context)
{
    static const unsigned char of_abc[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    (void)context;
    memcpy(digest, of_abc, 32);
#ifdef DIFFERS
    digest[31] ^= 1;
#endif
    return 1;
}
#endif
