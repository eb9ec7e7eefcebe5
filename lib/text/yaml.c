/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree with places, built from libfyaml's events.
 *
 * DESIGN: the document owns all nodes in one list, so an alias is just one
 * more pointer to a node and nesting of aliases costs nothing here. An anchor
 * becomes known when its node is complete: an alias inside of it is an error
 * instead of a loop. The builder keeps its own stack; nothing recurses over
 * the text.
 */
#include "lib/text/yaml.h"

#include <libfyaml.h>
#include <string.h>

/* A collection that is being read. */
struct frame {
	struct dm_yaml *node;
	char *anchor;            /* owned, NULL: none */
	struct dm_yaml_pair key; /* MAP: the key whose value comes; NULL */
	GHashTable *lines;       /* MAP: key -> line of its first pair */
};

struct builder {
	struct dm_yaml_doc *doc;
	GArray *stack;       /* struct frame */
	GHashTable *anchors; /* name -> struct dm_yaml* */
	size_t merged;       /* pairs made by merge keys */
	int *line, *col;
};

static void
node_destroy(gpointer p)
{
	struct dm_yaml *n = p;

	g_free(n->text);
	if (n->items != NULL)
		g_ptr_array_unref(n->items);
	if (n->pairs != NULL)
		g_array_unref(n->pairs);
	g_free(n);
}

static void
pair_clear(gpointer p)
{
	struct dm_yaml_pair *pair = p;

	g_free(pair->key);
}

static void
frame_clear(gpointer p)
{
	struct frame *f = p;

	g_free(f->anchor);
	g_free(f->key.key);
	if (f->lines != NULL)
		g_hash_table_unref(f->lines);
}

void
dm_yaml_doc_free(struct dm_yaml_doc *doc)
{
	if (doc == NULL)
		return;
	g_ptr_array_unref(doc->nodes);
	g_free(doc);
}

static struct dm_err *fail(struct builder *b, int line, int col,
    const char *fmt, ...) DM_PRINTF(4, 5) DM_MUST_CHECK;

static struct dm_err *
fail(struct builder *b, int line, int col, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	*b->line = line;
	*b->col = col;
	return dm_err_new(CONFIG_YAML_TRANSFORM, text);
}

static struct dm_yaml *
node_new(struct builder *b, enum dm_yaml_kind kind, const struct fy_mark *at)
{
	struct dm_yaml *n = g_new0(struct dm_yaml, 1);

	n->kind = kind;
	n->line = at != NULL ? at->line + 1 : 1;
	n->col = at != NULL ? at->column + 1 : 1;
	if (kind == DM_YAML_SEQ)
		n->items = g_ptr_array_new();
	if (kind == DM_YAML_MAP) {
		n->pairs =
		    g_array_new(FALSE, TRUE, sizeof(struct dm_yaml_pair));
		g_array_set_clear_func(n->pairs, pair_clear);
	}
	g_ptr_array_add(b->doc->nodes, n);
	return n;
}

/* New string of a token; NULL: it has a NUL inside. */
static char *
token_text(struct fy_token *t)
{
	size_t len = 0;
	const char *text = t != NULL ? fy_token_get_text(t, &len) : NULL;

	if (text == NULL)
		return g_strdup("");
	return memchr(text, '\0', len) != NULL ? NULL : g_strndup(text, len);
}

/* ---- merge keys ---- */

static bool
is_merge_key(const struct dm_yaml_pair *p)
{
	return strcmp(p->key, "<<") == 0;
}

