/* models.c - sluice models: the catalogue in force, the program's own or a newer one. */
#include "main/models.h"

#include "codec/json_write.h"
#include "config/facts.h"
#include "admin/text.h"

#include <stdio.h>

struct models {
	struct command *c;
	struct buf out;
	struct json_writer w;
	unsigned count;
};

/* ---- which ---- */

/* `*` stands for anything; without one the pattern may stand anywhere. Letters of either
 * case are the same. */
static bool matches_at(str pattern, str text)
{
	while (pattern.len > 0) {
		if (pattern.ptr[0] == '*') {
			pattern = str_from(pattern, 1);
			for (; text.len > 0; text = str_from(text, 1))
				if (matches_at(pattern, text))
					return true;
			continue;
		}
		if (text.len == 0 ||
		    char_lower(pattern.ptr[0]) != char_lower(text.ptr[0]))
			return false;
		pattern = str_from(pattern, 1);
		text = str_from(text, 1);
	}
	return text.len == 0;
}

static bool has_part(str text, str part)
{
	for (; text.len >= part.len; text = str_from(text, 1)) {
		if (str_starts_nocase(text, part))
			return true;
		if (text.len == 0)
			break;
	}
	return false;
}

static bool is_wanted(const struct models *m, const struct catalog_model *model)
{
	str provider = str_from_z(command_value(m->c, "provider"));
	str pattern = m->c->argc > 0 ? str_from_z(m->c->argv[0]) : STR_NONE;
	char name[600];
	int n = snprintf(name, sizeof(name), "%.*s/%.*s", STR_ARG(model->provider),
	                 STR_ARG(model->id));
	str whole = str_of(name, (size_t)n);

	if (provider.len > 0 && !str_eq(provider, model->provider))
		return false;
	if (str_find(pattern, '*') < pattern.len)
		return matches_at(pattern, whole) || matches_at(pattern, model->id);
	return pattern.len == 0 || has_part(whole, pattern);
}

/* ---- how ---- */

static const struct {
	unsigned bit;
	const char *name;
} bits[] = {
	{ CATALOG_REASONING, "reasoning" },     { CATALOG_TOOLS, "tools" },
	{ CATALOG_SCHEMA, "schema" },           { CATALOG_IMAGE_IN, "image_in" },
	{ CATALOG_AUDIO_IN, "audio_in" },       { CATALOG_PDF_IN, "pdf_in" },
	{ CATALOG_VIDEO_IN, "video_in" },       { CATALOG_IMAGE_OUT, "image_out" },
	{ CATALOG_AUDIO_OUT, "audio_out" },     { CATALOG_OPEN_WEIGHTS, "open_weights" },
	{ CATALOG_TEMPERATURE, "temperature" }, { CATALOG_ATTACHMENT, "attachment" },
	{ CATALOG_DEPRECATED, "deprecated" },
};

static void key_price(struct json_writer *w, str key, picousd price)
{
	if (price >= 0)
		json_key_int(w, key, price);
}

