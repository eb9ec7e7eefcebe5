/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XA transactions in the binlog: statements, and the event that ends the
 * prepared part. Both servers write ids in one form.
 *
 * FORMAT of the statements: "XA START|END|COMMIT|ROLLBACK X'gtrid',X'bqual',
 * format", as a query event each; MariaDB leaves out XA START, which its GTID
 * event stands for.
 * FORMAT of XA_PREPARE_LOG_EVENT: u8 one phase, u32 format, u32 length of
 * gtrid, u32 length of bqual, gtrid, bqual.
 */
#ifndef DM_LIB_BINLOG_XA_H
#define DM_LIB_BINLOG_XA_H

#include "lib/base/base.h"
#include "lib/err/err.h"

#include <stdint.h>

/* Of the id's two parts, each; the servers' own limit. */
#define DM_XID_PART_MAX  64
#define DM_XID_TEXT_SIZE (2 * 2 * DM_XID_PART_MAX + 32)

/* An id as text, the same for equal ids: X'7831',X'',1 */
struct dm_xid {
	char text[DM_XID_TEXT_SIZE];
};

enum dm_xa_verb { DM_XA_START, DM_XA_END, DM_XA_COMMIT, DM_XA_ROLLBACK };

/* A statement as a server writes it. Errors: SYNCER_GET_EVENT for any other
 * text. */
struct dm_err *dm_xa_parse(
    const char *sql, enum dm_xa_verb *verb, struct dm_xid *xid) DM_MUST_CHECK;

/* one_phase: it is committed, too. Errors: SYNCER_GET_EVENT. */
struct dm_err *dm_xa_prepare_decode(const uint8_t *body, size_t len,
    bool *one_phase, struct dm_xid *xid) DM_MUST_CHECK;

#endif