static struct dm_err *
merge_map(struct builder *b, struct frame *f, const struct dm_yaml_pair *at,
    const struct dm_yaml *from)
{
	if (from->kind != DM_YAML_MAP || from == f->node)
		return fail(
		    b, at->line, at->col, "<< needs a map or a list of maps");
	for (guint i = 0; i < from->pairs->len; i++) {
		const struct dm_yaml_pair *p =
		    &g_array_index(from->pairs, struct dm_yaml_pair, i);
		struct dm_yaml_pair copy = *p;

		if (++b->merged > DM_YAML_MAX_NODES)
			return fail(
			    b, at->line, at->col, "too many merged keys");
		if (p->first_line != 0 ||
		    g_hash_table_contains(f->lines, p->key))
			continue;
		copy.key = g_strdup(p->key);
		g_hash_table_insert(
		    f->lines, g_strdup(p->key), GINT_TO_POINTER(p->line));
		g_array_append_val(f->node->pairs, copy);
	}
	return NULL;
}

static struct dm_err *
merge_value(
    struct builder *b, struct frame *f, const struct dm_yaml_pair *merge)
{
	const struct dm_yaml *v = merge->value;

	if (v->kind != DM_YAML_SEQ)
		return merge_map(b, f, merge, v);
	for (guint i = 0; i < v->items->len; i++) {
		struct dm_err *err = merge_map(b, f, merge, v->items->pdata[i]);

		if (err != NULL)
			return err;
	}
	return NULL;
}

/* Replace the "<<" pair by what it merges; own keys win. */
static struct dm_err *
merge_keys(struct builder *b, struct frame *f)
{
	for (guint i = 0; i < f->node->pairs->len; i++) {
		struct dm_yaml_pair merge =
		    g_array_index(f->node->pairs, struct dm_yaml_pair, i);
		struct dm_err *err;

		if (!is_merge_key(&merge) || merge.first_line != 0)
			continue;
		err = merge_value(b, f, &merge);
		g_array_remove_index(f->node->pairs, i);
		return err;
	}
	return NULL;
}

/* ---- building ---- */

static struct frame *
top(struct builder *b)
{
	return b->stack->len == 0
		   ? NULL
		   : &g_array_index(b->stack, struct frame, b->stack->len - 1);
}

static struct dm_err *
key_take(struct builder *b, struct frame *f, const struct dm_yaml *node)
{
	int first;

	if (node->kind != DM_YAML_SCALAR)
		return fail(b, node->line, node->col,
		    "a key must be a word, not a list or map");
	first = GPOINTER_TO_INT(g_hash_table_lookup(f->lines, node->text));
	f->key = (struct dm_yaml_pair){ .key = g_strdup(node->text),
		.line = node->line,
		.col = node->col,
		.first_line = first };
	if (first == 0)
		g_hash_table_insert(f->lines, g_strdup(node->text),
		    GINT_TO_POINTER(node->line));
	return NULL;
}

/* A complete node, or the start of a collection, finds its place. */
static struct dm_err *
node_place(struct builder *b, struct dm_yaml *node)
{
	struct frame *f = top(b);

	if (f == NULL) {
		b->doc->root = node;
	} else if (f->node->kind == DM_YAML_SEQ) {
		g_ptr_array_add(f->node->items, node);
	} else if (f->key.key == NULL) {
		return key_take(b, f, node);
	} else {
		f->key.value = node;
		g_array_append_val(f->node->pairs, f->key);
		f->key.key = NULL; /* moved */
	}
	return NULL;
}

static struct dm_err *
on_scalar(struct builder *b, struct fy_event *ev, char *anchor)
{
	struct dm_yaml *n =
	    node_new(b, DM_YAML_SCALAR, fy_event_start_mark(ev));
	g_autofree char *tag = token_text(ev->scalar.tag);
	enum fy_scalar_style style;

	/* A value that is not written stands at its key. */
	if (fy_event_start_mark(ev) == NULL && top(b) != NULL &&
	    top(b)->key.key != NULL) {
		n->line = top(b)->key.line;
		n->col = top(b)->key.col;
	}
	n->text = token_text(ev->scalar.value);
	if (n->text == NULL) {
		n->text = g_strdup("");
		return fail(b, n->line, n->col, "a zero byte in a string");
	}
	style = ev->scalar.value != NULL
		    ? fy_token_scalar_style(ev->scalar.value)
		    : FYSS_PLAIN;
	n->plain = style == FYSS_PLAIN;
	/* The mark is behind the quote. */
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) &&
	    n->col > 1)
		n->col--;
	if (tag != NULL &&
	    (strcmp(tag, "!") == 0 || g_str_has_suffix(tag, ":str") ||
		strcmp(tag, "!!str") == 0))
		n->plain = false;
	if (anchor != NULL)
		g_hash_table_insert(b->anchors, g_strdup(anchor), n);
	return node_place(b, n);
}

