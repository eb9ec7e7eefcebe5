/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words to a command, its options and its arguments.
 *
 * DESIGN: two passes, as the original's library does it, because its error
 * texts depend on them. First the command is found: words that are neither
 * options nor values of options descend the tree. Then the options of that
 * command and of its parents are parsed from what is left.
 * SOURCE: spf13/cobra Command.Find, spf13/pflag FlagSet.parse. Differs: list
 * values are split at every comma, without CSV quoting; a word behind a group
 * that is none of its commands is an error, where cobra prints the group's help
 * and succeeds; an unknown option comes with a guess.
 */
#include "ctl/ctl.h"
#include "lib/text/pbjson.h"

#include <errno.h>
#include <string.h>

const struct ctl_opt ctl_opt_help = {
	.name = "help",
	.letter = 'h',
	.kind = CTL_BOOL,
	.help = "", /* help.c writes "help for <command>" */
};

const struct ctl_cmd *
ctl_inv_cmd(const struct ctl_inv *inv)
{
	return inv->path[inv->depth - 1];
}

char *
ctl_path(const struct ctl_inv *inv)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < inv->depth; i++)
		g_string_append_printf(
		    s, "%s%s", i > 0 ? " " : "", inv->path[i]->name);
	return g_string_free(s, FALSE);
}

static const struct ctl_opt *
find_opt(const struct ctl_opt *const *opts, const char *name, char letter)
{
	for (; opts != NULL && *opts != NULL; opts++) {
		if (name != NULL ? strcmp((*opts)->name, name) == 0
				 : (*opts)->letter == letter)
			return *opts;
	}
	return NULL;
}

const struct ctl_opt *
ctl_cmd_opt(const struct ctl_inv *inv, const char *name, char letter)
{
	const struct ctl_opt *o;

	o = find_opt(ctl_inv_cmd(inv)->opts, name, letter);
	for (size_t i = inv->depth; o == NULL && i > 0; i--)
		o = find_opt(inv->path[i - 1]->shared, name, letter);
	if (o == NULL &&
	    (name != NULL ? strcmp(name, "help") == 0 : letter == 'h'))
		o = &ctl_opt_help;
	return o;
}

/* ---- which command ---- */

const struct ctl_cmd *
ctl_find_child(const struct ctl_cmd *c, const char *word)
{
	const struct ctl_cmd *const *p;

	for (p = c->children; p != NULL && *p != NULL; p++) {
		if (strcmp((*p)->name, word) == 0 ||
		    ((*p)->alias != NULL && strcmp((*p)->alias, word) == 0))
			return *p;
	}
	return NULL;
}

/* Does the option word take the next word as its value? An option that is not
 * known yet is taken for one that does. */
static bool
takes_next(const struct ctl_inv *inv, const char *word)
{
	const struct ctl_opt *o;

	if (strchr(word, '=') != NULL)
		return false;
	if (word[1] == '-')
		o = ctl_cmd_opt(inv, word + 2, 0);
	else if (word[1] != '\0' && word[2] == '\0')
		o = ctl_cmd_opt(inv, NULL, word[1]);
	else
		return false;
	return o == NULL || o->kind != CTL_BOOL;
}

/* Index of the first word that can be a command, or words->len. */
static guint
first_word(const struct ctl_inv *inv, const GPtrArray *words)
{
	for (guint i = 0; i < words->len; i++) {
		const char *w = g_ptr_array_index(words, i);

		if (strcmp(w, "--") == 0)
			break;
		if (w[0] == '-')
			i += takes_next(inv, w) ? 1 : 0;
		else if (w[0] != '\0')
			return i;
	}
	return words->len;
}

static struct dm_err *
unknown_command(struct ctl_inv *inv, const char *word)
{
	g_autofree char *near = ctl_suggestions(ctl_inv_cmd(inv), word);
	g_autofree char *path = ctl_path(inv);
	g_autoptr(GString) quoted = g_string_new(NULL);

	inv->unknown_command = true;
	dm_json_append_string(quoted, word);
	return dm_err_plain(
	    "unknown command %s for \"%s\"%s", quoted->str, path, near);
}

