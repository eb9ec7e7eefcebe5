/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TiDB log format:
 *   [2026/01/02 15:04:05.000 +00:00] [INFO] [file.c:12] ["message"] [k=v]
 * The message is constant text in lower case; data goes into fields. Code in
 * lib/ never logs above debug. Threads: any; a line is written at once.
 */
#ifndef DM_LIB_LOG_LOG_H
#define DM_LIB_LOG_LOG_H

#include "lib/base/base.h"
#include "lib/err/err.h"

enum dm_log_level {
	DM_LOG_DEBUG,
	DM_LOG_INFO,
	DM_LOG_WARN,
	DM_LOG_ERROR,
	DM_LOG_FATAL
};

enum dm_kv_kind { DM_KV_END, DM_KV_STR, DM_KV_INT, DM_KV_BOOL, DM_KV_ERR };

struct dm_kv {
	enum dm_kv_kind kind;
	const char *key;
	union {
		const char *s;
		int64_t i;
		bool b;
		const struct dm_err *e;
	} v;
};

#define dm_kstr(k, x)                                                          \
	((struct dm_kv){ .kind = DM_KV_STR, .key = (k), .v.s = (x) })
#define dm_kint(k, x)                                                          \
	((struct dm_kv){ .kind = DM_KV_INT, .key = (k), .v.i = (int64_t)(x) })
#define dm_kbool(k, x)                                                         \
	((struct dm_kv){ .kind = DM_KV_BOOL, .key = (k), .v.b = (x) })
#define dm_kerr(x)                                                             \
	((struct dm_kv){ .kind = DM_KV_ERR, .key = "error", .v.e = (x) })

#define dm_log_(level, msg, ...)                                               \
	do {                                                                   \
		if ((level) >= dm_log_threshold())                             \
			dm_log_write((level), __FILE__, __LINE__, (msg),       \
			    (const struct dm_kv[]){                            \
				__VA_ARGS__ __VA_OPT__(, ){ 0 } });            \
	} while (0)
#define dm_debug(msg, ...) dm_log_(DM_LOG_DEBUG, msg, ##__VA_ARGS__)
#define dm_info(msg, ...)  dm_log_(DM_LOG_INFO, msg, ##__VA_ARGS__)
#define dm_warn(msg, ...)  dm_log_(DM_LOG_WARN, msg, ##__VA_ARGS__)
#define dm_error(msg, ...) dm_log_(DM_LOG_ERROR, msg, ##__VA_ARGS__)

/*
 * Start logging. level: debug, info, warn, error, fatal. file: path, "" for
 * stdout; reopened after 512 MB as <file>.<time>. format: text or json.
 * Before this call lines go to stderr at level warn.
 */
struct dm_err *dm_log_init(
    const char *level, const char *file, const char *format) DM_MUST_CHECK;
enum dm_log_level dm_log_threshold(void);
void dm_log_write(enum dm_log_level level, const char *file, int line,
    const char *msg, const struct dm_kv *kv);

#endif
