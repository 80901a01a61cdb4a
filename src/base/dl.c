// SPDX-License-Identifier: MIT
// Loading a library by its soname: the ABI that was compiled against, not the newest that is there.

#include "base/dl.h"

#include <dlfcn.h>
#include <errno.h>

int dl_load(const char *soname, const struct dl_symbol *symbols, size_t n, struct err *e)
{
	if (n > 0 && *symbols[n - 1].where)
		return 0;
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_fail(e, -ENOENT, "this needs %s, which is not installed", soname);
	for (size_t i = 0; i < n; i++) {
		void *address = dlsym(library, symbols[i].name);
		if (!address)
			return err_fail(e, -ENXIO, "%s has no %s", soname, symbols[i].name);
		*symbols[i].where = address;
	}
	return 0;
}
