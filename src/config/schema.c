/* schema.c - the table as JSON Schema (2020-12), for editors that complete and check.
 *
 * Each value may also be text with a variable in it, since only the gateway resolves
 * these; what depends on several keys or on the catalogue is left to `sluice check`.
 * Keys that are planned are not in it, so that editors mark them. */
#include "codec/json_write.h"
#include "config/config.h"
#include "config/table.h"

#define VARIABLE "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{.+\\\\}\"}"

static void write_section(struct json_writer *w, const struct config_section *section,
                          bool may_be_null);

/* "anyOf": the fragments, or text with a variable. */
#define SECRET_FORMS                                                                     \
	"{\"type\":\"string\"},{\"type\":\"object\",\"properties\":{\"file\":"           \
	"{\"type\":\"string\"}},\"required\":[\"file\"],\"additionalProperties\":false}"

static void write_any(struct json_writer *w, const char *fragment)
{
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	json_raw(w, str_from_z(fragment));
	json_raw(w, STR(VARIABLE));
	json_close(w, ']');
}

static void write_pattern(struct json_writer *w, const char *pattern)
{
	json_key_str(w, STR("type"), STR("string"));
	json_key_str(w, STR("pattern"), str_from_z(pattern));
}

/* To editors of YAML 1.1 `on` and `off` are booleans. */
static void write_enum(struct json_writer *w, const char *words)
{
	str rest = str_from_z(words);

	json_open(w, '{');
	json_key(w, STR("enum"));
	json_open(w, '[');
	if (config_word_find(words, STR("on")) >= 0)
		json_raw(w, STR("true"));
	if (config_word_find(words, STR("off")) >= 0)
		json_raw(w, STR("false"));
	while (rest.len > 0)
		json_str(w, str_cut(&rest, '|'));
	json_close(w, ']');
	json_close(w, '}');
}

static void write_words(struct json_writer *w, const char *words)
{
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	write_enum(w, words);
	json_raw(w, STR(VARIABLE));
	json_close(w, ']');
}

static void write_time(struct json_writer *w, const struct config_key *key)
{
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	json_open(w, '{');
	write_pattern(w, "^[0-9]+(ms|s|m|h|d)$");
	json_close(w, '}');
	if (key->low && key->low[0] == '0') /* which needs no unit */
		json_raw(w, STR("{\"const\":0}"));
	if (key->words)
		write_enum(w, key->words);
	json_raw(w, STR(VARIABLE));
	json_close(w, ']');
}

static void write_count(struct json_writer *w, const struct config_key *key)
{
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("integer"));
	json_key(w, STR("minimum"));
	json_raw(w, str_from_z(key->low));
	json_key(w, STR("maximum"));
	json_raw(w, str_from_z(key->high));
	json_close(w, '}');
	if (key->words) {
		json_open(w, '{');
		json_key_str(w, STR("const"), str_from_z(key->words));
		json_close(w, '}');
	}
	json_open(w, '{');
	write_pattern(w, key->kind == KIND_PERCENT ? "^[0-9]+%?$" : "^[0-9]+$");
	json_close(w, '}');
	json_raw(w, STR(VARIABLE));
	json_close(w, ']');
}

static void write_object_type(struct json_writer *w, bool may_be_null)
{
	json_key(w, STR("type"));
	json_raw(w, may_be_null ? STR("[\"object\",\"null\"]") : STR("\"object\""));
}

static void write_map(struct json_writer *w, const struct config_section *section)
{
	write_object_type(w, true);
	json_key(w, STR("additionalProperties"));
	json_open(w, '{');
	/* Of a provider of the catalogue everything is known. */
	write_section(w, section, section == &config_sections[SECTION_PROVIDER]);
	json_close(w, '}');
}

static void write_targets(struct json_writer *w, const struct config_section *section)
{
	json_key_str(w, STR("type"), STR("array"));
	json_key_int(w, STR("minItems"), 1);
	json_key_int(w, STR("maxItems"), TARGETS_MOST);
	json_key(w, STR("items"));
	json_open(w, '{');
	json_key(w, STR("anyOf"));
	json_open(w, '[');
	json_raw(w, STR("{\"type\":\"string\",\"pattern\":\"^[^/]+/.+$\"}"));
	json_raw(w, STR(VARIABLE));
	json_open(w, '{');
	write_section(w, section, false);
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
}

static void write_list(struct json_writer *w, const struct config_section *section)
{
	json_key_str(w, STR("type"), STR("array"));
	json_key_int(w, STR("minItems"), 1);
	json_key_int(w, STR("maxItems"), PRICE_TIERS - 1);
	json_key(w, STR("items"));
	json_open(w, '{');
	write_section(w, section, false);
	json_close(w, '}');
}

