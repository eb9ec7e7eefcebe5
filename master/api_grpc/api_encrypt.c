/* SPDX-License-Identifier: Apache-2.0 */
/* `dmctl encrypt`. SOURCE: control-plane reference 2.9, 7.3. */
#include "master/api_grpc/call.h"

#include <string.h>

#define NO_KEY                                                                 \
	"secret key not initialized. To enable encryption:\n"                  \
	"1. Make a key: openssl rand -hex 32 > /path/secret.key\n"             \
	"2. Give the file to every dm-master: --secret-key-path or "           \
	"`secret-key-path` in its configuration file\n"                        \
	"3. Restart every dm-master; README.md tells more"

ProtobufCMessage *
api_encrypt(const struct api_call *c)
{
	const Pb__EncryptRequest *req = (const Pb__EncryptRequest *)c->req;
	Pb__EncryptResponse *resp;

	if (c->env->keys == NULL)
		return api_answer(c, false, NO_KEY);
	if (!dm_is_password(req->plaintext))
		return api_answer(c, false,
		    "the text has control characters or more than 4096 bytes");
	resp = api_answer(c, true, "");
	resp->ciphertext = dm_encrypt(c->env->keys, req->plaintext);
	return &resp->base;
}
