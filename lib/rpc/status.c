/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of gRPC in this process, status names and texts, and the small things
 * that server and client share. Threads: any, but for init and shutdown.
 */
#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "lib/rpc/internal.h"

#include <dlfcn.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Trailers may have 8 kB in all, of which gRPC's own take little. The text is
 * percent-encoded there: what is not printable ASCII takes three bytes. */
#define MAX_TEXT    4000
#define MAX_ENCODED 6000

static const char *const names[] = {
	[DM_RPC_OK] = "OK",
	[DM_RPC_CANCELLED] = "Canceled",
	[DM_RPC_UNKNOWN] = "Unknown",
	[DM_RPC_INVALID_ARGUMENT] = "InvalidArgument",
	[DM_RPC_DEADLINE_EXCEEDED] = "DeadlineExceeded",
	[DM_RPC_NOT_FOUND] = "NotFound",
	[DM_RPC_ALREADY_EXISTS] = "AlreadyExists",
	[DM_RPC_PERMISSION_DENIED] = "PermissionDenied",
	[DM_RPC_RESOURCE_EXHAUSTED] = "ResourceExhausted",
	[DM_RPC_FAILED_PRECONDITION] = "FailedPrecondition",
	[DM_RPC_ABORTED] = "Aborted",
	[DM_RPC_OUT_OF_RANGE] = "OutOfRange",
	[DM_RPC_UNIMPLEMENTED] = "Unimplemented",
	[DM_RPC_INTERNAL] = "Internal",
	[DM_RPC_UNAVAILABLE] = "Unavailable",
	[DM_RPC_DATA_LOSS] = "DataLoss",
	[DM_RPC_UNAUTHENTICATED] = "Unauthenticated",
};

const char *
dm_rpc_status_name(enum dm_rpc_status s)
{
	/* The other side may send any number. */
	if ((size_t)s >= DM_ARRAY_SIZE(names))
		return "Unknown";
	return names[s];
}

/* gRPC core prints failed connections and the like to stderr; to us they
 * come as statuses. */
static void
log_core(gpr_log_func_args *args)
{
	dm_debug("grpc core", dm_kstr("message", args->message),
	    dm_kstr("file", args->file), dm_kint("line", args->line));
}

static void
raise_fd_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur == rl.rlim_max)
		return;
	rl.rlim_cur = rl.rlim_max;
	/* Not allowed: then we live with the limit there is. */
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

/*
 * Debian 12 builds abseil with the checks of a debug build: every lock of gRPC
 * is entered into a graph of who waits for whom, a third of what a channel
 * costs, and a suspected cycle ends the process. Only a C++ name turns it off,
 * with Debian's version in it; another build of the library has the checks off.
 */
static void
stop_lock_checks(void)
{
	enum { IGNORE = 0 }; /* absl::OnDeadlockCycle::kIgnore */
	void (*set_mode)(int) = NULL;
	void *found = dlsym(RTLD_DEFAULT,
	    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_"
	    "15OnDeadlockCycleE");

	memcpy(&set_mode, &found, sizeof(set_mode));
	if (set_mode != NULL)
		set_mode(IGNORE);
}

void
dm_rpc_init(void)
{
	stop_lock_checks();
	raise_fd_limit();
	/* Names are resolved as by the rest of the process (nsswitch.conf),
	 * not by c-ares. What the user has set stays. */
	(void)setenv("GRPC_DNS_RESOLVER", "native", 0);
	gpr_set_log_function(log_core);
	/* gRPC's threads may still be connecting when main returns: OpenSSL
	 * must not free its state under them. */
	dm_assert(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
	grpc_init();
}

void
dm_rpc_shutdown(void)
{
	grpc_shutdown_blocking();
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '%';
}

char *
dm_rpc_cut_text(const char *text)
{
	g_autofree char *valid = NULL;
	size_t encoded = 0, end = 0, n;
	const char *next;

	if (text == NULL)
		return g_strdup("");
	valid = g_utf8_make_valid(text, -1);
	/* Whole characters only. */
	while (valid[end] != '\0') {
		next = g_utf8_next_char(valid + end);
		n = (size_t)(next - (valid + end));
		encoded += is_plain((unsigned char)valid[end]) ? 1 : 3 * n;
		if (encoded > MAX_ENCODED || end + n > MAX_TEXT)
			break;
		end += n;
	}
	return g_strndup(valid, end);
}

/* dmctl reopens its connection with a larger limit when it reads this. */
static char *
go_limit_text(const char *text)
{
	const char *at = strstr(text, "eceived message larger than max (");

	return at == NULL ? NULL : g_strdup_printf("grpc: r%s", at);
}

char *
dm_rpc_core_text(enum dm_rpc_status status, grpc_slice details)
{
	const char *p = (const char *)GRPC_SLICE_START_PTR(details);
	g_autofree char *raw = g_strndup(p, GRPC_SLICE_LENGTH(details));
	g_autofree char *text = g_utf8_make_valid(raw, -1);
	char *go = NULL;

	if (status == DM_RPC_RESOURCE_EXHAUSTED)
		go = go_limit_text(text);
	if (status == DM_RPC_DEADLINE_EXCEEDED &&
	    strcmp(text, "Deadline Exceeded") == 0)
		go = g_strdup("context deadline exceeded");
	if (status == DM_RPC_CANCELLED && strcmp(text, "CANCELLED") == 0)
		go = g_strdup("context canceled");
	return go != NULL ? go : DM_TAKE(text);
}

struct dm_err *
dm_rpc_status_err(enum dm_rpc_status status, const char *text)
{
	if (status > DM_RPC_UNAUTHENTICATED)
		return dm_err_plain("rpc error: code = Code(%u) desc = %s",
		    (unsigned)status, text);
	return dm_err_plain(
	    "rpc error: code = %s desc = %s", dm_rpc_status_name(status), text);
}

gpr_timespec
dm_rpc_deadline(int64_t ms)
{
	if (ms < 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
	    gpr_time_from_millis(ms, GPR_TIMESPAN));
}

const ProtobufCMethodDescriptor *
dm_rpc_method(const ProtobufCServiceDescriptor *svc, const char *method)
{
	const ProtobufCMethodDescriptor *m =
	    protobuf_c_service_descriptor_get_method_by_name(svc, method);

	dm_assert(m != NULL);
	return m;
}

char *
dm_rpc_path(const ProtobufCServiceDescriptor *svc, const char *method)
{
	return g_strdup_printf("/%s/%s", svc->name, method);
}

void *
dm_rpc_loop(void *arg)
{
	grpc_completion_queue *cq = arg;
	struct dm_rpc_tag *tag;
	grpc_event ev;

	for (;;) {
		ev = grpc_completion_queue_next(
		    cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		if (ev.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		tag = ev.tag;
		(void)atomic_load(&tag->started);
		tag->fn(tag, ev.success != 0);
	}
}

void
dm_rpc_batch(
    grpc_call *call, const grpc_op *ops, size_t n, struct dm_rpc_tag *tag)
{
	atomic_store(&tag->started, true);
	dm_assert(
	    grpc_call_start_batch(call, ops, n, tag, NULL) == GRPC_CALL_OK);
}
