/* tree.c - libyaml's events become nodes that know their place.
 *
 * The events are pulled one by one, so that a hostile file is given up at the first limit
 * it breaks.  An anchor counts only once its node is complete; therefore no node can
 * contain itself. */
#include "config/tree.h"

#include "codec/utf8.h"
#include "config/reader.h"

#include <yaml.h>

enum {
	DEPTH_MOST = 16,
	NODES_MOST = 64 * 1024,
	ITEMS_MOST = 4096, /* in one list or mapping */
	ALIASES_MOST = 100,
	ANCHORS_MOST = 100,
	NAME_MOST = 256, /* bytes of a key */
};

struct anchor {
	str name;
	struct tree_node *node;
};

struct builder {
	struct reader *r;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; deleted by the next pull */
	bool has_event;
	unsigned nodes, aliases, anchors;
	struct anchor anchor[ANCHORS_MOST];
};

const char *tree_kind_name(enum tree_kind kind)
{
	static const char *const names[] = { "a single value", "a list", "a mapping" };

	return names[kind];
}

bool tree_is_null(const struct tree_node *n)
{
	return n->kind == TREE_SCALAR && n->is_plain && n->variable.len == 0 &&
	       (n->text.len == 0 || str_eq(n->text, STR("~")) ||
	        str_eq(n->text, STR("null")));
}

struct tree_node *tree_find(const struct tree_node *map, str key)
{
	if (!map || map->kind != TREE_MAP)
		return NULL;
	for (struct tree_item *it = map->first; it; it = it->next)
		if (str_eq(it->key->text, key))
			return it->value;
	return NULL;
}

/* A place for a note that belongs to no node. */
static struct tree_node place(unsigned line, unsigned column)
{
	return (struct tree_node){ .line = line, .column = column, .width = 1 };
}

static struct tree_node place_of_mark(yaml_mark_t mark)
{
	return place((unsigned)mark.line + 1, (unsigned)mark.column + 1);
}

/* Bytes that cannot be read at all are told by their offset, not by a mark. */
static struct tree_node place_of_offset(str text, size_t offset)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			line++;
			column = 1;
		} else if (utf8_begins(text.ptr[i])) {
			column++;
		}
	}
	return place(line, column);
}

/* What people write that YAML takes for something else; NULL: none of it. */
static const char *usual_mistake(str text, yaml_mark_t mark)
{
	size_t at = utf8_offset(text, mark.index), begin = at;

	if (at == text.len)
		return NULL;
	if (at && text.ptr[at - 1] == '$' && text.ptr[at] == '{')
		return "inside { } and [ ] a variable needs quotes: \"${NAME}\"";
	while (begin && (text.ptr[begin - 1] == ' ' || text.ptr[begin - 1] == '\t'))
		begin--;
	if (text.ptr[at] == '\t' && (!begin || text.ptr[begin - 1] == '\n'))
		return "indent with spaces";
	return NULL;
}

static void note_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "it cannot be read";
	const char *mistake = NULL;
	struct tree_node at =
	        p->error == YAML_READER_ERROR
	                ? place_of_offset(b->r->source->text, p->problem_offset)
	                : place_of_mark(p->problem_mark);

	note(b->r, NOTE_SYNTAX, &at, "this is not YAML: %s", problem);
	if (p->error != YAML_READER_ERROR)
		mistake = usual_mistake(b->r->source->text, p->problem_mark);
	if (mistake)
		note_hint(b->r, "%s", mistake);
	else if (strstr(problem, "tab character"))
		note_hint(b->r, "indent with spaces");
	else if (strstr(problem, "cannot start any token"))
		note_hint(b->r,
		          "a value that begins with a tab or one of @ ` %% needs quotes");
	else if (p->context && p->error != YAML_READER_ERROR)
		note_hint(b->r, "%s that began on line %zu", p->context,
		          p->context_mark.line + 1);
}

/* Moves on to the next event; false at the end of what can be read. */
static bool pull(struct builder *b)
{
	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = yaml_parser_parse(&b->parser, &b->event) == 1;
	if (!b->has_event)
		note_syntax(b);
	return b->has_event;
}

static struct tree_node *new_node(struct builder *b, enum tree_kind kind)
{
	yaml_mark_t from = b->event.start_mark, to = b->event.end_mark;
	struct tree_node *n;

