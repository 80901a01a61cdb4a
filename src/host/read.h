/* SPDX-License-Identifier: MIT */
/* Reading one file as one fact: shared by the files of host/ that read_facts() calls. */
#pragma once

#include "host/host.h"

/* Without trailing white space. */
struct fact_text host_fact_text(struct host *host, const char *path);
/* The whole file is one number; base 0 accepts a 0x prefix. */
struct fact_number host_fact_number(struct host *host, const char *path, int base);
