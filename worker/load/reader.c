/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a data file, large ones inside the gate: see reader.h. */
#include "worker/load/reader.h"

#include "worker/copy/gate.h"

struct dm_err *
load_reader_next(struct load_reader *r)
{
	enum dm_dump_next what = DM_DUMP_END;
	struct dm_err *err;

	if (r->pending || r->large)
		return NULL;
	err = dm_dump_rows_next(r->rows, &r->row, &what);
	r->pending = err == NULL && what == DM_DUMP_ROW;
	r->large = err == NULL && what == DM_DUMP_LARGE;
	return err;
}

struct dm_err *
load_reader_enter(struct load_reader *r)
{
	struct dm_err *err;

	dm_assert(r->large);
	if (!r->in_gate) {
		err = copy_gate_enter(r->cancel);
		if (err != NULL)
			return err;
	}
	r->in_gate = true;
	r->large = false;
	dm_dump_rows_allow_large(r->rows, true);
	return NULL;
}

void
load_reader_leave(struct load_reader *r)
{
	dm_assert(!r->in_gate || !r->pending);
	if (!r->in_gate)
		return;
	dm_dump_rows_allow_large(r->rows, false);
	r->in_gate = false;
	copy_gate_leave();
}

struct dm_err *
load_reader_skip(struct load_reader *r, uint64_t offset, uint64_t *seen)
{
	struct dm_err *err = NULL;

	*seen = 0;
	while (err == NULL && *seen < offset) {
		err = load_reader_next(r);
		if (err == NULL && r->large) {
			err = load_reader_enter(r);
			continue;
		}
		if (err != NULL || !r->pending)
			break;
		*seen = r->row.end;
		r->pending = false;
		load_reader_leave(r);
	}
	r->pending = false;
	load_reader_leave(r);
	return err;
}
