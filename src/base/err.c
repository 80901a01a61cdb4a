// SPDX-License-Identifier: MIT
// The error sentence. Truncation is harmless: a cut sentence still names the cause.

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(3, 0)
static void set(struct err *e, enum err_kind kind, const char *format, va_list args)
{
	if (!e)
		return;
	e->kind = kind;
	vsnprintf(e->text, sizeof(e->text), format, args);
}

int err_io(struct err *e, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(e, ERR_FAILED, format, args);
	va_end(args);
	if (e) {
		size_t n = strlen(e->text);
		snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(-error));
	}
	return error;
}

int err_fail(struct err *e, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(e, ERR_FAILED, format, args);
	va_end(args);
	return error;
}

int err_usage(struct err *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(e, ERR_USAGE, format, args);
	va_end(args);
	return -EINVAL;
}

int err_refuse(struct err *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(e, ERR_REFUSED, format, args);
	va_end(args);
	return -EPERM;
}

int err_wrap(struct err *e, int error, const char *format, ...)
{
	char cause[ERR_TEXT_MAX];
	va_list args;

	if (!e)
		return error;
	memcpy(cause, e->text, sizeof(cause));
	va_start(args, format);
	set(e, e->kind == ERR_NONE ? ERR_FAILED : e->kind, format, args);
	va_end(args);
	size_t n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", cause);
	return error;
}
