// SPDX-License-Identifier: MIT
// A size of memory as people write it. Units are binary, as in QEMU's -m; "4GB" and "1.5G" are not
// taken, since a size that is read differently than it was meant is worse than a question.

#include "base/text.h"
#include "vm/vm.h"

#include <errno.h>
#include <strings.h>

/* The power of 1024 that @unit stands for; -1 when it is no unit. */
static int unit_power(const char *unit)
{
	static const char letters[] = "BKMGT";

	if (!*unit)
		return 2;
	const char *letter = strchr(letters, *unit & ~0x20);
	if (!letter)
		return -1;
	int power = (int)(letter - letters);
	if (!unit[1] || (power > 0 && strcasecmp(unit + 1, "iB") == 0))
		return power;
	return -1;
}

int vm_parse_memory(const char *text, uint64_t *ret_bytes)
{
	char digits[24];
	size_t n = strspn(text, "0123456789");
	uint64_t bytes;

	if (n == 0 || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, n);
	digits[n] = '\0';
	int power = unit_power(text + n);
	if (power < 0 || text_number(digits, 10, UINT64_MAX, &bytes) < 0)
		return -EINVAL;
	for (; power > 0; power--)
		if (__builtin_mul_overflow(bytes, (uint64_t)1024, &bytes))
			return -EINVAL;
	if (bytes == 0)
		return -EINVAL;
	*ret_bytes = bytes;
	return 0;
}
