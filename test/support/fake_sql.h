/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that speaks just enough of MySQL's protocol to answer a client with
 * what a healthy server does not say: a table of statements and results. One
 * thread per server, one connection after the other.
 */
#ifndef DM_TEST_SUPPORT_FAKE_SQL_H
#define DM_TEST_SUPPORT_FAKE_SQL_H

#include <stddef.h>

/*
 * The answer to statements that begin with `begins`; the first row of the table
 * that fits counts. columns 0: OK without a result set. cells: rows one after
 * the other, NULL is SQL's NULL, `n_rows` times `columns` of them.
 */
struct fake_sql_answer {
	const char *begins;
	size_t columns, n_rows;
	const char *const *cells;
	unsigned error;   /* not 0: an error packet of this number instead */
	unsigned wait_ms; /* before it answers */
};

struct fake_sql;

/* table ends with a row of NULL; it and version are borrowed until _stop. A
 * statement that no row fits is answered OK. */
struct fake_sql *fake_sql_start(
    const char *version, const struct fake_sql_answer *table);
unsigned fake_sql_port(const struct fake_sql *f);
/* Cuts the connection and joins. */
void fake_sql_stop(struct fake_sql *f);

#endif
