// SPDX-License-Identifier: MIT
// One state of a file in the journal: all that root_place() needs to make the same again, and the
// digest of its content. Times as seconds and nanoseconds, attributes in hex, because a label ends
// in a NUL and an ACL is binary.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

#define XATTRS_MAX 256
#define XATTR_BYTES_MAX 65536 /* XATTR_SIZE_MAX of linux/limits.h */

static const char *const kinds[] = {
	[ROOT_ABSENT] = "absent",
	[ROOT_FILE] = "file",
	[ROOT_LINK] = "link",
};

/* ---- writing ---- */

static json_t *time_to_json(struct timespec time)
{
	return json_pack("[I, I]", (json_int_t)time.tv_sec, (json_int_t)time.tv_nsec);
}

static json_t *hex_to_json(struct bytes value)
{
	static const char digit[] = "0123456789abcdef";
	CLEANUP_FREE char *text = malloc(2 * value.n + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < value.n; i++) {
		text[2 * i] = digit[(unsigned char)value.data[i] >> 4];
		text[2 * i + 1] = digit[(unsigned char)value.data[i] & 15];
	}
	return json_stringn(text, 2 * value.n);
}

static json_t *xattrs_to_json(const struct root_node *node)
{
	json_t *object = json_object();

	for (size_t i = 0; i < node->n_xattrs; i++) {
		if (json_object_set_new(object, node->xattrs[i].name,
					hex_to_json(node->xattrs[i].value)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *journal_state_to_json(const struct entry_state *state)
{
	const struct root_node *node = &state->node;

	if (node->kind == ROOT_ABSENT)
		return json_pack("{s:s}", "kind", kinds[ROOT_ABSENT]);
	return json_pack("{s:s, s:s*, s:s*, s:I, s:i, s:I, s:I, s:o, s:o, s:o}", "kind",
			 kinds[node->kind], "sha256", *state->sum ? state->sum : NULL, "target",
			 node->target, "bytes", (json_int_t)node->n_bytes, "mode", (int)node->mode,
			 "uid", (json_int_t)node->uid, "gid", (json_int_t)node->gid, "atime",
			 time_to_json(node->atime), "mtime", time_to_json(node->mtime), "xattrs",
			 xattrs_to_json(node));
}

/* ---- reading ---- */

static bool integer_of(const json_t *value, json_int_t min, json_int_t max, json_int_t *ret)
{
	*ret = json_integer_value(value);
	return json_is_integer(value) && *ret >= min && *ret <= max;
}

static bool time_of(const json_t *array, struct timespec *ret)
{
	json_int_t s, ns;

	if (json_array_size(array) != 2 ||
	    !integer_of(json_array_get(array, 0), INT64_MIN / 2, INT64_MAX / 2, &s) ||
	    !integer_of(json_array_get(array, 1), 0, 999999999, &ns))
		return false;
	*ret = (struct timespec){ .tv_sec = s, .tv_nsec = ns };
	return true;
}

static bool hex_of(struct arena *a, const json_t *value, struct bytes *ret)
{
	const char *text = json_string_value(value);
	size_t n = json_string_length(value);
	uint64_t byte;

	if (!text || n % 2 || n / 2 > XATTR_BYTES_MAX)
		return false;
	char *data = arena_alloc(a, n / 2 + 1);
	for (size_t i = 0; i < n; i += 2) {
		if (text_hex_prefix(text + i, 2, &byte) != 2)
			return false;
		data[i / 2] = (char)byte;
	}
	*ret = (struct bytes){ data, n / 2 };
	return true;
}

static bool xattrs_of(struct arena *a, json_t *object, struct root_node *node)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object) || json_object_size(object) > XATTRS_MAX)
		return false;
	node->xattrs = arena_array(a, json_object_size(object), sizeof(*node->xattrs));
	json_object_foreach(object, name, value)
	{
		struct root_xattr *x = &node->xattrs[node->n_xattrs++];

		if (!strchr(name, '.') || !hex_of(a, value, &x->value))
			return false;
		x->name = arena_strdup(a, name);
	}
	return true;
}

static bool sum_of(const json_t *value, char ret[SHA256_TEXT])
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != SHA256_TEXT - 1 ||
	    strspn(text, "0123456789abcdef") != SHA256_TEXT - 1)
		return false;
	memcpy(ret, text, SHA256_TEXT);
	return true;
}

static bool node_of(struct arena *a, const json_t *object, struct root_node *node)
{
	json_int_t n_bytes, mode, uid, gid;

	if (!integer_of(json_object_get(object, "bytes"), 0, INT64_MAX, &n_bytes) ||
	    !integer_of(json_object_get(object, "mode"), 0, 07777, &mode) ||
	    !integer_of(json_object_get(object, "uid"), 0, UINT32_MAX - 1, &uid) ||
	    !integer_of(json_object_get(object, "gid"), 0, UINT32_MAX - 1, &gid))
		return false;
	node->n_bytes = (uint64_t)n_bytes;
	node->mode = (mode_t)mode;
	node->uid = (uid_t)uid;
	node->gid = (gid_t)gid;
	return time_of(json_object_get(object, "atime"), &node->atime) &&
	       time_of(json_object_get(object, "mtime"), &node->mtime) &&
	       xattrs_of(a, json_object_get(object, "xattrs"), node);
}

int journal_state_from_json(struct arena *a, const json_t *object, struct entry_state *ret)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const char *target = json_string_value(json_object_get(object, "target"));

	*ret = (struct entry_state){ 0 };
	for (size_t i = 0; kind && i < ARRAY_SIZE(kinds); i++) {
		if (!str_eq(kind, kinds[i]))
			continue;
		ret->node.kind = (enum root_kind)i;
		if (i == ROOT_ABSENT)
			return 0;
		if (i == ROOT_FILE && !sum_of(json_object_get(object, "sha256"), ret->sum))
			return -EBADMSG;
		if (i == ROOT_LINK) {
			if (!target || !*target || strlen(target) >= PATH_MAX)
				return -EBADMSG;
			ret->node.target = arena_strdup(a, target);
		}
		return node_of(a, object, &ret->node) ? 0 : -EBADMSG;
	}
	return -EBADMSG;
}
