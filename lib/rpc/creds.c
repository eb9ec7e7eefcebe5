/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of gRPC's client channels.
 *
 * gRPC core does the handshake and verifies the server's chain. Common name
 * and host are checked by lib/crypt, in a verifier that gRPC calls on threads
 * of its own. Its own check of host names is off: it would refuse what DM
 * allows (see lib/crypt/tls.h).
 */
#include "lib/crypt/tls.h"
#include "lib/rpc/internal.h"

#include <grpc/grpc_security.h>
#include <grpc/support/string_util.h>
#include <string.h>

static _Atomic(struct dm_tls *) in_use; /* NULL: in clear */

/* Lives as long as gRPC may ask, which is told by `destruct`. */
struct verifier {
	grpc_tls_certificate_verifier_external ext; /* user_data: this */
	struct dm_tls *tls;
};

/* New string: what gRPC calls its target, without brackets and port. */
static char *
host_of(const char *target)
{
	const char *colon = strchr(target, ':');
	const char *end = strchr(target, ']');

	if (target[0] == '[' && end != NULL)
		return g_strndup(target + 1, (gsize)(end - target - 1));
	if (colon != NULL && strchr(colon + 1, ':') == NULL)
		return g_strndup(target, (gsize)(colon - target));
	return g_strdup(target); /* no port, or an IPv6 address alone */
}

static int
verify(void *arg, grpc_tls_custom_verification_check_request *request,
    grpc_tls_on_custom_verification_check_done_cb done, void *done_arg,
    grpc_status_code *status, char **details)
{
	struct verifier *v = arg;
	g_autofree char *host = host_of(request->target_name);
	g_autofree char *why =
	    dm_tls_refusal(v->tls, request->peer_info.peer_cert, host);

	(void)done;
	(void)done_arg;
	*status = GRPC_STATUS_OK;
	if (why != NULL) {
		*status = GRPC_STATUS_UNAUTHENTICATED;
		*details = gpr_strdup(why);
	}
	return 1; /* done at once: `done` is not called */
}

static void
cancel(void *arg, grpc_tls_custom_verification_check_request *request)
{
	(void)arg;
	(void)request;
}

static void
destruct(void *arg)
{
	g_free(arg);
}

static void
set_verifier(grpc_tls_credentials_options *o, struct dm_tls *tls)
{
	struct verifier *v = g_new0(struct verifier, 1);
	grpc_tls_certificate_verifier *core;

	v->tls = tls;
	v->ext.user_data = v;
	v->ext.verify = verify;
	v->ext.cancel = cancel;
	v->ext.destruct = destruct;
	core = grpc_tls_certificate_verifier_external_create(&v->ext);
	grpc_tls_credentials_options_set_certificate_verifier(o, core);
	grpc_tls_certificate_verifier_release(core);
}

static void
set_certificates(grpc_tls_credentials_options *o, struct dm_tls *tls)
{
	const struct dm_tls_pem *pem = dm_tls_pem_get(tls);
	grpc_tls_identity_pairs *pairs = NULL;
	grpc_tls_certificate_provider *provider;

	if (pem->cert != NULL) {
		pairs = grpc_tls_identity_pairs_create();
		grpc_tls_identity_pairs_add_pair(pairs, pem->key, pem->cert);
		grpc_tls_credentials_options_watch_identity_key_cert_pairs(o);
	}
	provider =
	    grpc_tls_certificate_provider_static_data_create(pem->ca, pairs);
	grpc_tls_credentials_options_set_certificate_provider(o, provider);
	grpc_tls_credentials_options_watch_root_certs(o);
	grpc_tls_certificate_provider_release(provider);
	dm_tls_pem_unref(pem);
}

void
dm_rpc_use_tls(struct dm_tls *tls)
{
	atomic_store(&in_use, tls);
}

grpc_channel_credentials *
dm_rpc_creds_new(void)
{
	struct dm_tls *tls = atomic_load(&in_use);
	grpc_tls_credentials_options *o;

	if (tls == NULL)
		return grpc_insecure_credentials_create();
	o = grpc_tls_credentials_options_create();
	set_certificates(o, tls);
	set_verifier(o, tls);
	grpc_tls_credentials_options_set_check_call_host(o, 0);
	/* Takes o. */
	return grpc_tls_credentials_create(o);
}
