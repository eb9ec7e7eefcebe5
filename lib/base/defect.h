/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known defects, which `make sabotage` builds in one at a time to prove that
 * the tests catch them. In every other build DM_DEFECT_IS() is constant false,
 * so that no code of a defect is left.
 */
#ifndef DM_LIB_BASE_DEFECT_H
#define DM_LIB_BASE_DEFECT_H

#include <stdbool.h>

enum dm_defect {
	DM_DEFECT_NONE,
	DM_DEFECT_NO_LANE_ROW,   /* a lane does not write its progress */
	DM_DEFECT_NO_EPOCH,      /* no statement is fenced by the epoch */
	DM_DEFECT_NO_CLAIM,      /* unique values do not wait for each other */
	DM_DEFECT_KEY_MOVE_LANE, /* a moved row does not wait for its lane */
	DM_DEFECT_NO_BARRIER,    /* a DDL does not wait for the lanes */
	DM_DEFECT_DROP_BATCH,    /* never sent, yet taken for done */
	DM_DEFECT_MERGE_FIRST,   /* a merged row keeps its first image */
	DM_DEFECT_ONE_BYTE,      /* the last byte of a replicated long value */
	DM_DEFECT_ONE_BYTE_COPY, /* byte 200 of a copied value */
	DM_DEFECT_CHUNK_BOUND,   /* the last row of each chunk is left out */
	DM_DEFECT_LATE_LEASE,    /* the lease counts from the answer */
	DM_DEFECT_KEEP_LEASE,    /* the lease never ends */
};

#ifdef DM_DEFECT
#define DM_DEFECT_IS(name) (DM_DEFECT == DM_DEFECT_##name)
#else
#define DM_DEFECT_IS(name) false
#endif

#endif
