/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faults of etcd that a person has to mend.
 * SOURCE: what etcd 3.4 and 3.5 write in each case, tried out.
 */
#include "lib/etcd/diagnose.h"

#include "lib/base/base.h"

#include <string.h>

static const struct known {
	const char *sign; /* in a line of the log */
	struct dm_etcd_fault fault;
} table[] = {
	{ DM_ETCD_FULL_DISK,
	    { "the disk of data-dir is full",
		"make room on the disk of `data-dir`; etcd is started again "
		"by itself",
		false } },
	{ "bind: address already in use",
	    { "an address of peer-urls is in use by another process",
		"end that process, or give another port by `peer-urls` and "
		"`advertise-peer-urls`",
		false } },
	{ "bind: cannot assign requested address",
	    { "an address of peer-urls is not one of this machine",
		"let `peer-urls` name an address of this machine, or 0.0.0.0; "
		"what others use goes into `advertise-peer-urls`",
		true } },
	{ "expected IP in URL for binding",
	    { "peer-urls has a host name, where etcd listens on addresses only",
		"let `peer-urls` name an address of this machine, or 0.0.0.0; "
		"host names go into `advertise-peer-urls`",
		true } },
	{ "permanently removed from the cluster",
	    { "this dm-master was taken out of the cluster by offline-member",
		"to let it in again, remove its `data-dir` and start it with "
		"`join`",
		true } },
	{ "has already been bootstrapped",
	    { "the cluster knows a dm-master of this name, but data-dir has "
	      "none of its data",
		"give the right `data-dir`; if it is lost, take the old member "
		"out by `offline-member --master --name` and start this one "
		"with `join`",
		true } },
	{ "missing from --initial-advertise-peer-urls",
	    { "initial-cluster gives other URLs for this name than "
	      "advertise-peer-urls: two dm-masters may have one name",
		"give each dm-master a `name` of its own, and the same URLs "
		"in `initial-cluster` as in `advertise-peer-urls`",
		true } },
	{ "couldn't find local name",
	    { "initial-cluster does not name this dm-master",
		"add name=url of this dm-master to `initial-cluster`", true } },
	{ "member count is unequal",
	    { "the running cluster has other members than initial-cluster",
		"start a new dm-master with `join` instead", true } },
	{ "cluster ID mismatch",
	    { "another cluster answers at the peer URLs",
		"compare `initial-cluster` and the peer URLs of all "
		"dm-masters; data of an earlier cluster may be in `data-dir`",
		false } },
	{ "crc mismatch", { NULL, NULL, true } },
	{ "invalid database", { NULL, NULL, true } },
	{ "failed to open database", { NULL, NULL, true } },
	{ "failed to read WAL", { NULL, NULL, true } },
	{ "failed to recover v3 backend from snapshot", { NULL, NULL, true } },
	{ "\"error\":\"proto: ", { NULL, NULL, true } },
	{ "\"error\":\"wal: ", { NULL, NULL, true } },
	{ "\"error\":\"snap: ", { NULL, NULL, true } },
	{ "tocommit(", { NULL, NULL, true } },
	{ "snapshot file doesn't exist", { NULL, NULL, true } },
};

/* Whatever part of them: the way out is the same. */
static const struct dm_etcd_fault corrupt = {
	"the etcd data in data-dir are damaged",
	"put `data-dir` aside; with other dm-masters alive take this one out "
	"by `offline-member --master --name` and start it with `join`, else "
	"put a backup of `data-dir` in its place",
	true,
};

/* The last place of `sign` in the log, or NULL. */
static const char *
last_place(const char *log, const char *sign)
{
	const char *last = NULL;

	for (const char *p = log; (p = strstr(p, sign)) != NULL; p++)
		last = p;
	return last;
}

const struct dm_etcd_fault *
dm_etcd_diagnose(const char *log)
{
	const struct dm_etcd_fault *fault = NULL;
	const char *newest = NULL;

	for (size_t i = 0; i < DM_ARRAY_SIZE(table); i++) {
		const char *p = last_place(log, table[i].sign);

		if (p == NULL || p < newest)
			continue;
		newest = p;
		fault = table[i].fault.what ? &table[i].fault : &corrupt;
	}
	return fault;
}
