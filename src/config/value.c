/* value.c - one value of the file, held against its row of the table.
 *
 * Knows kinds, not keys.  Whatever is wrong is noted at its place, with the nearest thing
 * that would be right. */
#include "config/value.h"

#include "config/replace.h"
#include "config/scalar.h"

#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

void note_value(struct reader *r, const struct config_key *key,
                const struct tree_node *node, const char *what)
{
	note(r, NOTE_VALUE, node, "%s: %s%.*s%s is not %s", key->name, QUOTE_ARG(node),
	     what);
	if (key->example)
		note_hint(r, "write it like this: %s", key->example);
}

/* "a, b or c" */
static void list_words(const char *words, char *to, size_t room)
{
	str rest = str_from_z(words);
	size_t len = 0;

	while (rest.len > 0) {
		str word = str_cut(&rest, '|');
		const char *after = rest.len == 0                     ? ""
		                    : memchr(rest.ptr, '|', rest.len) ? ", "
		                                                      : " or ";

		len += (size_t)snprintf(to + len, room - len, "%.*s%s", STR_ARG(word),
		                        after);
	}
}

static void note_word(struct reader *r, const struct config_key *key,
                      const struct tree_node *node, const char *words, bool is_bool)
{
	str names[16], rest = str_from_z(words), near;
	unsigned count = 0;
	char list[160];

	while (rest.len > 0 && count < countof(names))
		names[count++] = str_cut(&rest, '|');
	list_words(words, list, sizeof(list));
	note(r, is_bool ? NOTE_BOOL : NOTE_WORD, node, "%s: %s%.*s%s is not %s",
	     key->name, QUOTE_ARG(node), list);
	near = nearest_name(node->text, names, count);
	for (unsigned i = 0; near.len == 0 && node->text.len > 2 && i < count; i++)
		if (str_starts(names[i], node->text)) /* "openai" */
			near = names[i];
	if (near.len > 0)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
	else if (is_bool)
		note_hint(r, "write %s", list);
}

/* ---- kinds ---- */

bool scalar_text(struct reader *r, const char *name, const struct tree_node *node,
                 str *ret)
{
	if (node->kind != TREE_SCALAR) {
		note(r, NOTE_SHAPE, node, "%s is %s, but must be a single value", name,
		     tree_kind_name(node->kind));
		return false;
	}
	if (node->is_broken)
		return false;
	if (tree_is_null(node) || node->text.len == 0) {
		note(r, NOTE_EMPTY, node, "%s has no value", name);
		if (node->variable.len > 0)
			note_hint(r, "the variable %.*s is empty",
			          STR_ARG(node->variable));
		return false;
	}
	*ret = node->text;
	return true;
}

struct number_kind {
	enum scalar_result (*parse)(str s, uint64_t *ret);
	const char *what, *units;
};

static const struct number_kind number_kinds[CONFIG_KINDS] = {
	[KIND_COUNT] = { scalar_count, "a whole number", "none" },
	[KIND_PERCENT] = { scalar_percent, "a whole number or a percentage", "%" },
	[KIND_SIZE] = { scalar_size, "a size", "B, KiB, MiB, GiB and TiB" },
	[KIND_TIME] = { scalar_time, "a time", "ms, s, m, h and d" },
	[KIND_TIME_MS] = { scalar_time, "a time", "ms, s, m, h and d" },
	[KIND_DATE] = { scalar_date, "a date", "none" },
	[KIND_SHARE] = { scalar_share, "a percentage", "%" },
	[KIND_PRICE] = { scalar_price, "a price", "none, /1k and /1M" },
	[KIND_TOKEN_PRICE] = { scalar_token_price, "a price of tokens", "/1M and /1k" },
};

