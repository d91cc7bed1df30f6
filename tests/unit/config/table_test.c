/* The table, the parser, the schema and the documentation say the same. */
#include "tests/unit/config/helper.h"

#include "codec/json.h"
#include "config/scalar.h"
#include "config/table.h"

#include "config/reader.h"

static struct json_value schema_of(struct buf *text)
{
	struct json_value root = { 0 };

	config_schema_write(text);
	CHECK(!text->over);
	CHECK_OK(json_check(buf_str(text), &json_limits_default, &root));
	return root;
}

/* The schema's object for a key of a section reached from the root. */
static struct json_value object_behind(struct json_value key, enum config_kind kind)
{
	struct json_member m;

	if (kind == KIND_SECTION)
		return key;
	if (kind == KIND_TIERS)
		return json_get(key, STR("items"));
	if (kind == KIND_MAP)
		return json_get(key, STR("additionalProperties"));
	/* of anyOf the one with properties */
	for (struct json_iter it = json_iter(json_path(key, "items.anyOf"));
	     json_next(&it, &m);)
		if (json_get(m.value, STR("properties")).type == JSON_OBJECT)
			return m.value;
	return (struct json_value){ 0 };
}

static unsigned count_members(struct json_value object)
{
	struct json_member m;
	unsigned count = 0;

	for (struct json_iter it = json_iter(object); json_next(&it, &m);)
		count++;
	return count;
}

static void compare(const struct config_section *section, struct json_value object)
{
	struct json_value properties = json_get(object, STR("properties"));
	const struct config_key *key;
	unsigned count = 0;

	for (unsigned i = 0; (key = config_key_at(section, i)); i++) {
		struct json_value v = json_get(properties, str_from_z(key->name));

		if (key->kind == KIND_LATER) {
			CHECK(v.type == JSON_NONE);
			continue;
		}
		count++;
		if (v.type != JSON_OBJECT)
			check_failed(__FILE__, __LINE__, "the schema lacks %s in %s",
			             key->name, section->path);
		if (key->fallback)
			CHECK(json_text_is(json_get(v, STR("default")),
			                   str_from_z(key->fallback)));
		if (key->kind == KIND_SECTION || key->kind == KIND_MAP ||
		    key->kind == KIND_TARGETS || key->kind == KIND_TIERS)
			compare(&config_sections[key->section],
			        object_behind(v, key->kind));
	}
	CHECK_INT(count_members(properties), count);
}

TEST(the_schema_has_exactly_the_keys_of_the_table)
{
	struct buf text = BUF_LIMIT(256 * KiB);

	compare(&config_sections[SECTION_ROOT], schema_of(&text));
	buf_free(&text);
}

/* What the reading refuses, and what it lets pass. */
TEST(the_schema_is_as_strict_as_the_reading)
{
	static const struct {
		const char *path, *piece;
		bool has;
	} rows[] = {
		{ "properties.ledger_keep", "false", false },
		{ "properties.ledger_keep", "{\"const\":0}", false },
		{ "properties.defaults.properties.hedge", "false", true },
		{ "properties.defaults.properties.hedge", "{\"const\":0}", false },
		{ "properties.routes.additionalProperties.properties.resume",
		  "[true,false,", true },
		{ "properties.log.properties.bodies", "[false,", true },
		{ "properties.telemetry.properties.otlp.properties.endpoint", "false",
		  true },
		{ "properties.drain", "{\"const\":0}", true },
		{ "properties.providers.additionalProperties.properties.keys",
		  "\"minItems\":1", true },
		{ "properties.log.properties.redact", "\"file\"", false },
		{ "properties.prices.additionalProperties.type", "null", false },
		{ "properties.providers.additionalProperties.type", "null", true },
		{ "properties.routes.additionalProperties.type", "null", false },
		{ "properties.routes.type", "null", true },
		{ "properties.limits.type", "null", true },
		{ "properties.tls.type", "null", false },
		{ "properties.workers", "\"^[0-9]+$\"", true },
		{ "properties.providers.additionalProperties.properties.url",
		  "[Hh][Tt][Tt][Pp]", true },
	};
	struct buf text = BUF_LIMIT(256 * KiB);
	struct json_value root = schema_of(&text);

	for (size_t i = 0; i < countof(rows); i++) {
		str raw = json_path(root, rows[i].path).raw;

		if (raw.len == 0 ||
		    str_has(raw, str_from_z(rows[i].piece)) != rows[i].has)
			check_failed(__FILE__, __LINE__, "%s is %.*s", rows[i].path,
			             STR_ARG(raw));
	}
	buf_free(&text);
}

