/* SPDX-License-Identifier: MIT */
/* Owners in JSON: what records and locks have in common. */
#pragma once

#include "handover/internal.h"

#include <jansson.h>

/* What is missing, or no string, is NULL; @object may be NULL. */
struct owner owner_from_json(struct host *host, json_t *object);
json_t *owner_to_json(const struct owner *owner);
