/* section.c - a mapping of the file, held against the rows of one section.
 *
 * Which keys there are and where their values go is in table.c, what a value has to be
 * in value.c.  Whatever is wrong is noted at its place, with the nearest thing that would
 * be right, and the reading goes on. */
#include "config/section.h"

#include "config/value.h"

/* ---- unknown keys ---- */

/* Does the key exist in another section? Then say where. */
static bool hint_elsewhere(struct reader *r, str name)
{
	for (unsigned s = 0; s < SECTIONS; s++) {
		const struct config_section *section = &config_sections[s];

		for (unsigned i = 0; i < section->count; i++) {
			if (section->keys[i].kind == KIND_LATER ||
			    !str_eq(str_from_z(section->keys[i].name), name))
				continue;
			if (*section->path)
				note_hint(r, "it belongs into %s", section->path);
			else
				note_hint(r, "it belongs to the top level");
			return true;
		}
	}
	return false;
}

/* What people call it elsewhere, typing errors included, if we have it here. */
static str synonym_here(const struct config_section *section, str name)
{
	str names[64] = { 0 };
	unsigned index, place, count = 0;
	str near;

	for (unsigned i = 0; i < config_synonym_count && count < countof(names); i++)
		if (config_key_find(section, str_from_z(config_synonyms[i].ours), &index,
		                    &place))
			names[count++] = config_synonyms[i].theirs;
	near = nearest_name(name, names, count);
	for (unsigned i = 0; near.len > 0 && i < config_synonym_count; i++)
		if (str_eq(config_synonyms[i].theirs, near))
			return str_from_z(config_synonyms[i].ours);
	return STR_NONE;
}

/* The same of a key of routes: "timeout" is not the collector's alone. */
static bool hint_route(struct reader *r, str name)
{
	str ours = synonym_here(&config_sections[SECTION_DEFAULTS], name);

	if (ours.len == 0)
		return false;
	note_hint(r, "routes have \"%.*s\"", STR_ARG(ours));
	return true;
}

static void hint_all(struct reader *r, const str *names, unsigned count)
{
	struct buf list = BUF_LIMIT(400);

	for (unsigned i = 0; i < count; i++)
		buf_addf(&list, "%s%.*s", i ? ", " : "", STR_ARG(names[i]));
	note_hint(r, "possible: %.*s", (int)list.len, list.ptr);
	buf_free(&list);
}

static void note_unknown(struct reader *r, const struct config_section *section,
                         const struct extra_keys *extra, const struct tree_node *key)
{
	str names[SECTION_KEYS_MOST + 8], near, name = key->text;
	const struct config_key *row;
	unsigned count = 0;

	note(r, NOTE_UNKNOWN_KEY, key, "unknown key \"%.*s\"%s%s", STR_ARG(name),
	     *section->path ? " in " : "", section->path);
	if (!note_wants_hint(r))
		return;
	for (unsigned i = 0; (row = config_key_at(section, i)); i++)
		if (row->kind != KIND_LATER)
			names[count++] = str_from_z(row->name);
	for (unsigned i = 0; extra && i < extra->count && count < countof(names); i++)
		names[count++] = extra->list[i].name;
	near = nearest_name(name, names, count);
	if (near.len == 0)
		near = synonym_here(section, name);
	if (near.len > 0)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
	else if (str_eq(name, STR("<<")))
		note_hint(r, "merge keys are not accepted; write the keys out");
	else if (!hint_route(r, name) && !hint_elsewhere(r, name))
		hint_all(r, names, count);
}

/* ---- sections ---- */

static void *place_in(void *base, unsigned place)
{
	return place == NO_PLACE ? NULL : (char *)base + place;
}

void section_defaults(struct reader *r, enum section_id id, void *base)
{
	const struct config_section *section = &config_sections[id];

	for (unsigned i = 0; i < section->count; i++) {
		const struct config_key *key = &section->keys[i];
		struct tree_node as_written = { .kind = TREE_SCALAR };

		if (key->kind == KIND_SECTION) {
			section_defaults(r, key->section, place_in(base, key->place));
		} else if (key->fallback) {
			as_written.text = str_from_z(key->fallback);
			value_store(r, key, &as_written, place_in(base, key->place));
		}
	}
}

static bool take_extra(const struct extra_keys *extra, const struct tree_item *it)
{
	for (unsigned i = 0; extra && i < extra->count; i++) {
		if (!str_eq(extra->list[i].name, it->key->text))
			continue;
		extra->list[i].value = it->value;
		return true;
	}
	return false;
}

static void read_key(struct reader *r, const struct tree_item *it, void *base,
                     struct extra_keys *extra, struct found *ret)
{
	unsigned index, place;
	const struct config_key *key =
	        config_key_find(ret->section, it->key->text, &index, &place);
	struct found inner;

	if (!key) {
		if (!take_extra(extra, it))
			note_unknown(r, ret->section, extra, it->key);
		return;
	}
	ret->key[index] = it->key;
	ret->value[index] = it->value;
	if (key->kind == KIND_LATER) {
		note(r, NOTE_LATER, it->key, "\"%s\" is not in this version", key->name);
		note_hint(r, "planned: %s", key->help);
	} else if (key->kind == KIND_SECTION) {
		section_read(r, key->section, it->value, place_in(base, place), NULL,
		             &inner);
	} else {
		value_store(r, key, it->value, place_in(base, place));
	}
}

/* How a mapping begins. */
static void hint_shape(struct reader *r, const struct config_section *section)
{
	const struct config_key *key = config_key_at(section, 0);

	if (*section->path && key && key->example)
		note_hint(r, "write it like this: { %s: %s }", key->name, key->example);
}

void section_read(struct reader *r, enum section_id id, const struct tree_node *node,
                  void *base, struct extra_keys *extra, struct found *ret)
{
	const struct config_section *section = &config_sections[id];

	*ret = (struct found){ .section = section };
	if (!node || tree_is_null(node))
		return;
	if (node->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, node, "%s is %s, but must be a mapping",
		     *section->path ? section->path : "the configuration",
		     tree_kind_name(node->kind));
		hint_shape(r, section);
		return;
	}
	for (struct tree_item *it = node->first; it; it = it->next)
		read_key(r, it, base, extra, ret);
}

void section_require(struct reader *r, const struct found *found,
                     const struct tree_node *at)
{
	const struct config_key *key;

	for (unsigned i = 0; (key = config_key_at(found->section, i)); i++) {
		if (!key->is_required || found->value[i])
			continue;
		note(r, NOTE_MISSING_KEY, at, "the key \"%s\" is missing", key->name);
		note_hint(r, "write %s: %s", key->name, key->example);
	}
}

const struct tree_node *found_value(const struct found *found, const char *name)
{
	unsigned index, place;

	if (!config_key_find(found->section, str_from_z(name), &index, &place))
		return NULL;
	return found->value[index];
}