static void note_number(struct reader *r, const struct config_key *key,
                        const struct tree_node *node, enum scalar_result why)
{
	const struct number_kind *kind = &number_kinds[key->kind];

	if (why == SCALAR_NO_UNIT)
		note(r, NOTE_VALUE, node, "%s: %s%.*s%s has no unit", key->name,
		     QUOTE_ARG(node));
	else if (why == SCALAR_FINE)
		note(r, NOTE_RANGE, node, "%s: %s%.*s%s has too many decimals", key->name,
		     QUOTE_ARG(node));
	else if (why == SCALAR_LARGE)
		note(r, NOTE_RANGE, node, "%s: %s%.*s%s is too large", key->name,
		     QUOTE_ARG(node));
	else
		note(r, NOTE_VALUE, node, "%s: %s%.*s%s is not %s", key->name,
		     QUOTE_ARG(node), kind->what);
	if (key->words) {
		char list[160];

		list_words(key->words, list, sizeof(list));
		note_hint(r, "possible: %s, and %s from %s to %s", list, kind->what,
		          key->low, key->high);
	} else if (why == SCALAR_NO_UNIT || why == SCALAR_NOT_A_UNIT) {
		note_hint(r, "write it like this: %s (units: %s)", key->example,
		          kind->units);
	} else {
		note_hint(r, "write it like this: %s", key->example);
	}
}

static bool is_in_range(const struct config_key *key, uint64_t value)
{
	enum scalar_result (*parse)(str, uint64_t *) = number_kinds[key->kind].parse;
	uint64_t bound;

	if (key->low && parse(str_from_z(key->low), &bound) == SCALAR_OK && value < bound)
		return false;
	return !(key->high && parse(str_from_z(key->high), &bound) == SCALAR_OK &&
	         value > bound);
}

static bool store_number(struct reader *r, const struct config_key *key,
                         const struct tree_node *node, void *to)
{
	enum scalar_result result;
	uint64_t value;
	str text;

	if (!scalar_text(r, key->name, node, &text))
		return false;
	if (key->words && config_word_find(key->words, text) >= 0) {
		if (to)
			*(int64_t *)to = -config_word_find(key->words, text);
		return true;
	}
	result = number_kinds[key->kind].parse(text, &value);
	if (result != SCALAR_OK) {
		note_number(r, key, node, result);
		return false;
	}
	if (!is_in_range(key, value)) {
		note(r, NOTE_RANGE, node, "%s: %.*s is out of range", key->name,
		     STR_ARG(text));
		if (str_eq(str_from_z(key->low), str_from_z(key->high)))
			note_hint(r, "it must be %s", key->low);
		else
			note_hint(r, "from %s to %s", key->low, key->high);
		return false;
	}
	if (!to)
		return true;
	if (key->kind == KIND_SIZE || key->kind == KIND_TIME || key->kind == KIND_PRICE ||
	    key->kind == KIND_TOKEN_PRICE)
		memcpy(to, &value, sizeof(value));
	else
		*(unsigned *)to =
		        (unsigned)(key->kind == KIND_TIME_MS ? value / 1000 : value);
	return true;
}

/* Words in pairs, the false one first. */
static bool store_bool(struct reader *r, const struct config_key *key,
                       const struct tree_node *node, void *to)
{
	const char *words = key->kind == KIND_ON_OFF   ? "off|on|false|true"
	                    : key->kind == KIND_YES_NO ? "no|yes|false|true"
	                                               : "false|true";
	str text;
	int index;

	if (!scalar_text(r, key->name, node, &text))
		return false;
	index = config_word_find(words, text);
	if (index < 0) {
		note_word(r, key, node, words, true);
		return false;
	}
	if (to)
		*(bool *)to = index & 1;
	return true;
}

static bool store_word(struct reader *r, const struct config_key *key,
                       const struct tree_node *node, void *to)
{
	str text;
	int index;

	if (!scalar_text(r, key->name, node, &text))
		return false;
	index = config_word_find(key->words, text);
	if (index >= 0) {
		if (to)
			memcpy(to, &index, sizeof(index));
		return true;
	}
	if (key->later && config_word_find(key->later, text) >= 0) {
		char list[160];

		list_words(key->words, list, sizeof(list));
		note(r, NOTE_LATER, node, "%s: %s%.*s%s is not in this version",
		     key->name, QUOTE_ARG(node));
		note_hint(r, "possible: %s", list);
		return false;
	}
	note_word(r, key, node, key->words, false);
	return false;
}

