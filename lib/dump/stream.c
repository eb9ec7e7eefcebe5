/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a dump as streams of bytes.
 *
 * DESIGN: one buffer of compressed bytes between the file and the library that
 * (de)compresses; a plain file passes without one. A compressed file may hold
 * several streams one behind the other, as `cat a.gz b.gz` makes them. Files on
 * a disk are a source and sink of this file's own.
 */
#include "lib/dump/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define BUFFER_BYTES ((size_t)128 << 10)
/* zlib: gzip's header and trailer. */
#define WINDOW_GZIP (15 + 16)

/* A file on a disk. */
struct disk_file {
	char *path;
	int fd;
};

static struct disk_file *
disk_file_new(const char *path, int fd)
{
	struct disk_file *f = g_new0(struct disk_file, 1);

	f->path = g_strdup(path);
	f->fd = fd;
	return f;
}

static void
disk_file_free(void *arg)
{
	struct disk_file *f = arg;

	if (f->fd >= 0)
		close(f->fd);
	g_free(f->path);
	g_free(f);
}

/* ---- reading ---- */

struct dm_dump_input {
	char *path;
	enum dm_dump_compress kind;
	struct dm_dump_source src;
	uint8_t *buf; /* of compressed bytes: [start, end) not used yet */
	size_t start, end;
	bool eof;    /* of the file */
	bool inside; /* a compressed stream has begun and not ended */
	z_stream z;
	ZSTD_DStream *zstd;
};

static struct dm_err *
read_error(const char *path, const char *what)
{
	g_autofree char *text = g_strdup_printf("file %s: %s", path, what);

	return dm_err_new(LOAD_LIGHTNING_RUNTIME, text);
}

void
dm_dump_input_free(struct dm_dump_input *in)
{
	if (in == NULL)
		return;
	in->src.free(in->src.arg);
	if (in->kind == DM_DUMP_GZIP)
		inflateEnd(&in->z);
	ZSTD_freeDStream(in->zstd);
	g_free(in->buf);
	g_free(in->path);
	g_free(in);
}

struct dm_dump_input *
dm_dump_input_over(
    const char *path, const struct dm_dump_source *src, enum dm_dump_compress c)
{
	struct dm_dump_input *in = g_new0(struct dm_dump_input, 1);

	in->path = g_strdup(path);
	in->kind = c;
	in->src = *src;
	if (c != DM_DUMP_PLAIN)
		in->buf = g_malloc(BUFFER_BYTES);
	if (c == DM_DUMP_GZIP)
		dm_assert(inflateInit2(&in->z, WINDOW_GZIP) == Z_OK);
	if (c == DM_DUMP_ZSTD) {
		in->zstd = ZSTD_createDStream();
		dm_assert(in->zstd != NULL);
	}
	return in;
}

