/* Functions of libraries that an extension module of others is linked with already, by their names.
 *
 * Nothing is linked and nothing is loaded: what is found is the copy that the module itself works with.
 * DUISIGN_LOADED_NOTHING finds nothing, as where that copy is out of reach.
 */
#ifndef DUISIGN_LOADED_MODULE_H
#define DUISIGN_LOADED_MODULE_H

#include <stddef.h>

#if defined(_WIN32) || defined(DUISIGN_LOADED_NOTHING)
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
static inline void *duisign_own_symbol(void *module, const char *name)
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
/* The same; NULL as well where the process offers another one by this name to all, which the module may have got. */
static inline void *duisign_own_symbol(void *module, const char *name)
{
    void *own = dlsym(module, name);
    void *offered = dlsym(RTLD_DEFAULT, name);
    return offered == NULL || offered == own ? own : NULL;
}
#endif

#endif
