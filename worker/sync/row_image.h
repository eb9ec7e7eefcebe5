/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row images that lack columns: a session of the source may have set
 * binlog_row_image to MINIMAL or NOBLOB. What an image of an UPDATE lacks after
 * it did not change; what it lacks before it is not needed where the row is
 * found by its key.
 */
#ifndef DM_WORKER_SYNC_ROW_IMAGE_H
#define DM_WORKER_SYNC_ROW_IMAGE_H

#include "worker/sync/batch.h"

/*
 * Completes rc->after (`after`, which may be written) as far as that is known,
 * and says in rc->partial whether columns are missing all the same. Errors:
 * BINLOG_NOT_LOG_COLUMN where the change would not be exact: the row cannot be
 * found by its key, its update is to be replaced by a whole row (safe mode), or
 * an INSERT lacks a column whose default is not NULL.
 */
struct dm_err *row_image_take(
    struct row_change *rc, struct dm_value *after) DM_MUST_CHECK;

#endif