/* Descends the tree; takes the commands' names out of words. */
static struct dm_err *
find_command(struct ctl_inv *inv, GPtrArray *words)
{
	for (;;) {
		guint i = first_word(inv, words);
		const struct ctl_cmd *c = ctl_inv_cmd(inv), *child;

		if (i >= words->len)
			return NULL;
		child = ctl_find_child(c, g_ptr_array_index(words, i));
		/* A group has no arguments: the word is a mistyped child. */
		if (child == NULL && (inv->depth == 1 || c->run == NULL))
			return unknown_command(
			    inv, g_ptr_array_index(words, i));
		if (child == NULL)
			return NULL;
		dm_assert(inv->depth < CTL_MAX_DEPTH);
		inv->path[inv->depth++] = child;
		g_ptr_array_remove_index(words, i);
	}
}

/* ---- values ---- */

static char *
spelling(const struct ctl_opt *o)
{
	return o->letter != 0 ? g_strdup_printf("-%c, --%s", o->letter, o->name)
			      : g_strdup_printf("--%s", o->name);
}

static const char *
canonical_bool(const char *v)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE",
		"True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE",
		"False" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(yes); i++) {
		if (strcmp(v, yes[i]) == 0)
			return "true";
		if (strcmp(v, no[i]) == 0)
			return "false";
	}
	return NULL;
}

static struct dm_err *
bad_value(const struct ctl_opt *o, const char *v, const char *why)
{
	g_autofree char *name = spelling(o);

	return dm_err_plain(
	    "invalid argument \"%s\" for \"%s\" flag: %s", v, name, why);
}

static struct dm_err *
check_int(const struct ctl_opt *o, const char *v)
{
	g_autofree char *why = NULL;
	char *end;

	errno = 0;
	g_ascii_strtoll(v, &end, 10);
	if (errno == 0 && end != v && *end == '\0')
		return NULL;
	why = g_strdup_printf("strconv.ParseInt: parsing \"%s\": %s", v,
	    errno == ERANGE ? "value out of range" : "invalid syntax");
	return bad_value(o, v, why);
}

static void
add_list(GPtrArray *values, const char *v)
{
	g_auto(GStrv) parts = g_strsplit(v, ",", -1);

	for (size_t i = 0; parts[i] != NULL; i++)
		g_ptr_array_add(values, g_strdup(parts[i]));
}

static struct dm_err *
set_value(struct ctl_inv *inv, const struct ctl_opt *o, const char *v)
{
	GPtrArray *values = g_hash_table_lookup(inv->values, o);
	struct dm_err *err = NULL;

	if (o->kind == CTL_BOOL) {
		const char *b = canonical_bool(v);

		if (b == NULL) {
			g_autofree char *why = g_strdup_printf(
			    "strconv.ParseBool: parsing \"%s\": invalid syntax",
			    v);

			return bad_value(o, v, why);
		}
		v = b;
	}
	if (o->kind == CTL_INT)
		err = check_int(o, v);
	if (err != NULL)
		return err;
	if (values == NULL) {
		values = g_ptr_array_new_with_free_func(g_free);
		/* The tables are const; the hash only compares the address. */
		g_hash_table_insert(inv->values, (void *)(uintptr_t)o, values);
	}
	if (o->kind == CTL_LIST) {
		add_list(values, v);
	} else {
		g_ptr_array_set_size(values, 0);
		g_ptr_array_add(values, g_strdup(v));
	}
	return NULL;
}

/* ---- options ---- */

/* --name, --name=value, --name value; *i moves over a value. */
static struct dm_err *
parse_long(struct ctl_inv *inv, const GPtrArray *words, guint *i)
{
	const char *w = g_ptr_array_index(words, *i);
	const char *eq = strchr(w, '=');
	g_autofree char *name = eq != NULL
				    ? g_strndup(w + 2, (gsize)(eq - w - 2))
				    : g_strdup(w + 2);
	const struct ctl_opt *o = ctl_cmd_opt(inv, name, 0);

	if (name[0] == '\0' || name[0] == '-' || name[0] == '=')
		return dm_err_plain("bad flag syntax: %s", w);
	if (o == NULL) {
		g_autofree char *near = ctl_flag_suggestions(inv, name);

		return dm_err_plain("unknown flag: --%s%s", name, near);
	}
	if (eq != NULL)
		return set_value(inv, o, eq + 1);
	if (o->kind == CTL_BOOL)
		return set_value(inv, o, "true");
	if (*i + 1 >= words->len)
		return dm_err_plain("flag needs an argument: %s", w);
	return set_value(inv, o, g_ptr_array_index(words, ++*i));
}

