/* SPDX-License-Identifier: Apache-2.0 */
#include "lazy.h"

#include "base/base.h"

#include <dlfcn.h>

void *hg_lazy_find(const char *library, const char *name)
{
    static const char *told;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle ? dlsym(handle, name) : NULL;
    if (!symbol && told != library) {
        hg_log(HG_LOG_WARNING, "this connection needs %s: %s", library, dlerror());
        told = library;
    }
    return symbol;
}