static struct dm_err *
on_start(struct builder *b, struct fy_event *ev, enum dm_yaml_kind kind,
    char *anchor)
{
	struct dm_yaml *n = node_new(b, kind, fy_event_start_mark(ev));
	struct frame f = { .node = n };
	struct dm_err *err;

	if (b->stack->len >= DM_YAML_MAX_DEPTH)
		return fail(b, n->line, n->col, "nested too deeply");
	err = node_place(b, n);
	if (err != NULL)
		return err;
	f.anchor = g_strdup(anchor);
	if (kind == DM_YAML_MAP)
		f.lines = g_hash_table_new_full(
		    g_str_hash, g_str_equal, g_free, NULL);
	g_array_append_val(b->stack, f);
	return NULL;
}

static struct dm_err *
on_end(struct builder *b)
{
	struct frame *f = top(b);
	struct dm_err *err = NULL;

	dm_assert(f != NULL);
	if (f->node->kind == DM_YAML_MAP)
		err = merge_keys(b, f);
	if (err == NULL && f->anchor != NULL)
		g_hash_table_insert(b->anchors, DM_TAKE(f->anchor), f->node);
	g_array_set_size(b->stack, b->stack->len - 1);
	return err;
}

static struct dm_err *
on_alias(struct builder *b, struct fy_event *ev)
{
	const struct fy_mark *at = fy_event_start_mark(ev);
	g_autofree char *name = token_text(ev->alias.anchor);
	struct dm_yaml *n = NULL;

	if (name != NULL)
		n = g_hash_table_lookup(b->anchors, name);
	if (n == NULL)
		return fail(b, at != NULL ? at->line + 1 : 0,
		    at != NULL ? at->column + 1 : 0,
		    "the alias *%s has no complete anchor before it",
		    name != NULL ? name : "");
	return node_place(b, n);
}

static struct dm_err *
tag_check(struct builder *b, struct fy_event *ev)
{
	static const char *const known[] = { "str", "int", "float", "bool",
		"null", "map", "seq" };
	struct fy_token *token = fy_event_get_tag_token(ev);
	const struct fy_mark *at = fy_event_start_mark(ev);
	g_autofree char *tag = NULL;
	const char *name;

	if (token == NULL)
		return NULL;
	tag = token_text(token);
	if (tag != NULL && strcmp(tag, "!") == 0)
		return NULL;
	name = tag != NULL ? strrchr(tag, tag[0] == '!' ? '!' : ':') : NULL;
	for (size_t i = 0; name != NULL && i < DM_ARRAY_SIZE(known); i++)
		if (strcmp(name + 1, known[i]) == 0)
			return NULL;
	return fail(b, at != NULL ? at->line + 1 : 0,
	    at != NULL ? at->column + 1 : 0, "the tag %s is not supported",
	    tag != NULL ? tag : "");
}

