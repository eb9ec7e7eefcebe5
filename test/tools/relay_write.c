/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of a relay log, without a cluster and without tasks. A script
 * says on the standard input what happens, one command a line, and reads one
 * line for each:
 *
 *   run, pause    what is expected, as of a new revision
 *   status        SUBDIR;PLACE;GTIDS;caught or behind;STAGE;error or ""
 *   need FILE GTIDS SERVER  a task stands there (before `run`; - is "")
 *
 *   relay_write SOURCE-FILE RELAY-DIR
 */
#include "lib/log/log.h"
#include "lib/sql/sql.h"
#include "worker/relay/writer.h"
#include "worker/subtask_edges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct relay_need need; /* pos.name "": none */

static bool
add_needs(GPtrArray *needs, struct dm_cancel *c, void *arg)
{
	struct relay_need *n = g_memdup2(&need, sizeof(need));

	(void)c;
	(void)arg;
	n->gtid = g_strdup(need.gtid != NULL ? need.gtid : "");
	n->server = g_strdup(need.server != NULL ? need.server : "");
	g_ptr_array_add(needs, n);
	return true;
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
print_status(struct relay_writer *w)
{
	Pb__RelayStatus *st = relay_writer_status(w);
	g_autofree char *error = NULL;

	if (st->result != NULL && st->result->n_errors > 0)
		error =
		    g_strdup_printf("%d %s %s", st->result->errors[0]->errcode,
			st->result->errors[0]->message,
			st->result->errors[0]->rawcause);
	printf("%s;%s;%s;%s;%s;%s\n", st->relaysubdir, st->relaybinlog,
	    st->relaybinloggtid, st->relaycatchupmaster ? "caught" : "behind",
	    subtask_stage_name(st->stage), error != NULL ? error : "");
	protobuf_c_message_free_unpacked(&st->base, NULL);
}

static void
read_need(const char *args)
{
	g_auto(GStrv) parts = g_strsplit(args, " ", 3);

	if (g_strv_length(parts) != 3)
		return;
	if (strcmp(parts[0], "-") != 0)
		need.pos = dm_pos_make(parts[0], 4);
	if (strcmp(parts[1], "-") != 0)
		need.gtid = g_strdup(parts[1]);
	if (strcmp(parts[2], "-") != 0)
		need.server = g_strdup(parts[2]);
}

static struct dm_source_cfg *
read_source(const char *file)
{
	struct dm_source_cfg *source = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err = NULL;

	if (g_file_get_contents(file, &text, NULL, NULL))
		err = dm_source_cfg_parse(file, text, &source);
	if (source == NULL) {
		g_autofree char *why =
		    err != NULL ? dm_err_text(err) : g_strdup("no such file");

		fprintf(stderr, "%s: %s\n", file, why);
		exit(1);
	}
	return source;
}

int
main(int argc, char **argv)
{
	DM_AUTO(dm_cancel) hard = dm_cancel_new(NULL);
	struct relay_writer_opts o = {
		.hard = hard, .needs = add_needs, .changed = nothing
	};
	DM_AUTO(dm_source_cfg) source = NULL;
	DM_AUTO(relay_hub) hub = NULL;
	struct relay_writer *w;
	int64_t revision = 0;
	char line[1024];

	if (argc != 3) {
		fprintf(stderr, "relay_write SOURCE-FILE RELAY-DIR\n");
		return 1;
	}
	o.source = source = read_source(argv[1]);
	o.hub = hub = relay_hub_new(argv[2]);
	w = relay_writer_new(&o);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		g_strchomp(line);
		if (strcmp(line, "run") == 0)
			relay_writer_expect(w, PB__STAGE__Running, ++revision);
		else if (strcmp(line, "pause") == 0)
			relay_writer_expect(w, PB__STAGE__Paused, ++revision);
		else if (g_str_has_prefix(line, "need "))
			read_need(line + 5);
		if (strcmp(line, "status") == 0)
			print_status(w);
		else
			printf("ok\n");
		fflush(stdout);
	}
	relay_writer_free(w);
	g_free(need.gtid);
	g_free(need.server);
	return 0;
}
