/* The functions of OpenSSL that an extension module of Python is linked with already, by their names.
 *
 * Nothing is linked and nothing is loaded: what is found is the copy of OpenSSL that hashlib works with.
 * DUISIGN_HASHLIB_ALONE finds nothing, as where that copy is out of reach.
 */
#ifndef DUISIGN_LIBCRYPTO_H
#define DUISIGN_LIBCRYPTO_H

#include <stddef.h>

#if defined(_WIN32) || defined(DUISIGN_HASHLIB_ALONE)
/* Windows looks a name up in one library, not in those that it needs. Elsewhere: the branch that the tests compile. */
static inline void *duisign_open_module(const char *path)
{
    (void)path;
    return NULL;
}
static inline void *duisign_symbol(void *module, const char *name)
{
    (void)module;
    (void)name;
    return NULL;
}
#else
#include <dlfcn.h>
/* A module that the process has loaded, or NULL. */
static inline void *duisign_open_module(const char *path)
{
    return dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
}
/* A function of the module, or of a library that it is linked with; NULL if there is none. */
static inline void *duisign_symbol(void *module, const char *name)
{
    return dlsym(module, name);
}
#endif

#endif