	if (++b->nodes > NODES_MOST) {
		struct tree_node at = place_of_mark(from);

		note(b->r, NOTE_FEATURE, &at, "there are more than %d values",
		     NODES_MOST);
		return NULL;
	}
	n = arena_new(&b->r->work, struct tree_node);
	n->kind = kind;
	n->line = (unsigned)from.line + 1;
	n->column = (unsigned)from.column + 1;
	n->width = 1;
	if (kind == TREE_SCALAR && from.line == to.line && to.column > from.column)
		n->width = (unsigned)(to.column - from.column);
	return n;
}

static void refuse_tag(struct builder *b, struct tree_node *n, const yaml_char_t *tag)
{
	if (!tag)
		return;
	n->is_doubtful = true;
	note(b->r, NOTE_FEATURE, n, "YAML tags are not accepted");
	note_hint(b->r, "leave \"%s\" out", (const char *)tag);
}

static void remember_anchor(struct builder *b, str name, struct tree_node *n)
{
	if (name.len == 0)
		return;
	if (b->anchors == ANCHORS_MOST) {
		note(b->r, NOTE_FEATURE, n, "there are more than %d anchors",
		     ANCHORS_MOST);
		return;
	}
	b->anchor[b->anchors++] = (struct anchor){ name, n };
}

static str keep_name(struct builder *b, const yaml_char_t *name)
{
	return arena_copy(&b->r->work, str_from_z((const char *)name));
}

static struct tree_node *read_alias(struct builder *b)
{
	str name = str_from_z((const char *)b->event.data.alias.anchor);
	struct tree_node at = place_of_mark(b->event.start_mark);

	at.width = (unsigned)name.len + 1;
	if (++b->aliases > ALIASES_MOST) {
		note(b->r, NOTE_FEATURE, &at, "there are more than %d aliases",
		     ALIASES_MOST);
		return NULL;
	}
	for (unsigned i = b->anchors; i > 0; i--) /* the last one of that name counts */
		if (str_eq(b->anchor[i - 1].name, name))
			return b->anchor[i - 1].node;
	note(b->r, NOTE_FEATURE, &at, "there is no anchor &%.*s before this",
	     STR_ARG(name));
	return NULL;
}

static struct tree_node *read_scalar(struct builder *b)
{
	struct tree_node *n = new_node(b, TREE_SCALAR);

	if (!n)
		return NULL;
	n->text = arena_copy(&b->r->work, str_of((const char *)b->event.data.scalar.value,
	                                         b->event.data.scalar.length));
	n->is_plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	refuse_tag(b, n, b->event.data.scalar.tag);
	remember_anchor(b, keep_name(b, b->event.data.scalar.anchor), n);
	return n;
}

static struct tree_node *read_node(struct builder *b, unsigned depth);

/* The current event begins a key; false when the file is given up. */
static bool read_key(struct builder *b, struct tree_node *map, struct tree_node **ret)
{
	struct tree_node at = place_of_mark(b->event.start_mark);
	struct tree_node *key;

	if (b->event.type != YAML_SCALAR_EVENT) {
		note(b->r, NOTE_SHAPE, &at, "a key must be a single word");
		return false;
	}
	if (!(key = read_scalar(b)))
		return false;
	if (key->text.len == 0 || key->text.len > NAME_MOST) {
		note(b->r, NOTE_NAME, key, "a key has 1 to %d bytes", NAME_MOST);
		return false;
	}
	*ret = key;
	for (struct tree_item *it = map->first; it; it = it->next) {
		if (!str_eq(it->key->text, key->text))
			continue;
		note(b->r, NOTE_DUPLICATE_KEY, key, "the key \"%.*s\" stands here twice",
		     STR_ARG(key->text));
		note_hint(b->r, "the first is on line %u", it->key->line);
		it->value->is_doubtful = true;
		*ret = NULL; /* the first one holds */
		break;
	}
	return true;
}

