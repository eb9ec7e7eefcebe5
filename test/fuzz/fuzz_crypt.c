/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of key files, passwords, and sealed keys. What decrypts must be stored
 * and read back as the same. */
#include "lib/config/secret.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_keys(const char *text)
{
	DM_AUTO(dm_keys) keys = NULL;

	dm_err_free(dm_keys_parse(text, &keys));
	dm_assert(keys == NULL || keys->n > 0);
}

static void
try_password(const struct dm_keys *keys, const char *text)
{
	struct dm_db_cfg c = { .password = g_strdup(text) };
	struct dm_db_cfg again = { 0 };
	DM_AUTO(dm_err) err = dm_db_cfg_protect(&c, "from", keys);

	if (err == NULL) {
		dm_db_cfg_copy(&again, &c);
		dm_assert(dm_db_cfg_protect(&again, "from", keys) == NULL);
		dm_assert(strcmp(again.password, c.password) == 0);
		dm_assert(dm_db_cfg_decrypt(&c, "from", keys) == NULL);
		dm_assert(
		    dm_is_encrypted(text) || strcmp(c.password, text) == 0);
	}
	dm_db_cfg_fini(&c);
	dm_db_cfg_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dm_receiver *receiver;
	static const uint8_t key[DM_KEY_BYTES];
	g_autofree char *text = g_strndup((const char *)data, size);
	DM_AUTO(dm_keys) keys = dm_keys_of(key);
	uint8_t opened[DM_KEY_BYTES];

	if (receiver == NULL)
		receiver = dm_receiver_new();
	try_keys(text);
	try_password(keys, text);
	dm_err_free(dm_unseal_key(receiver, data, size, opened));
	return 0;
}
