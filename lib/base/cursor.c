/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cursor.h that are not inline. */
#include "lib/base/cursor.h"

uint64_t
dm_cursor_lenenc(struct dm_cursor *c)
{
	uint8_t first = dm_cursor_u8(c);

	switch (first) {
	case 0xfc:
		return dm_cursor_le(c, 2);
	case 0xfd:
		return dm_cursor_le(c, 3);
	case 0xfe:
		return dm_cursor_le(c, 8);
	case 0xfb:
	case 0xff:
		c->failed = true;
		return 0;
	default:
		return first;
	}
}
