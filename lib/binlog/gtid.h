/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GTID sets of MySQL ("uuid:1-3:5,uuid:tag:1-2") and MariaDB ("0-1-5,1-1-7").
 * Threads: a set has one owner.
 * Source: MySQL manual "GTID Format and Storage"; MariaDB KB "GTID".
 */
#ifndef DM_LIB_BINLOG_GTID_H
#define DM_LIB_BINLOG_GTID_H

#include "lib/err/err.h"

enum dm_flavor { DM_FLAVOR_ANY, DM_FLAVOR_MYSQL, DM_FLAVOR_MARIADB };

struct dm_gtid_set;

/* "" is the empty set; "0-0-0" too; new lines and blanks are accepted.
 * DM_FLAVOR_ANY tries MySQL first, then MariaDB. Errors: PARSE_GTID. */
struct dm_err *dm_gtid_set_parse(enum dm_flavor flavor, const char *text,
    struct dm_gtid_set **set) DM_MUST_CHECK;
struct dm_gtid_set *dm_gtid_set_new(enum dm_flavor flavor);
struct dm_gtid_set *dm_gtid_set_copy(const struct dm_gtid_set *s);
void dm_gtid_set_free(struct dm_gtid_set *s);
DM_DEFINE_AUTO(dm_gtid_set)
/* Normal form, sorted; new string. */
char *dm_gtid_set_text(const struct dm_gtid_set *s);
bool dm_gtid_set_is_empty(const struct dm_gtid_set *s);
enum dm_flavor dm_gtid_set_flavor(const struct dm_gtid_set *s);
/* Add one GTID. MySQL: uuid of 16 bytes, tag "" or up to 32 characters.
 * MariaDB: the domain's position becomes server-seq. */
void dm_gtid_set_add_mysql(struct dm_gtid_set *s, const uint8_t uuid[16],
    const char *tag, int64_t gno);
void dm_gtid_set_add_mariadb(
    struct dm_gtid_set *s, uint32_t domain, uint32_t server, uint64_t seq);
/* Everything of b is in a. MariaDB: per domain, by sequence number. */
bool dm_gtid_set_contains(
    const struct dm_gtid_set *a, const struct dm_gtid_set *b);
bool dm_gtid_set_equal(
    const struct dm_gtid_set *a, const struct dm_gtid_set *b);
/* a = a + b */
void dm_gtid_set_union(struct dm_gtid_set *a, const struct dm_gtid_set *b);
/* COM_BINLOG_DUMP_GTID's binary form (MySQL); new bytes. */
GBytes *dm_gtid_set_encode_mysql(const struct dm_gtid_set *s);

#endif
