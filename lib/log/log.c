/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: see log.h. FORMAT: TiDB's unified log format; a field with a
 * character that is not plain is written as a JSON string.
 */
#include "lib/log/log.h"

#include "lib/thread/mutex.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANK_LOG     1000
#define ROTATE_BYTES ((off_t)512 << 20)

static struct {
	pthread_mutex_t mu; /* guards fd, path; the last lock anyone takes */
	int fd;
	char *path; /* NULL: stdout or stderr */
	bool json;
	_Atomic int level;
} logger = { .mu = PTHREAD_MUTEX_INITIALIZER, .fd = 2, .level = DM_LOG_WARN };

static const char *const level_names[] = { "DEBUG", "INFO", "WARN", "ERROR",
	"FATAL" };

enum dm_log_level
dm_log_threshold(void)
{
	return (enum dm_log_level)atomic_load_explicit(
	    &logger.level, memory_order_relaxed);
}

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

struct dm_err *
dm_log_init(const char *level, const char *file, const char *format)
{
	int i, fd;

	for (i = DM_LOG_DEBUG; i <= DM_LOG_FATAL; i++) {
		if (g_ascii_strcasecmp(level, level_names[i]) == 0)
			break;
	}
	if (i > DM_LOG_FATAL)
		return dm_err_plain("log-level '%s' is not one of debug, "
				    "info, warn, error, fatal",
		    level);
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return dm_err_plain(
		    "log-format '%s' is not one of text, json", format);
	fd = file[0] == '\0' ? 1 : open_file(file);
	if (fd < 0)
		return dm_err_plain(
		    "open log-file %s: %s", file, g_strerror(errno));
	pthread_mutex_lock(&logger.mu);
	if (logger.path != NULL)
		close(logger.fd);
	g_free(logger.path);
	logger.fd = fd;
	logger.path = file[0] == '\0' ? NULL : g_strdup(file);
	logger.json = strcmp(format, "json") == 0;
	pthread_mutex_unlock(&logger.mu);
	atomic_store(&logger.level, i);
	return NULL;
}

static void
append_json_string(GString *s, const char *text)
{
	g_string_append_c(s, '"');
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			g_string_append_printf(s, "\\%c", c);
		else if (c == '\n')
			g_string_append(s, "\\n");
		else if (c == '\t')
			g_string_append(s, "\\t");
		else if (c < 0x20)
			g_string_append_printf(s, "\\u%04x", c);
		else
			g_string_append_c(s, (gchar)c);
	}
	g_string_append_c(s, '"');
}

static void
append_text_value(GString *s, const char *text)
{
	if (text[0] != '\0' && strpbrk(text, " \"\\=[]\n\t\r") == NULL)
		g_string_append(s, text);
	else
		append_json_string(s, text);
}

static char *
kv_value(const struct dm_kv *kv)
{
	switch (kv->kind) {
	case DM_KV_STR:
		return g_strdup(kv->v.s != NULL ? kv->v.s : "");
	case DM_KV_INT:
		return g_strdup_printf("%" PRId64, kv->v.i);
	case DM_KV_BOOL:
		return g_strdup(kv->v.b ? "true" : "false");
	case DM_KV_ERR:
		return kv->v.e != NULL ? dm_err_text(kv->v.e) : g_strdup("");
	case DM_KV_END:
		break;
	}
	return g_strdup("");
}

static void
append_time(GString *s)
{
	struct timespec ts;
	struct tm tm;
	char day[32], zone[8];

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y/%m/%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	g_string_append_printf(s, "%s.%03d %.3s:%s", day,
	    (int)(ts.tv_nsec / 1000000), zone, zone + 3);
}

static void
format_text(GString *s, enum dm_log_level level, const char *where,
    const char *msg, const struct dm_kv *kv)
{
	g_string_append_c(s, '[');
	append_time(s);
	g_string_append_printf(s, "] [%s] [%s] [", level_names[level], where);
	append_text_value(s, msg);
	g_string_append_c(s, ']');
	for (; kv->kind != DM_KV_END; kv++) {
		g_autofree char *v = kv_value(kv);

		g_string_append_printf(s, " [%s=", kv->key);
		append_text_value(s, v);
		g_string_append_c(s, ']');
	}
	g_string_append_c(s, '\n');
}

static void
format_json(GString *s, enum dm_log_level level, const char *where,
    const char *msg, const struct dm_kv *kv)
{
	g_string_append_printf(
	    s, "{\"level\":\"%s\",\"time\":\"", level_names[level]);
	append_time(s);
	g_string_append_printf(s, "\",\"caller\":\"%s\",\"message\":", where);
	append_json_string(s, msg);
	for (; kv->kind != DM_KV_END; kv++) {
		g_autofree char *v = kv_value(kv);

		g_string_append_printf(s, ",\"%s\":", kv->key);
		if (kv->kind == DM_KV_INT || kv->kind == DM_KV_BOOL)
			g_string_append(s, v);
		else
			append_json_string(s, v);
	}
	g_string_append(s, "}\n");
}

static void
rotate_locked(void)
{
	struct stat st;
	g_autofree char *old = NULL;
	char stamp[40];
	time_t now = time(NULL);
	struct tm tm;
	int fd;

	if (logger.path == NULL || fstat(logger.fd, &st) != 0 ||
	    st.st_size < ROTATE_BYTES)
		return;
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H-%M-%S", &tm);
	old = g_strdup_printf("%s.%s", logger.path, stamp);
	if (rename(logger.path, old) != 0)
		return;
	fd = open_file(logger.path);
	if (fd >= 0) {
		close(logger.fd);
		logger.fd = fd;
	}
}

void
dm_log_write(enum dm_log_level level, const char *file, int line,
    const char *msg, const struct dm_kv *kv)
{
	const char *base = strrchr(file, '/');
	g_autofree char *where =
	    g_strdup_printf("%s:%d", base != NULL ? base + 1 : file, line);
	GString *s = g_string_sized_new(256);
	ssize_t n;

	if (logger.json)
		format_json(s, level, where, msg, kv);
	else
		format_text(s, level, where, msg, kv);
	pthread_mutex_lock(&logger.mu);
	rotate_locked();
	n = write(logger.fd, s->str, s->len);
	pthread_mutex_unlock(&logger.mu);
	(void)n; /* a log that cannot be written has nobody to tell */
	g_string_free(s, TRUE);
}