static void write_kind(struct json_writer *w, const struct config_key *key)
{
	switch (key->kind) {
	case KIND_COUNT:
	case KIND_PERCENT:
	case KIND_WORKERS:
		write_count(w, key);
		break;
	case KIND_SIZE:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^[0-9]+(B|KiB|MiB|GiB|"
		             "TiB)$\"}");
		break;
	case KIND_TIME:
	case KIND_TIME_MS:
		write_time(w, key);
		break;
	case KIND_DATE:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-"
		             "[0-9]{2}$\"}");
		break;
	case KIND_SHARE:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?%"
		             "$\"}");
		break;
	case KIND_PRICE:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^(free|\\\\$[0-9]+("
		             "\\\\.[0-9]+)?(/1k|/1M)?)$\"}");
		break;
	case KIND_TOKEN_PRICE:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^(free|\\\\$[0-9]+("
		             "\\\\.[0-9]+)?(/1k|/1M))$\"}");
		break;
	case KIND_BOOL:
		write_any(w, "{\"type\":\"boolean\"}");
		break;
	case KIND_ON_OFF: /* to YAML 1.1 editors these words are booleans */
		write_any(w, "{\"enum\":[\"on\",\"off\",true,false]}");
		break;
	case KIND_YES_NO:
		write_any(w, "{\"enum\":[\"yes\",\"no\",true,false]}");
		break;
	case KIND_WORD:
		write_words(w, key->words);
		break;
	case KIND_TEXT:
		if (key->words && config_word_find(key->words, STR("off")) >= 0)
			write_any(w, "{\"type\":\"string\"},{\"const\":false}");
		else
			json_key_str(w, STR("type"), STR("string"));
		break;
	case KIND_DIR:
	case KIND_FILE:
		json_key_str(w, STR("type"), STR("string"));
		break;
	case KIND_ADDRESS: /* `off`, too */
	case KIND_LOG:
		write_any(w, "{\"type\":\"string\"},{\"const\":false}");
		break;
	case KIND_VERSION:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9.-]+$\"}");
		break;
	case KIND_URL:
		write_any(w, "{\"type\":\"string\",\"pattern\":\"^([Hh][Tt][Tt][Pp][Ss]?:"
		             "//|unix:).+\"}");
		break;
	case KIND_ADDRESSES:
		write_any(w, "{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,"
		             "\"items\":{\"type\":\"string\"}}");
		break;
	case KIND_TEXTS:
		json_key_str(w, STR("type"), STR("array"));
		json_key(w, STR("items"));
		json_raw(w, STR("{\"type\":\"string\"}"));
		break;
	case KIND_SECRETS:
		json_key_str(w, STR("type"), STR("array"));
		json_key_int(w, STR("minItems"), 1);
		json_key(w, STR("items"));
		json_open(w, '{');
		write_any(w, SECRET_FORMS);
		json_close(w, '}');
		break;
	case KIND_SECRET:
		write_any(w, SECRET_FORMS);
		break;
	case KIND_TARGETS:
		write_targets(w, &config_sections[key->section]);
		break;
	case KIND_TIERS:
		write_list(w, &config_sections[key->section]);
		break;
	case KIND_SECTION:
		/* Nothing behind `tls:` is not no TLS. */
		write_section(w, &config_sections[key->section],
		              key->section != SECTION_TLS);
		break;
	case KIND_MAP:
		write_map(w, &config_sections[key->section]);
		break;
	case KIND_LATER:
	case CONFIG_KINDS:
		break;
	}
}

static void write_key(struct json_writer *w, const struct config_key *key)
{
	json_key(w, str_from_z(key->name));
	json_open(w, '{');
	json_key_str(w, STR("description"), str_from_z(key->help));
	write_kind(w, key);
	if (key->fallback)
		json_key_str(w, STR("default"), str_from_z(key->fallback));
	json_close(w, '}');
}

/* The members of an object's schema, without its braces. */
static void write_section(struct json_writer *w, const struct config_section *section,
                          bool may_be_null)
{
	const struct config_key *key;
	bool has_required = false;

	write_object_type(w, may_be_null);
	json_key(w, STR("properties"));
	json_open(w, '{');
	for (unsigned i = 0; (key = config_key_at(section, i)); i++) {
		has_required |= key->is_required;
		if (key->kind != KIND_LATER)
			write_key(w, key);
	}
	json_close(w, '}');
	if (has_required) {
		json_key(w, STR("required"));
		json_open(w, '[');
		for (unsigned i = 0; (key = config_key_at(section, i)); i++)
			if (key->is_required)
				json_str(w, str_from_z(key->name));
		json_close(w, ']');
	}
	/* The variables of a catalogue's URL are keys of a provider, too. */
	json_key(w, STR("additionalProperties"));
	if (section == &config_sections[SECTION_PROVIDER])
		json_raw(w, STR("{\"type\":\"string\"}"));
	else
		json_bool(w, false);
}

void config_schema_write(struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("$schema"),
	             STR("https://json-schema.org/draft/2020-12/schema"));
	json_key_str(&w, STR("title"), STR("sluice.yaml"));
	write_section(&w, &config_sections[SECTION_ROOT], false);
	json_close(&w, '}');
	buf_add_char(to, '\n');
}