TEST(the_documentation_has_a_row_for_each_key_and_code)
{
	struct buf text = BUF_LIMIT(256 * KiB), row = BUF_LIMIT(KiB);

	config_docs_write(&text);
	CHECK(!text.over);
	for (unsigned s = 0; s < SECTIONS; s++) {
		const struct config_section *section = &config_sections[s];

		for (unsigned i = 0; i < section->count; i++) {
			const struct config_key *key = &section->keys[i];

			buf_clear(&row);
			if (key->kind == KIND_LATER)
				buf_addf(&row, "`%s` (%s)", key->name, key->help);
			else
				buf_addf(&row, "\n| `%s` | ", key->name);
			if (!str_has(buf_str(&text), buf_str(&row)))
				check_failed(__FILE__, __LINE__, "docs lack %.*s",
				             (int)row.len, row.ptr);
		}
	}
	for (unsigned i = 0; i < NOTE_IDS; i++)
		CHECK(str_has(buf_str(&text), str_from_z(note_rows[i].code)));
	buf_free(&text);
	buf_free(&row);
}

TEST(codes_are_unique)
{
	for (unsigned i = 0; i < NOTE_IDS; i++)
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(note_rows[i].code, note_rows[j].code) != 0);
}

/* What stands before a key of that section. */
static const char *const before[SECTIONS] = {
	[SECTION_ROOT] = "",
	[SECTION_TLS] = "tls:\n  ",
	[SECTION_SECRETS] = "secrets:\n  ",
	[SECTION_LIMITS] = "limits:\n  ",
	[SECTION_METRICS] = "metrics:\n  ",
	[SECTION_TELEMETRY] = "telemetry:\n  ",
	[SECTION_OTLP] = "telemetry:\n  otlp:\n    ",
	[SECTION_DEFAULTS] = "defaults:\n  ",
	[SECTION_PROVIDER] = "providers:\n  openai:\n    ",
	[SECTION_PROVIDER_TLS] = "providers:\n  openai:\n    tls:\n      ",
	[SECTION_PROVIDER_LIMITS] = "providers:\n  openai:\n    limits:\n      ",
	[SECTION_PROVIDER_RETRY] = "providers:\n  openai:\n    retry:\n      ",
	[SECTION_ROUTE] = "routes:\n  r:\n    ",
	[SECTION_RETRY] =
	        "routes:\n  r:\n    targets: [openai/gpt-5-mini]\n    retry:\n      ",
	[SECTION_TARGET] = "routes:\n  r:\n    targets:\n      - ",
	[SECTION_LOG] = "log:\n  ",
	[SECTION_PRICE] = "prices:\n  openai/gpt-5:\n    ",
	[SECTION_PRICE_TIER] = "prices:\n  openai/gpt-5:\n    tiers:\n      - ",
	[SECTION_TRIAL] = "trials:\n  t:\n    ",
};

/* Errors about what is missing around a key that stands alone. */
static bool is_excused(const struct config_note *n)
{
	return !n->is_error || strcmp(n->code, "E106") == 0 ||
	       strcmp(n->code, "E119") == 0 || strcmp(n->code, "E201") == 0 ||
	       strcmp(n->code, "E220") == 0 || strcmp(n->code, "E302") == 0;
}

static void check_example(const struct config_key *key, const char *prefix)
{
	bool is_list = key->kind == KIND_SECRETS || key->kind == KIND_TEXTS;
	struct reading r;
	char text[600];

	snprintf(text, sizeof(text), "%s%s: %s%s%s\n", prefix, key->name,
	         is_list ? "[\"" : "", key->example, is_list ? "\"]" : "");
	read_text(&r, str_from_z(text));
	for (unsigned i = 0; i < r.notes.count; i++) {
		if (is_excused(&r.notes.list[i]))
			continue;
		check_failed(__FILE__, __LINE__, "in %s", text);
		print_notes(&r);
	}
	reading_done(&r);
}

TEST(every_example_is_accepted_where_it_belongs)
{
	for (unsigned s = 0; s < SECTIONS; s++)
		for (unsigned i = 0; i < config_sections[s].count; i++)
			if (config_sections[s].keys[i].example)
				check_example(&config_sections[s].keys[i], before[s]);
}

TEST(the_example_of_the_documentation_is_right)
{
	struct buf text = BUF_LIMIT(256 * KiB);
	struct reading r;
	size_t from, to;

	config_docs_write(&text);
	from = str_find_str(buf_str(&text), STR("```yaml\n")) + 8;
	to = str_find_str(str_from(buf_str(&text), from), STR("```"));
	read_text(&r, str_first(str_from(buf_str(&text), from), to));
	/* KEY_B has a default; everything else is set in the tests' environment */
	CHECK_INT(r.notes.errors + r.notes.warnings, 0);
	if (r.notes.count)
		print_notes(&r);
	reading_done(&r);
	buf_free(&text);
}

