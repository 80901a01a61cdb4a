// SPDX-License-Identifier: MIT
// Answers of the kernel that say how long they are: a structure that begins with argsz, and behind
// its fixed part a chain of capabilities linked by offsets. See "struct vfio_info_cap_header" in
// include/uapi/linux/vfio.h. The kernel is trusted with the device but not with our memory: a
// variant driver's mistake must not make this program read outside of an answer or for ever.

#include "vfio/internal.h"

#include <string.h>

int vfio_info(struct vfio *v, int fd, unsigned long request, const void *first, size_t first_bytes,
	      void **ret, size_t *ret_bytes)
{
	size_t size = first_bytes;

	for (int i = 0; i < VFIO_TRIES; i++) {
		uint32_t argsz = (uint32_t)size;
		void *info = arena_alloc(v->arena, size);

		memcpy(info, first, first_bytes);
		memcpy(info, &argsz, sizeof(argsz));
		int error = vfio_ioctl(v, fd, request, info);
		if (error < 0)
			return error;
		memcpy(&argsz, info, sizeof(argsz));
		if (argsz <= size) {
			*ret = info;
			*ret_bytes = size;
			return 0;
		}
		if (argsz > VFIO_INFO_MAX_BYTES)
			return -EMSGSIZE;
		size = argsz;
	}
	return -EMSGSIZE;
}

void vfio_chain_begin(struct vfio_chain *c, const void *info, size_t info_bytes, uint32_t first)
{
	*c = (struct vfio_chain){ .info = info, .info_bytes = info_bytes, .next = first };
}

bool vfio_chain_next(struct vfio_chain *c, struct vfio_capability *ret)
{
	struct vfio_info_cap_header header;
	uint32_t at = c->next;

	if (at == 0)
		return false;
	c->next = 0;
	if (at > c->info_bytes || c->info_bytes - at < sizeof(header)) {
		c->damaged = true;
		return false;
	}
	memcpy(&header, c->info + at, sizeof(header));
	*ret = (struct vfio_capability){
		.id = header.id,
		.version = header.version,
		.bytes = c->info + at,
		.n = c->info_bytes - at,
	};
	/* vfio_info_cap_add() appends, so that offsets only grow; a chain that goes back is a loop
	 */
	if (header.next > at)
		c->next = header.next;
	else if (header.next != 0)
		c->damaged = true;
	return true;
}
