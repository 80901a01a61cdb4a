// SPDX-License-Identifier: MIT
// The registry, generated from the list in meson.build, and what every check writes its verdict
// with. Evidence that does not fit is left out, never the verdict.

#include "check/check.h"
#include "base/text.h"
#include "check/internal.h"

#include <errno.h>
#include <stdarg.h>

#define CHECK(name) extern const struct check check_##name;
#include "check/checks.h"
#undef CHECK

#define CHECK(name) &check_##name,
const struct check *const checks[] = {
#include "check/checks.h"
	NULL,
};

const struct check *check_find(const char *id)
{
	for (const struct check *const *check = checks; *check; check++) {
		if (str_eq((*check)->id, id))
			return *check;
	}
	return NULL;
}

static bool judge(struct host *host, const struct check *check, struct pci_function *f,
		  struct arena *a, struct verdict *ret)
{
	*ret = (struct verdict){
		.check = check, .function = f, .kind = VERDICT_SKIP, .sentence = "", .arena = a
	};
	check->judge(host, f, ret);
	return ret->kind != VERDICT_SKIP;
}

void check_run(struct host *host, const struct selection *functions, struct arena *a,
	       struct verdict **ret, size_t *ret_n)
{
	size_t most = ARRAY_SIZE(checks) * (functions->n + 1), n = 0;
	struct verdict *verdicts = arena_array(a, most, sizeof(*verdicts));

	for (size_t i = 0; i < functions->n; i++)
		(void)host_read_device(host, functions->function[i]); /* into its facts */
	for (const struct check *const *check = checks; *check; check++) {
		if ((*check)->scope == CHECK_HOST)
			n += judge(host, *check, NULL, a, &verdicts[n]);
	}
	for (size_t i = 0; i < functions->n; i++) {
		for (const struct check *const *check = checks; *check; check++) {
			if ((*check)->scope == CHECK_DEVICE)
				n += judge(host, *check, functions->function[i], a, &verdicts[n]);
		}
	}
	*ret = verdicts;
	*ret_n = n;
}

/* ---- for the files of checks ---- */

void verdict_set(struct verdict *v, enum verdict_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	v->kind = kind;
	v->sentence = arena_vprintf(v->arena, format, args);
	va_end(args);
}

void verdict_raise(struct verdict *v, enum verdict_kind kind, const char *format, ...)
{
	va_list args;

	if (kind <= v->kind)
		return;
	va_start(args, format);
	v->kind = kind;
	v->sentence = arena_vprintf(v->arena, format, args);
	va_end(args);
}

void verdict_evidence(struct verdict *v, const char *where, const char *format, ...)
{
	va_list args;

	if (v->n_evidence == VERDICT_EVIDENCE_MAX)
		return;
	va_start(args, format);
	v->evidence[v->n_evidence++] = (struct evidence){
		.where = where,
		.what = arena_vprintf(v->arena, format, args),
	};
	va_end(args);
}

void verdict_fix(struct verdict *v, const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	v->fix = arena_vprintf(v->arena, format, args);
	v->command = command;
	va_end(args);
}

const char *verdict_reason(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return "permission denied, needs root";
	case -ENOENT:
		return "not there";
	case -EFBIG:
		return "too long to be read";
	default:
		return fact_reason(error);
	}
}

void verdict_unknown(struct verdict *v, const char *where, int error)
{
	verdict_set(v, VERDICT_UNKNOWN, "%s: %s", where, verdict_reason(error));
	verdict_evidence(v, where, "%s", verdict_reason(error));
	if (error == -EACCES || error == -EPERM)
		verdict_fix(v, NULL, "Run the check as root.");
}
