/* SPDX-License-Identifier: MIT */
/*
 * One sentence for the user, carried beside the negative errno of a function.
 *
 * Functions return 0 or a negative errno. Those whose failure a user may see
 * take a `struct err *` as last argument and leave one sentence in it: what was
 * attempted, on what, and why it did not work. Callers wrap it on the way up;
 * main prints it, once.
 */
#pragma once

#include "base/cleanup.h"

#define ERR_TEXT_MAX 1024

/* What the failure means to the caller of the program; main maps it to the exit status. */
enum err_kind {
	ERR_NONE = 0,
	ERR_FAILED,  /* could not find out, or could not do it: exit status 3 */
	ERR_USAGE,   /* the request itself is wrong: exit status 2 */
	ERR_REFUSED, /* understood, and the answer is no: exit status 1 */
};

struct err {
	enum err_kind kind;
	char text[ERR_TEXT_MAX];
};

/* Each returns @error (a negative errno), so that `return err_io(...)` reads well. @e may be NULL.
 */

/* "<sentence>: <strerror(error)>" */
int err_io(struct err *e, int error, const char *format, ...) PRINTF_LIKE(3, 4);
/* "<sentence>" */
int err_fail(struct err *e, int error, const char *format, ...) PRINTF_LIKE(3, 4);
/* Wrong usage; returns -EINVAL. */
int err_usage(struct err *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* The answer is no; returns -EPERM. */
int err_refuse(struct err *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* Puts "<sentence>: " in front of what @e says; keeps its kind. */
int err_wrap(struct err *e, int error, const char *format, ...) PRINTF_LIKE(3, 4);
