// SPDX-License-Identifier: MIT
// Bump allocation in a list of blocks; blocks grow so that their number stays small.

#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN ((size_t)16 * 1024)
#define BLOCK_MAX ((size_t)1024 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
	struct arena_block *older;
	size_t used;
	size_t size;
	alignas(max_align_t) unsigned char memory[];
};

_Noreturn static void out_of_memory(void)
{
	static const char message[] = "passthru: out of memory\n";

	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(3);
}

static struct arena_block *block_add(struct arena *a, size_t at_least)
{
	size_t size = a->newest ? a->newest->size * 2 : BLOCK_MIN;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < at_least)
		size = at_least;
	/* calloc: large blocks come zeroed from the kernel without being touched */
	struct arena_block *block = calloc(1, sizeof(*block) + size);
	if (!block)
		out_of_memory();
	block->size = size;
	block->older = a->newest;
	a->newest = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *block = a->newest;

	if (size > SIZE_MAX / 4)
		out_of_memory();
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!block || block->size - block->used < size)
		block = block_add(a, size);
	void *memory = block->memory + block->used;
	block->used += size;
	return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		out_of_memory();
	return arena_alloc(a, total);
}

void *arena_memdup(struct arena *a, const void *data, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(copy, data, n);
	return copy;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
	return arena_memdup(a, text, strnlen(text, n));
}

char *arena_concat(struct arena *a, const char *first, const char *second)
{
	size_t n_first = strlen(first), n_second = strlen(second);
	char *text = arena_alloc(a, n_first + n_second + 1);

	memcpy(text, first, n_first);
	memcpy(text + n_first, second, n_second);
	return text;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_memdup(a, text, strlen(text));
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
	struct arena_block *block = a->newest;
	size_t room = block ? block->size - block->used : 0;
	char *text = block ? (char *)block->memory + block->used : NULL;
	va_list again;

	/* most texts fit into what is left of the block, and are formatted only once */
	va_copy(again, args);
	int n = vsnprintf(text, room, format, args);
	if (n < 0)
		out_of_memory();
	if ((size_t)n < room) {
		arena_alloc(a, (size_t)n + 1);
	} else {
		if (room > 0)
			memset(text, 0, room);
		text = arena_alloc(a, (size_t)n + 1);
		vsnprintf(text, (size_t)n + 1, format, again);
	}
	va_end(again);
	return text;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = arena_vprintf(a, format, args);
	va_end(args);
	return text;
}

void arena_free(struct arena *a)
{
	struct arena_block *block = a->newest;

	while (block) {
		struct arena_block *older = block->older;
		free(block);
		block = older;
	}
	a->newest = NULL;
}
