/* docs.c - the table as docs/config.md: a section for each mapping, a row for each key.
 */
#include "config/reader.h"
#include "config/table.h"

/* clang-format off */
static const char head[] =
"# Configuration\n"
"\n"
"<!-- Made by `sluice config docs` from src/config/table.c; do not edit. -->\n"
"\n"
"Sluice reads one file, `sluice.yaml`, named with `-c FILE` or `$SLUICE_CONFIG`. Without\n"
"one it runs on loopback with the providers whose keys it finds in the environment, and\n"
"with the built-in `mock`.\n"
"\n"
"```yaml\n"
"version: 1\n"
"listen: 127.0.0.1:8080\n"
"auth: keys\n"
"providers:\n"
"  openai:  { key: \"${OPENAI_API_KEY}\" }       # a name of the catalogue: `sluice providers`\n"
"  mistral: { keys: [\"${KEY_A}\", \"${KEY_B:-}\"] }\n"
"  local:   { format: openai-chat, url: \"http://127.0.0.1:9000/v1\", key: none }\n"
"routes:\n"
"  fast:\n"
"    targets: [openai/gpt-5-mini, mistral/mistral-small-latest, local/llama]\n"
"    first_token: 8s\n"
"```\n"
"\n"
"`sluice check` tells all errors of a file in one run, with line, column and the nearest\n"
"right thing. `sluice config schema` prints a JSON Schema for editors. On `SIGHUP` the file\n"
"is read again: if it is right it applies to new requests, else nothing changes. What\n"
"needs a restart (`listen`, `admin`, `data`, `workers`, `sandbox`, `ledger`,\n"
"`access_log`, `timezone`, `telemetry`) is named and stays as it is until then.\n"
"\n"
"**Strict.** A key that does not exist, or stands twice, is an error. So are YAML tags,\n"
"merge keys and several documents.\n"
"\n"
"**Values.** Times have a unit: `700ms`, `8s`, `10m`, `2h`, `1d`; so do sizes: `64KiB`,\n"
"`20MiB`, `1GiB`. Prices are dollars, exact to a millionth of a millionth: `$2.50/1M` for a\n"
"million (of tokens), `$10/1k` for a thousand, `$0.04` for one, or `free`. Booleans are `true` and `false`; some keys have words of their own. A\n"
"number, boolean or null where text is meant needs quotes.\n"
"\n"
"**Variables.** `${NAME}` is the variable of the environment, and an error when it is not\n"
"set; `${NAME:-default}` and `${NAME:?why it is needed}` say what to do when it is missing\n"
"or empty; `$$` is a dollar sign. Variables are resolved in values, after the file was\n"
"parsed: they cannot add structure. In `{ }` and `[ ]` a value with a variable needs quotes.\n"
"\n"
"**Credentials.** One that is empty disables its provider with a warning; targets of it are\n"
"left out, and a route that is left with no target is an error.\n";
/* clang-format on */

static const char *kind_text(const struct config_key *key)
{
	switch (key->kind) {
	case KIND_COUNT:
		return "number";
	case KIND_PERCENT:
		return "number or percentage";
	case KIND_SIZE:
		return "size";
	case KIND_TIME:
	case KIND_TIME_MS:
		return "time";
	case KIND_DATE:
		return "date";
	case KIND_SHARE:
		return "percentage";
	case KIND_PRICE:
	case KIND_TOKEN_PRICE:
		return "price";
	case KIND_BOOL:
		return "`true` or `false`";
	case KIND_ON_OFF:
		return "`on` or `off`";
	case KIND_YES_NO:
		return "`yes` or `no`";
	case KIND_WORD:
		return NULL; /* the words themselves */
	case KIND_TEXT:
		return "text";
	case KIND_DIR:
		return "directory";
	case KIND_FILE:
		return "file";
	case KIND_ADDRESS:
		return "address, or `off`";
	case KIND_ADDRESSES:
		return "address, or a list";
	case KIND_WORKERS:
		return "number, or `auto`";
	case KIND_LOG:
		return "path, `stdout` or `off`";
	case KIND_URL:
		return "URL";
	case KIND_VERSION:
		return "text";
	case KIND_SECRET:
		return "text, or `{ file: PATH }`";
	case KIND_SECRETS:
	case KIND_TEXTS:
		return "list of text";
	case KIND_TARGETS:
	case KIND_TIERS:
		return "list";
	case KIND_SECTION:
	case KIND_MAP:
		return "mapping";
	case KIND_LATER:
	case CONFIG_KINDS:
		break;
	}
	return "";
}

static void add_words(struct buf *to, const char *words)
{
	str rest = str_from_z(words);

	while (rest.len > 0) {
		str word = str_cut(&rest, '|');

		buf_addf(to, "`%.*s`%s", STR_ARG(word), rest.len ? ", " : "");
	}
}

static void add_value(struct buf *to, const struct config_key *key)
{
	const char *text = kind_text(key);

	if (text)
		buf_add(to, str_from_z(text));
	else
		add_words(to, key->words);
	if (key->low && strcmp(key->low, key->high) == 0)
		buf_addf(to, ", %s", key->low);
	else if (key->low)
		buf_addf(to, ", %s to %s", key->low, key->high);
	if (key->kind == KIND_TIME && key->words) {
		buf_add(to, STR("; or "));
		add_words(to, key->words);
	}
}

static void add_default(struct buf *to, const struct config_key *key)
{
	if (key->fallback)
		buf_addf(to, "`%s`", key->fallback);
	else if (key->otherwise)
		buf_add(to, str_from_z(key->otherwise));
	else if (key->is_required)
		buf_add(to, STR("*required*"));
}

static void add_later(struct buf *to, const struct config_section *section)
{
	bool any = false;

	for (unsigned i = 0; i < section->count; i++) {
		const struct config_key *key = &section->keys[i];

		if (key->kind == KIND_LATER) {
			buf_addf(to, "%s`%s` (%s)",
			         any ? ", " : "\nNot in this version: ", key->name,
			         key->help);
			any = true;
		} else if (key->later) {
			buf_addf(to, "%sfor `%s` ",
			         any ? ", " : "\nNot in this version: ", key->name);
			add_words(to, key->later);
			any = true;
		}
	}
	if (any)
		buf_add(to, STR(".\n"));
}

static void add_section(struct buf *to, const struct config_section *section)
{
	if (*section->path)
		buf_addf(to, "\n## %s\n\n", section->path);
	else
		buf_add(to, STR("\n## Top level\n\n"));
	if (*section->help)
		buf_addf(to, "%s\n\n", section->help);
	buf_add(to, STR("| key | value | default | meaning |\n|---|---|---|---|\n"));
	for (unsigned i = 0; i < section->count; i++) {
		const struct config_key *key = &section->keys[i];

		if (key->kind == KIND_LATER)
			continue;
		buf_addf(to, "| `%s` | ", key->name);
		add_value(to, key);
		buf_add(to, STR(" | "));
		add_default(to, key);
		buf_addf(to, " | %s |\n", key->help);
	}
	add_later(to, section);
}

void config_docs_write(struct buf *to)
{
	buf_add(to, str_of(head, sizeof(head) - 1));
	for (unsigned i = 0; i < SECTIONS; i++)
		add_section(to, &config_sections[i]);
	buf_add(to,
	        STR("\n## Codes\n\nErrors (E) refuse the configuration, warnings (W) do "
	            "not.\n\n| code | meaning |\n|---|---|\n"));
	for (unsigned i = 0; i < NOTE_IDS; i++)
		buf_addf(to, "| %s | %s |\n", note_rows[i].code, note_rows[i].text);
}