static struct dm_err *
on_event(struct builder *b, struct fy_event *ev, bool *end)
{
	g_autofree char *anchor = NULL;
	struct fy_token *token;
	struct dm_err *err;

	if (b->doc->nodes->len >= DM_YAML_MAX_NODES)
		return fail(b, 0, 0, "too many nodes");
	switch (ev->type) {
	case FYET_SCALAR:
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
		err = tag_check(b, ev);
		if (err != NULL)
			return err;
		token = fy_event_get_anchor_token(ev);
		anchor = token != NULL ? token_text(token) : NULL;
		if (ev->type == FYET_SCALAR)
			return on_scalar(b, ev, anchor);
		return on_start(b, ev,
		    ev->type == FYET_MAPPING_START ? DM_YAML_MAP : DM_YAML_SEQ,
		    anchor);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return on_end(b);
	case FYET_ALIAS:
		return on_alias(b, ev);
	case FYET_DOCUMENT_START:
		if (b->doc->root != NULL)
			return fail(b, fy_event_start_mark(ev)->line + 1, 1,
			    "a second document; one file holds one");
		return NULL;
	case FYET_STREAM_END:
		*end = true;
		return NULL;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_DOCUMENT_END:
		return NULL;
	}
	return NULL;
}

/* What libfyaml has to say about the text. */
static struct dm_err *
syntax_error(struct builder *b, struct fy_diag *diag)
{
	void *prev = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &prev);

	if (e == NULL)
		return fail(b, 0, 0, "not YAML");
	return fail(b, e->line, e->column, "%s", e->msg);
}

static struct dm_err *
events_read(struct builder *b, struct fy_parser *fyp, struct fy_diag *diag)
{
	bool end = false;

	while (!end) {
		struct fy_event *ev = fy_parser_parse(fyp);
		struct dm_err *err;

		if (ev == NULL)
			return syntax_error(b, diag);
		err = on_event(b, ev, &end);
		fy_parser_event_free(fyp, ev);
		if (err != NULL)
			return err;
	}
	if (fy_parser_get_stream_error(fyp))
		return syntax_error(b, diag);
	if (b->doc->root == NULL) {
		b->doc->root = node_new(b, DM_YAML_SCALAR, NULL);
		b->doc->root->text = g_strdup("");
		b->doc->root->plain = true;
	}
	return NULL;
}

static void
drop_output(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
	/* Messages are collected, see syntax_error. */
	(void)diag;
	(void)user;
	(void)buf;
	(void)len;
}

static struct dm_err *
text_check(struct builder *b, const char *text, size_t len)
{
	const char *bad;
	int line = 1;

	if (len > DM_YAML_MAX_BYTES)
		return fail(b, 0, 0, "longer than %d bytes", DM_YAML_MAX_BYTES);
	if (g_utf8_validate(text, (gssize)len, &bad))
		return NULL;
	for (const char *p = text; p < bad; p++)
		line += *p == '\n';
	return fail(b, line, 1, "not UTF-8");
}

static struct dm_err *
parse_with(struct builder *b, const char *text, size_t len)
{
	struct fy_diag_cfg dcfg = { .output_fn = drop_output,
		.level = FYET_ERROR,
		.module_mask = (1u << FYEM_MAX) - 1 };
	struct fy_parse_cfg cfg = { .search_path = "",
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
			 FYPCF_DEFAULT_VERSION_AUTO };
	struct fy_diag *diag = fy_diag_create(&dcfg);
	struct fy_parser *fyp;
	struct dm_err *err;

	fy_diag_set_collect_errors(diag, true);
	cfg.diag = diag;
	fyp = fy_parser_create(&cfg);
	dm_assert(fyp != NULL);
	if (fy_parser_set_string(fyp, text, len) != 0)
		err = fail(b, 0, 0, "not YAML");
	else
		err = events_read(b, fyp, diag);
	fy_parser_destroy(fyp);
	fy_diag_destroy(diag);
	return err;
}