TEST(scalars_have_units)
{
	static const struct {
		const char *text;
		enum scalar_result result;
		uint64_t value;
	} times[] = {
		{ "8s", SCALAR_OK, 8000000 },
		{ "700ms", SCALAR_OK, 700000 },
		{ "10m", SCALAR_OK, 600000000 },
		{ "2h", SCALAR_OK, 7200000000 },
		{ "1d", SCALAR_OK, 86400000000 },
		{ "0", SCALAR_OK, 0 },
		{ "0s", SCALAR_OK, 0 },
		{ "8", SCALAR_NO_UNIT, 0 },
		{ "8 s", SCALAR_NOT_A_UNIT, 0 },
		{ "8S", SCALAR_NOT_A_UNIT, 0 },
		{ "8us", SCALAR_NOT_A_UNIT, 0 },
		{ "1.5s", SCALAR_NOT_A_UNIT, 0 },
		{ "s", SCALAR_JUNK, 0 },
		{ "-1s", SCALAR_JUNK, 0 },
		{ "", SCALAR_JUNK, 0 },
		{ "+1s", SCALAR_JUNK, 0 },
		{ "99999999999999d", SCALAR_LARGE, 0 },
		{ "99999999999999999999s", SCALAR_LARGE, 0 },
	};
	uint64_t value;

	for (size_t i = 0; i < countof(times); i++) {
		value = 0;
		CHECK_INT(scalar_time(str_from_z(times[i].text), &value),
		          times[i].result);
		CHECK_INT(value, times[i].value);
	}
	CHECK(scalar_size(STR("64KiB"), &value) == SCALAR_OK && value == 64 * KiB);
	CHECK(scalar_size(STR("20MiB"), &value) == SCALAR_OK && value == 20 * MiB);
	CHECK(scalar_size(STR("1MB"), &value) == SCALAR_NOT_A_UNIT);
	CHECK(scalar_percent(STR("70%"), &value) == SCALAR_OK && value == 70);
	CHECK(scalar_count(STR("70%"), &value) == SCALAR_NOT_A_UNIT);
	CHECK(scalar_is_ambiguous(STR("1.10")) && scalar_is_ambiguous(STR("NO")));
	CHECK(scalar_is_ambiguous(STR("0x1f")) && scalar_is_ambiguous(STR("-1e9")));
	CHECK(!scalar_is_ambiguous(STR("us")) && !scalar_is_ambiguous(STR("1a")));
}

TEST(prices_are_exact_or_refused)
{
	static const struct {
		const char *text;
		enum scalar_result result;
		uint64_t value;
	} prices[] = {
		{ "$2.50/1M", SCALAR_OK, 2500000 },
		{ "$0.075/1M", SCALAR_OK, 75000 },
		{ "$0.000001/1M", SCALAR_OK, 1 },
		{ "$0.0000001/1M", SCALAR_FINE, 0 },
		{ "$1.0000000/1M", SCALAR_OK, 1000000 },
		{ "$10/1k", SCALAR_OK, 10000000000 },
		{ "$0.04", SCALAR_OK, 40000000000 },
		{ "$0.000000000001", SCALAR_OK, 1 },
		{ "$0.0000000000001", SCALAR_FINE, 0 },
		{ "free", SCALAR_OK, 0 },
		{ "$0", SCALAR_OK, 0 },
		{ "$9223372", SCALAR_OK, 9223372000000000000 },
		{ "$9223373", SCALAR_LARGE, 0 },
		{ "$99999999999999999999", SCALAR_LARGE, 0 },
		{ "2.50", SCALAR_JUNK, 0 },
		{ "$", SCALAR_JUNK, 0 },
		{ "$.5", SCALAR_JUNK, 0 },
		{ "$1.", SCALAR_JUNK, 0 },
		{ "$-1", SCALAR_JUNK, 0 },
		{ "$1,000", SCALAR_JUNK, 0 },
		{ "$1e3", SCALAR_JUNK, 0 },
		{ "$1/2M", SCALAR_NOT_A_UNIT, 0 },
		{ "$1/", SCALAR_NOT_A_UNIT, 0 },
		{ "", SCALAR_JUNK, 0 },
	};
	uint64_t value;

	for (size_t i = 0; i < countof(prices); i++) {
		enum scalar_result got = scalar_price(str_from_z(prices[i].text), &value);

		if (got != prices[i].result ||
		    (got == SCALAR_OK && value != prices[i].value))
			check_failed(__FILE__, __LINE__, "%s is %d, %llu", prices[i].text,
			             got, (unsigned long long)value);
	}
	CHECK_INT(scalar_token_price(STR("$2.50"), &value), SCALAR_NO_UNIT);
	CHECK(scalar_token_price(STR("$2.50/1k"), &value) == SCALAR_OK &&
	      value == 2500000000);
	CHECK(scalar_share(STR("12.5%"), &value) == SCALAR_OK && value == 125000);
	CHECK(scalar_share(STR("0.0001%"), &value) == SCALAR_OK && value == 1);
	CHECK_INT(scalar_share(STR("0.00001%"), &value), SCALAR_FINE);
	CHECK_INT(scalar_share(STR("10"), &value), SCALAR_NO_UNIT);
	CHECK_INT(scalar_share(STR("%"), &value), SCALAR_JUNK);
	CHECK(scalar_date(STR("2026-11-01"), &value) == SCALAR_OK && value == 20261101);
	CHECK_INT(scalar_date(STR("2026-13-01"), &value), SCALAR_JUNK);
	CHECK_INT(scalar_date(STR("2026-02-30"), &value), SCALAR_JUNK);
	CHECK_INT(scalar_date(STR("2026-1-01"), &value), SCALAR_JUNK);
	CHECK_INT(scalar_date(STR("20261101"), &value), SCALAR_JUNK);
}