/* -a, -ab, -n5, -n=5, -n 5 */
static struct dm_err *
parse_short(struct ctl_inv *inv, const GPtrArray *words, guint *i)
{
	const char *w = g_ptr_array_index(words, *i);

	for (const char *p = w + 1; *p != '\0'; p++) {
		const struct ctl_opt *o = ctl_cmd_opt(inv, NULL, *p);
		struct dm_err *err;

		if (o == NULL)
			return dm_err_plain(
			    "unknown shorthand flag: '%c' in %s", *p, w);
		if (p[1] == '=')
			return set_value(inv, o, p + 2);
		if (o->kind != CTL_BOOL && p[1] != '\0')
			return set_value(inv, o, p + 1);
		if (o->kind != CTL_BOOL && *i + 1 < words->len)
			return set_value(
			    inv, o, g_ptr_array_index(words, ++*i));
		if (o->kind != CTL_BOOL)
			return dm_err_plain(
			    "flag needs an argument: '%c' in %s", *p, w);
		err = set_value(inv, o, "true");
		if (err != NULL)
			return err;
	}
	return NULL;
}

static struct dm_err *
parse_options(struct ctl_inv *inv, const GPtrArray *words)
{
	bool only_args = false;

	for (guint i = 0; i < words->len; i++) {
		const char *w = g_ptr_array_index(words, i);
		struct dm_err *err = NULL;

		if (!only_args && strcmp(w, "--") == 0)
			only_args = true;
		else if (only_args || w[0] != '-' || w[1] == '\0')
			g_ptr_array_add(inv->args, g_strdup(w));
		else if (w[1] == '-')
			err = parse_long(inv, words, &i);
		else
			err = parse_short(inv, words, &i);
		if (err != NULL)
			return err;
	}
	return NULL;
}

struct dm_err *
ctl_parse(const struct ctl_cmd *root, size_t n_words, const char *const *words,
    struct ctl_inv *inv)
{
	g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
	struct dm_err *err;

	inv->path[0] = root;
	inv->depth = 1;
	inv->args = g_ptr_array_new_with_free_func(g_free);
	inv->values = g_hash_table_new_full(
	    NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
	for (size_t i = 0; i < n_words; i++)
		g_ptr_array_add(left, g_strdup(words[i]));
	err = find_command(inv, left);
	if (err != NULL)
		return err;
	return parse_options(inv, left);
}

void
ctl_inv_fini(struct ctl_inv *inv)
{
	g_clear_pointer(&inv->args, g_ptr_array_unref);
	g_clear_pointer(&inv->values, g_hash_table_unref);
}

/* ---- reading ---- */

size_t
ctl_n_args(const struct ctl_inv *inv)
{
	return inv->args->len;
}

const char *
ctl_arg(const struct ctl_inv *inv, size_t i)
{
	return i < inv->args->len ? g_ptr_array_index(inv->args, i) : NULL;
}

bool
ctl_given(const struct ctl_inv *inv, const struct ctl_opt *o)
{
	return g_hash_table_contains(inv->values, o);
}

const char *
ctl_string(const struct ctl_inv *inv, const struct ctl_opt *o)
{
	GPtrArray *values = g_hash_table_lookup(inv->values, o);

	if (values != NULL && values->len > 0)
		return g_ptr_array_index(values, 0);
	return o->def != NULL ? o->def : "";
}

bool
ctl_bool(const struct ctl_inv *inv, const struct ctl_opt *o)
{
	return strcmp(ctl_string(inv, o), "true") == 0;
}

int64_t
ctl_int(const struct ctl_inv *inv, const struct ctl_opt *o)
{
	return g_ascii_strtoll(ctl_string(inv, o), NULL, 10);
}

char **
ctl_list(const struct ctl_inv *inv, const struct ctl_opt *o, size_t *n)
{
	GPtrArray *values = g_hash_table_lookup(inv->values, o);

	*n = values != NULL ? values->len : 0;
	return values != NULL ? (char **)values->pdata : NULL;
}