struct dm_err *
dm_yaml_parse(
    const char *text, size_t len, int *line, int *col, struct dm_yaml_doc **doc)
{
	struct builder b = { .line = line, .col = col };
	struct dm_err *err;

	err = text_check(&b, text, len);
	if (err != NULL)
		return err;
	b.doc = g_new0(struct dm_yaml_doc, 1);
	b.doc->nodes = g_ptr_array_new_with_free_func(node_destroy);
	b.stack = g_array_new(FALSE, TRUE, sizeof(struct frame));
	g_array_set_clear_func(b.stack, frame_clear);
	b.anchors =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	err = parse_with(&b, text, len);
	g_array_unref(b.stack);
	g_hash_table_unref(b.anchors);
	if (err != NULL)
		dm_yaml_doc_free(b.doc);
	else
		*doc = b.doc;
	return err;
}

const struct dm_yaml_pair *
dm_yaml_find(const struct dm_yaml *node, const char *key)
{
	if (node->kind != DM_YAML_MAP)
		return NULL;
	for (guint i = 0; i < node->pairs->len; i++) {
		const struct dm_yaml_pair *p =
		    &g_array_index(node->pairs, struct dm_yaml_pair, i);

		if (strcmp(p->key, key) == 0)
			return p;
	}
	return NULL;
}

bool
dm_yaml_is_null(const struct dm_yaml *node)
{
	return node->kind == DM_YAML_SCALAR && node->plain &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		   g_ascii_strcasecmp(node->text, "null") == 0);
}

/* ---- writing ---- */

/* Words that YAML 1.1 or 1.2 takes for something else than a string. */
static bool
is_word_with_meaning(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes",
		"no", "on", "off", "y", "n", "~", "<<", "=" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++)
		if (g_ascii_strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* "5m0s", "127.0.0.1": begins like a number and cannot be one, nor a date. */
static bool
is_no_number(const char *text)
{
	size_t dots = 0, letters = 0;

	for (const char *p = text; *p != '\0'; p++) {
		dots += *p == '.';
		letters += strchr("ghijklmnpqrstuvwyz", *p) != NULL;
		if (!g_ascii_isalnum(*p) && *p != '.')
			return false;
	}
	return letters > 0 || dots > 1;
}

static bool
is_plain_safe(const char *text)
{
	size_t len = strlen(text);
	/* Letters, or signs that cannot begin a number or an indicator. */
	bool starts = g_ascii_isalpha(text[0]) || text[0] == '/' ||
		      text[0] == '_' || text[0] == '^' || text[0] == '$' ||
		      text[0] == '(' ||
		      (g_ascii_isdigit(text[0]) && is_no_number(text));

	if (!starts || is_word_with_meaning(text) || text[len - 1] == ' ' ||
	    text[len - 1] == ':')
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if ((!g_ascii_isalnum(*p) &&
			strchr(" _-./^$()+*?|=;@%~<>\\:", *p) == NULL) ||
		    (p[0] == ':' && p[1] == ' ') ||
		    (p[0] == ' ' && p[1] == '#'))
			return false;
	return true;
}

static void
append_double_quoted(GString *s, const char *text)
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
		else if (c < 0x20 || c == 0x7f)
			g_string_append_printf(s, "\\x%02X", c);
		else
			g_string_append_c(s, (char)c);
	}
	g_string_append_c(s, '"');
}

/* As Go's yaml writes them: single quotes where an indicator stands in the
 * way, double ones for control characters and for what looks like no string. */
void
dm_yaml_append_string(GString *s, const char *text)
{
	bool control = false;
	bool looks_typed = text[0] == '\0' || is_word_with_meaning(text) ||
			   g_ascii_isdigit(text[0]) || text[0] == '+' ||
			   text[0] == '-' || text[0] == '.';

	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			control = true;
	if (text[0] != '\0' && is_plain_safe(text)) {
		g_string_append(s, text);
	} else if (control || looks_typed) {
		append_double_quoted(s, text);
	} else {
		g_auto(GStrv) parts = g_strsplit(text, "'", -1);
		g_autofree char *doubled = g_strjoinv("''", parts);

		g_string_append_printf(s, "'%s'", doubled);
	}
}
