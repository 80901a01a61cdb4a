/* SPDX-License-Identifier: MIT */
/* A root that is a directory: the live host, a mounted system, an expanded snapshot. */
#pragma once

#include "base/root.h"

MUST_CHECK int root_dir_open(const char *path, bool live, struct root **ret, struct err *e);