bool text_needs_quotes(const struct tree_node *node)
{
	return node->is_plain && node->variable.len == 0 &&
	       scalar_is_ambiguous(node->text);
}

static bool store_text(struct reader *r, const struct config_key *key,
                       const struct tree_node *node, void *to)
{
	str text;

	if (!scalar_text(r, key->name, node, &text))
		return false;
	if (text_needs_quotes(node) &&
	    !(key->words && config_word_find(key->words, text) >= 0)) {
		note(r, NOTE_QUOTE, node, "%s: %.*s is not text", key->name,
		     STR_ARG(text));
		if (str_has(str_from_z(key->example), STR("%")) ||
		    str_has(str_from_z(key->example), STR("$")))
			note_hint(r, "write it like this: %s", key->example);
		else
			note_hint(r, "write it in quotes: \"%.*s\"", STR_ARG(text));
		return false;
	}
	if (to)
		*(str *)to = arena_copy(r->keep, text);
	return true;
}

static bool store_version(struct reader *r, const struct config_key *key,
                          const struct tree_node *node, void *to)
{
	str text;

	if (!scalar_text(r, key->name, node, &text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char low = char_lower(text.ptr[i]);

		if ((low >= 'a' && low <= 'z') || char_is_digit(low) || low == '-' ||
		    low == '.')
			continue;
		note_value(r, key, node, "a version");
		return false;
	}
	*(str *)to = arena_copy(r->keep, text);
	return true;
}

static bool store_dir(struct reader *r, const struct config_key *key,
                      const struct tree_node *node, void *to)
{
	if (!store_text(r, key, node, to))
		return false;
	*(str *)to = reader_path(r, *(str *)to);
	return true;
}

static bool store_file(struct reader *r, const struct config_key *key,
                       const struct tree_node *node, void *to)
{
	struct buf why = BUF_LIMIT(8 * KiB);
	const char *path;
	bool is_good;
	str text;

	if (!store_text(r, key, node, &text))
		return false;
	path = str_z(r->keep, reader_path(r, text));
	is_good = r->source->lenient || file_is_readable(path, &why);
	if (is_good)
		*(const char **)to = path;
	else
		note(r, NOTE_PATH, node, "%s: %.*s", key->name, STR_ARG(buf_str(&why)));
	buf_free(&why);
	return is_good;
}

bool value_store(struct reader *r, const struct config_key *key,
                 const struct tree_node *node, void *to)
{
	switch (key->kind) {
	case KIND_COUNT:
	case KIND_PERCENT:
	case KIND_SIZE:
	case KIND_TIME:
	case KIND_TIME_MS:
	case KIND_DATE:
	case KIND_SHARE:
	case KIND_PRICE:
	case KIND_TOKEN_PRICE:
		return store_number(r, key, node, to);
	case KIND_BOOL:
	case KIND_ON_OFF:
	case KIND_YES_NO:
		return store_bool(r, key, node, to);
	case KIND_WORD:
		return store_word(r, key, node, to);
	case KIND_TEXT:
		return store_text(r, key, node, to);
	case KIND_VERSION:
		return store_version(r, key, node, to);
	case KIND_DIR:
		return store_dir(r, key, node, to);
	case KIND_FILE:
		return store_file(r, key, node, to);
	case KIND_ADDRESS:
	case KIND_ADDRESSES:
	case KIND_WORKERS:
	case KIND_LOG:
	case KIND_URL:
	case KIND_SECRET:
	case KIND_SECRETS:
	case KIND_TEXTS:
	case KIND_TARGETS:
	case KIND_TIERS:
	case KIND_SECTION:
	case KIND_MAP:
	case KIND_LATER:
	case CONFIG_KINDS:
		break; /* nodes: the files that build the things read them */
	}
	return true;
}
