/* SPDX-License-Identifier: MIT */
/* The two halves of `show`. */
#pragma once

#include "cmd/cmd.h"

/* What the host loses with the device, why its group is what it is, and its reserved regions. */
void show_explanations(struct request *request, const struct device_facts *facts);