static struct dm_err *
disk_read(void *arg, void *buf, size_t size, size_t *got)
{
	const struct disk_file *f = arg;
	ssize_t n;

	do
		n = read(f->fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return read_error(f->path, g_strerror(errno));
	*got = (size_t)n;
	return NULL;
}

struct dm_err *
dm_dump_input_open(
    const char *path, enum dm_dump_compress c, struct dm_dump_input **out)
{
	struct dm_dump_source src = { .read = disk_read,
		.free = disk_file_free };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return read_error(path, g_strerror(errno));
	src.arg = disk_file_new(path, fd);
	*out = dm_dump_input_over(path, &src, c);
	return NULL;
}

static struct dm_err *
fill(struct dm_dump_input *in)
{
	size_t got = 0;
	struct dm_err *err;

	if (in->start < in->end || in->eof)
		return NULL;
	err = in->src.read(in->src.arg, in->buf, BUFFER_BYTES, &got);
	if (err != NULL)
		return err;
	in->start = 0;
	in->end = got;
	in->eof = got == 0;
	return NULL;
}

/* NULL, or what is wrong: static. */
static const char *
gunzip(struct dm_dump_input *in, void *buf, size_t size, size_t *got)
{
	int rc;

	in->z.next_in = in->buf + in->start;
	in->z.avail_in = (uInt)(in->end - in->start);
	in->z.next_out = buf;
	in->z.avail_out = (uInt)MIN(size, (size_t)UINT32_MAX);
	rc = inflate(&in->z, Z_NO_FLUSH);
	in->start = in->end - in->z.avail_in;
	*got = (size_t)(in->z.next_out - (uint8_t *)buf);
	in->inside = rc != Z_STREAM_END;
	if (rc == Z_STREAM_END)
		rc = inflateReset(&in->z);
	return rc == Z_OK || rc == Z_BUF_ERROR ? NULL : "damaged gzip data";
}

static const char *
unzstd(struct dm_dump_input *in, void *buf, size_t size, size_t *got)
{
	ZSTD_inBuffer from = { in->buf + in->start, in->end - in->start, 0 };
	ZSTD_outBuffer to = { buf, size, 0 };
	size_t rc = ZSTD_decompressStream(in->zstd, &to, &from);

	if (ZSTD_isError(rc))
		return "damaged zstd data";
	in->start += from.pos;
	*got = to.pos;
	in->inside = rc != 0;
	return NULL;
}

struct dm_err *
dm_dump_input_read(void *arg, void *buf, size_t size, size_t *got)
{
	struct dm_dump_input *in = arg;
	struct dm_err *err = NULL;
	const char *bad = NULL;

	*got = 0;
	if (in->kind == DM_DUMP_PLAIN)
		return in->src.read(in->src.arg, buf, size, got);
	while (*got == 0 && bad == NULL) {
		err = fill(in);
		if (err != NULL)
			return err;
		if (in->eof && in->start == in->end) {
			/* What the library still holds comes first. */
			if (in->inside && in->kind == DM_DUMP_GZIP)
				bad = gunzip(in, buf, size, got);
			else if (in->inside)
				bad = unzstd(in, buf, size, got);
			if (bad != NULL || *got > 0)
				break;
			return in->inside ? read_error(in->path,
						"it is cut off: the compressed "
						"data have no end")
					  : NULL;
		}
		bad = in->kind == DM_DUMP_GZIP ? gunzip(in, buf, size, got)
					       : unzstd(in, buf, size, got);
	}
	return bad == NULL ? NULL : read_error(in->path, bad);
}

/* ---- writing ---- */

struct dm_dump_output {
	enum dm_dump_compress kind;
	struct dm_dump_sink sink;
	uint64_t bytes;
	uint8_t *buf;
	size_t used; /* of buf, which is written when it is full */
	z_stream z;
	ZSTD_CStream *zstd;
};

struct dm_err *
dm_dump_write_error(const char *what, const char *path, int no)
{
	struct dm_err *err = dm_err_new(DUMP_UNIT_RUNTIME, what);

	dm_err_set_cause(err, "%s: %s", path, g_strerror(no));
	if (no == ENOSPC || no == EDQUOT)
		dm_err_set_workaround(err,
		    "make room on that disk, or let `dir` of `loaders` (task "
		    "file) name a folder on another one, then `resume-task`: "
		    "the dump begins anew");
	else if (no == EACCES || no == EPERM || no == EROFS)
		dm_err_set_workaround(err,
		    "let the user that dm-worker runs as write there, or let "
		    "`dir` of `loaders` (task file) name another folder, then "
		    "`resume-task`");
	return err;
}

void
dm_dump_output_free(struct dm_dump_output *out)
{
	if (out == NULL)
		return;
	out->sink.free(out->sink.arg);
	if (out->kind == DM_DUMP_GZIP)
		deflateEnd(&out->z);
	ZSTD_freeCStream(out->zstd);
	g_free(out->buf);
	g_free(out);
}

struct dm_dump_output *
dm_dump_output_over(const struct dm_dump_sink *sink, enum dm_dump_compress c)
{
	struct dm_dump_output *out = g_new0(struct dm_dump_output, 1);

	out->kind = c;
	out->sink = *sink;
	out->buf = g_malloc(BUFFER_BYTES);
	if (c == DM_DUMP_GZIP)
		dm_assert(
		    deflateInit2(&out->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
			WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	if (c == DM_DUMP_ZSTD) {
		out->zstd = ZSTD_createCStream();
		dm_assert(out->zstd != NULL);
	}
	return out;
}

static struct dm_err *
disk_write(void *arg, const void *bytes, size_t len)
{
	const struct disk_file *f = arg;
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = write(f->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dm_dump_write_error(
			    "write a file", f->path, errno);
		p += n;
		len -= (size_t)n;
	}
	return NULL;
}

static struct dm_err *
disk_finish(void *arg)
{
	struct disk_file *f = arg;
	struct dm_err *err = NULL;
	int fd = f->fd;

	if (fdatasync(fd) != 0)
		err = dm_dump_write_error("write a file", f->path, errno);
	f->fd = -1;
	if (close(fd) != 0 && err == NULL)
		err = dm_dump_write_error("write a file", f->path, errno);
	return err;
}

struct dm_err *
dm_dump_output_open(
    const char *path, enum dm_dump_compress c, struct dm_dump_output **res)
{
	struct dm_dump_sink sink = { .write = disk_write,
		.finish = disk_finish,
		.free = disk_file_free };
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd < 0)
		return dm_dump_write_error("create a file", path, errno);
	sink.arg = disk_file_new(path, fd);
	*res = dm_dump_output_over(&sink, c);
	return NULL;
}

static struct dm_err *
write_out(struct dm_dump_output *out)
{
	struct dm_err *err =
	    out->sink.write(out->sink.arg, out->buf, out->used);

	if (err == NULL)
		out->used = 0;
	return err;
}

static struct dm_err *
put_plain(struct dm_dump_output *out, const uint8_t *p, size_t len)
{
	struct dm_err *err = NULL;

	while (err == NULL && len > 0) {
		size_t n = MIN(len, BUFFER_BYTES - out->used);

		memcpy(out->buf + out->used, p, n);
		out->used += n;
		p += n;
		len -= n;
		if (out->used == BUFFER_BYTES)
			err = write_out(out);
	}
	return err;
}

/* Compress a piece into buf; *left: what the library has not taken yet. True:
 * there is more to come out. */
static bool
squeeze(struct dm_dump_output *out, const uint8_t **p, size_t *len, bool end)
{
	uint8_t *to = out->buf + out->used;
	size_t room = BUFFER_BYTES - out->used;

	if (out->kind == DM_DUMP_GZIP) {
		int rc;

		out->z.next_in = (Bytef *)(uintptr_t)*p;
		out->z.avail_in = (uInt)MIN(*len, (size_t)1 << 30);
		out->z.next_out = to;
		out->z.avail_out = (uInt)room;
		rc = deflate(&out->z, end ? Z_FINISH : Z_NO_FLUSH);
		*len -= (size_t)(out->z.next_in - *p);
		*p = out->z.next_in;
		out->used = BUFFER_BYTES - out->z.avail_out;
		return *len > 0 || (end && rc != Z_STREAM_END);
	} else {
		ZSTD_inBuffer from = { *p, *len, 0 };
		ZSTD_outBuffer sink = { to, room, 0 };
		size_t rc = ZSTD_compressStream2(out->zstd, &sink, &from,
		    end ? ZSTD_e_end : ZSTD_e_continue);

		dm_assert(!ZSTD_isError(rc));
		*p += from.pos;
		*len -= from.pos;
		out->used += sink.pos;
		return *len > 0 || (end && rc != 0);
	}
}

static struct dm_err *
put_compressed(
    struct dm_dump_output *out, const uint8_t *p, size_t len, bool end)
{
	struct dm_err *err = NULL;
	bool more = true;

	while (err == NULL && more) {
		more = squeeze(out, &p, &len, end);
		if (out->used == BUFFER_BYTES)
			err = write_out(out);
	}
	return err;
}

struct dm_err *
dm_dump_output_write(struct dm_dump_output *out, const void *bytes, size_t len)
{
	out->bytes += len;
	return out->kind == DM_DUMP_PLAIN
		   ? put_plain(out, bytes, len)
		   : put_compressed(out, bytes, len, false);
}

uint64_t
dm_dump_output_bytes(const struct dm_dump_output *out)
{
	return out->bytes;
}

struct dm_err *
dm_dump_output_finish(struct dm_dump_output *out)
{
	struct dm_err *err = NULL;

	if (out->kind != DM_DUMP_PLAIN)
		err = put_compressed(out, (const uint8_t *)"", 0, true);
	if (err == NULL)
		err = write_out(out);
	return err != NULL ? err : out->sink.finish(out->sink.arg);
}