/* Items up to the end of the list or mapping n, whose start is the current event. */
static bool read_items(struct builder *b, struct tree_node *n, yaml_event_type_t end,
                       unsigned depth)
{
	struct tree_item **last = &n->first;

	for (;;) {
		struct tree_node *key = NULL, *value;

		if (!pull(b))
			return false;
		if (b->event.type == end)
			return true;
		if (++n->count > ITEMS_MOST) {
			note(b->r, NOTE_FEATURE, n, "there are more than %d entries",
			     ITEMS_MOST);
			return false;
		}
		if (n->kind == TREE_MAP && (!read_key(b, n, &key) || !pull(b)))
			return false;
		if (!(value = read_node(b, depth)))
			return false;
		if (n->kind == TREE_MAP && !key)
			continue;
		*last = arena_new(&b->r->work, struct tree_item);
		(*last)->key = key;
		(*last)->value = value;
		last = &(*last)->next;
	}
}

static struct tree_node *read_container(struct builder *b, unsigned depth)
{
	bool is_map = b->event.type == YAML_MAPPING_START_EVENT;
	struct tree_node *n = new_node(b, is_map ? TREE_MAP : TREE_LIST);
	str name;

	if (!n)
		return NULL;
	if (depth == DEPTH_MOST) {
		note(b->r, NOTE_FEATURE, n, "nested more than %d deep", DEPTH_MOST);
		return NULL;
	}
	refuse_tag(b, n,
	           is_map ? b->event.data.mapping_start.tag
	                  : b->event.data.sequence_start.tag);
	name = keep_name(b, is_map ? b->event.data.mapping_start.anchor
	                           : b->event.data.sequence_start.anchor);
	if (!read_items(b, n, is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT,
	                depth + 1))
		return NULL;
	remember_anchor(b, name, n);
	return n;
}

/* The node that begins with the current event. */
static struct tree_node *read_node(struct builder *b, unsigned depth)
{
	if (b->event.type == YAML_ALIAS_EVENT)
		return read_alias(b);
	if (b->event.type == YAML_SCALAR_EVENT)
		return read_scalar(b);
	return read_container(b, depth);
}

static struct tree_node *read_stream(struct builder *b)
{
	struct tree_node *root = NULL;

	do {
		if (!pull(b))
			return NULL;
		if (b->event.type == YAML_STREAM_END_EVENT)
			break;
		if (b->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (root) {
			struct tree_node at = place_of_mark(b->event.start_mark);

			note(b->r, NOTE_FEATURE, &at, "there is a second document");
			note_hint(b->r,
			          "the configuration is one document; leave \"---\" "
			          "out");
			return NULL;
		}
		if (!pull(b) || !(root = read_node(b, 0)))
			return NULL;
	} while (true);
	if (!root || tree_is_null(root)) {
		root = arena_new(&b->r->work, struct tree_node);
		*root = place(1, 1);
		root->kind = TREE_MAP;
	}
	return root;
}

/* To libyaml (YAML 1.1) these end a line, to every editor and to YAML 1.2 they do not: a
 * comment could hold a setting that nobody sees. */
static bool has_hidden_break(struct reader *r, str text)
{
	static const struct {
		str bytes;
		const char *name;
	} breaks[] = {
		{ STR_INIT("\xc2\x85"), "0085" },
		{ STR_INIT("\xe2\x80\xa8"), "2028" },
		{ STR_INIT("\xe2\x80\xa9"), "2029" },
	};

	for (size_t i = 0; i < countof(breaks); i++) {
		size_t offset = str_find_str(text, breaks[i].bytes);
		struct tree_node at;

		if (offset == text.len)
			continue;
		at = place_of_offset(text, offset);
		note(r, NOTE_SYNTAX, &at,
		     "this is not YAML: the character U+%s ends a line for some readers",
		     breaks[i].name);
		note_hint(r, "write a blank, or \\u%s in double quotes where it is meant",
		          breaks[i].name);
		return true;
	}
	return false;
}

struct tree_node *tree_read(struct reader *r, str text)
{
	struct builder *b = arena_new(&r->work, struct builder);
	struct tree_node *root;

	if (has_hidden_break(r, text))
		return NULL;
	b->r = r;
	if (!yaml_parser_initialize(&b->parser))
		abort();
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	        &b->parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
	root = read_stream(b);
	if (b->has_event)
		yaml_event_delete(&b->event);
	yaml_parser_delete(&b->parser);
	return root;
}