static void write_prices(struct json_writer *w, const struct catalog_model *model)
{
	json_key(w, STR("prices_pico"));
	json_open(w, '[');
	for (unsigned i = 0; i < model->prices; i++) {
		const struct catalog_price *p = &model->price[i];

		json_open(w, '{');
		json_key_int(w, STR("above"), p->above);
		key_price(w, STR("input"), p->input);
		key_price(w, STR("cache_read"), p->cache_read);
		key_price(w, STR("cache_write"), p->cache_write);
		key_price(w, STR("output"), p->output);
		key_price(w, STR("reasoning"), p->reasoning);
		key_price(w, STR("audio_input"), p->audio_input);
		key_price(w, STR("audio_output"), p->audio_output);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void write_model(struct json_writer *w, const struct catalog_model *model,
                        bool is_found)
{
	json_open(w, '{');
	json_key_str(w, STR("provider"), model->provider);
	json_key_str(w, STR("id"), model->id);
	json_key_str(w, STR("name"), model->name);
	json_key_str(w, STR("identity"), model->identity);
	json_key_int(w, STR("context"), model->context);
	json_key_int(w, STR("output"), model->output);
	json_key_int(w, STR("released"), model->released);
	json_key(w, STR("updated"));
	if (model->updated)
		json_int(w, model->updated);
	else
		json_null(w);
	json_key_bool(w, STR("discovered"), is_found);
	json_key(w, STR("features"));
	json_open(w, '[');
	for (size_t i = 0; i < countof(bits); i++)
		if (model->bits & bits[i].bit)
			json_str(w, str_from_z(bits[i].name));
	json_close(w, ']');
	write_prices(w, model);
	json_close(w, '}');
}

/* 400000 -> "400k" */
static void add_tokens(struct buf *to, uint32_t tokens)
{
	char text[16];

	if (tokens == 0)
		snprintf(text, sizeof(text), "-");
	else if (tokens < 10000)
		snprintf(text, sizeof(text), "%u", tokens);
	else if (tokens < 1000000)
		snprintf(text, sizeof(text), "%uk", tokens / 1000);
	else
		snprintf(text, sizeof(text), "%u.%uM", tokens / 1000000,
		         tokens / 100000 % 10);
	buf_addf(to, "%7s", text);
}

static void add_price(struct buf *to, picousd price)
{
	struct buf text = BUF_LIMIT(64);

	text_price(&text, price);
	buf_addf(to, "%10.*s", (int)text.len, text.ptr);
	buf_free(&text);
}

static void add_model(struct models *m, const struct catalog_model *model, bool is_found)
{
	char name[600];

	snprintf(name, sizeof(name), "%.*s/%.*s", STR_ARG(model->provider),
	         STR_ARG(model->id));
	buf_addf(&m->out, "%-56s", name);
	add_tokens(&m->out, model->context);
	add_tokens(&m->out, model->output);
	if (command_has(m->c, "price")) {
		const struct catalog_price *p = &model->price[0];

		add_price(&m->out, model->prices ? p->input : PRICE_UNKNOWN);
		add_price(&m->out, model->prices ? p->cache_read : PRICE_UNKNOWN);
		add_price(&m->out, model->prices ? p->output : PRICE_UNKNOWN);
		if (model->prices > 1)
			buf_addf(&m->out, "  (more over %u tokens)",
			         model->price[1].above);
	}
	if (is_found)
		buf_add(&m->out, STR("  new: listed by the provider\n"));
	else if (model->updated)
		buf_addf(&m->out, "  updated %04u-%02u-%02u\n", model->updated / 10000,
		         model->updated / 100 % 100, model->updated % 100);
	else
		buf_add(&m->out, STR("  built in\n"));
}

/* What a gateway would use; NULL: the program's own facts. */
static struct catalog *facts_in_force(const struct command *c)
{
	struct buf dir = { 0 }, why = BUF_LIMIT(8 * KiB);
	struct catalog *found = NULL;

	if (command_data(c, &dir) && !facts_load(buf_str(&dir), &found, &why))
		fprintf(stderr,
		        "sluice: warning: %.*s; these are the program's own facts\n",
		        STR_ARG(buf_str(&why)));
	else if (facts_are_older(found, &why))
		fprintf(stderr,
		        "sluice: warning: %.*s; sluice models update brings newer ones\n",
		        STR_ARG(buf_str(&why)));
	buf_free(&dir);
	buf_free(&why);
	return found;
}

static void show(struct models *m, const struct catalog_model *model, bool is_found)
{
	if (!is_wanted(m, model))
		return;
	if (m->count++ == 0 && !m->c->json)
		fprintf(stderr, "%-56s%7s%7s%s\n", "MODEL", "CONTEXT", "OUTPUT",
		        command_has(m->c, "price") ? "     INPUT    CACHED    OUTPUT  "
		                                     "(USD per million tokens)  FROM"
		                                   : "  FROM");
	if (m->c->json)
		write_model(&m->w, model, is_found);
	else
		add_model(m, model, is_found);
}

/* What a gateway has found at its providers, and nobody knows more of. */
static void show_found(struct models *m, const struct catalog *facts)
{
	struct buf dir = { 0 }, text = { 0 };
	struct catalog_model known;
	str rest = STR_NONE;

	if (command_data(m->c, &dir) && facts_found_load(buf_str(&dir), &text))
		rest = buf_str(&text);
	for (str provider, id; facts_found_next(&rest, &provider, &id);) {
		const struct catalog_model model = {
			.provider = provider, .id = id, .name = id, .identity = id
		};

		if (!catalog_find_model(facts, provider, id, &known))
			show(m, &model, true);
	}
	buf_free(&text);
	buf_free(&dir);
}

int models_command(struct command *c)
{
	struct models m = { .c = c, .out = BUF_LIMIT(16 * MiB), .w = { .to = &m.out } };
	struct catalog_model model;
	struct catalog *facts;

	bool is_update = c->argc > 0 && strcmp(c->argv[0], "update") == 0;
	int code = command_heeds(c, is_update ? "update" : "",
	                         is_update ? "dry-run" : "price provider",
	                         is_update ? 2 : 1);

	if (code != EXIT_OK || is_update)
		return code != EXIT_OK ? code : models_update(c);
	facts = facts_in_force(c);
	if (c->json)
		json_open(&m.w, '[');
	for (unsigned i = 0; catalog_model_at(facts, i, &model); i++)
		show(&m, &model, false);
	show_found(&m, facts);
	if (c->json)
		json_close(&m.w, ']');
	printf("%.*s%s", (int)m.out.len, m.out.ptr ? m.out.ptr : "", c->json ? "\n" : "");
	buf_free(&m.out);
	catalog_free(&facts);
	if (m.count > 0 || c->json)
		return EXIT_OK;
	return command_failed("no model of the catalogue matches");
}
