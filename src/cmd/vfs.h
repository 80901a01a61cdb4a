/* SPDX-License-Identifier: MIT */
/* The answer of vfs. */
#pragma once

#include "cmd/cmd.h"
#include "sriov/sriov.h"

/* The device, its virtual functions, and what is worth a word about them. */
void vfs_answer(struct request *request, const struct sriov *s);
/* What was done, or with @dry what would be. */
void vfs_answer_steps(struct request *request, const struct sriov_steps *steps, bool dry);
