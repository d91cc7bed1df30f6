/* catalog_file.c - the text of newer facts, read into a table (catalog_table.c) and
 * written; catalog_safe.c says what may stand in it. */
#include "wire/catalog_file.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/text.h"
#include "wire/catalog_table.h"

enum { CLASSES_TOLD = 7, CRC_DIGITS = 8 };
static const str first_line = STR_INIT("sluice-catalog 1");

/* ---- reading ---- */

struct reading {
	struct catalog *c;
	unsigned room; /* for so many models */
	str provider;  /* whose models are being read */
	uint32_t updated;
	unsigned line;
	struct buf *why;
};

static bool wrong(struct reading *r, const char *what)
{
	buf_addf(r->why, "line %u: %s", r->line, what);
	return false;
}

static bool take_u32(str *rest, char end, uint64_t most, uint32_t *ret)
{
	str text = str_cut(rest, end);
	uint64_t value;

	if (!str_to_u64(text, &value) || value > most)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool is_date(uint32_t date)
{
	return date / 100 % 100 <= 12 && date % 100 <= 31;
}

static bool read_class(str text, picousd *ret)
{
	uint64_t value;

	*ret = PRICE_UNKNOWN;
	if (text.len == 0)
		return true;
	if (!str_to_u64(text, &value) || value > (uint64_t)CATALOG_PRICE_MOST)
		return false;
	*ret = (picousd)value;
	return true;
}

static bool read_tier(str text, struct catalog_price *ret)
{
	picousd *classes[CLASSES_TOLD] = { &ret->input,       &ret->cache_read,
		                           &ret->cache_write, &ret->output,
		                           &ret->reasoning,   &ret->audio_input,
		                           &ret->audio_output };

	if (!take_u32(&text, ':', CATALOG_TOKENS_MOST, &ret->above))
		return false;
	for (unsigned i = 0; i < CLASSES_TOLD; i++)
		if (!read_class(str_cut(&text, ','), classes[i]))
			return false;
	return text.len == 0;
}

static bool read_tiers(str text, struct catalog_model *m)
{
	while (text.len > 0) {
		struct catalog_price *price = &m->price[m->prices];

		if (m->prices == PRICE_TIERS || !read_tier(str_cut(&text, ';'), price))
			return false;
		if (m->prices > 0 ? price->above <= price[-1].above : price->above > 0)
			return false;
		m->prices++;
	}
	return true;
}

static bool read_provider(struct reading *r, str rest)
{
	str id = str_cut(&rest, '\t');

	if (!catalog_provider_is_safe(id))
		return wrong(r, "not the id of a provider");
	if (r->provider.len && str_cmp(r->provider, id) >= 0)
		return wrong(r, "the providers are not sorted");
	if (!take_u32(&rest, '\t', 99991231, &r->updated) || rest.len > 0 ||
	    !is_date(r->updated) || r->updated == 0)
		return wrong(r, "not a date");
	r->provider = id;
	return true;
}

static bool read_model(struct reading *r, str rest)
{
	struct catalog *c = r->c;
	struct catalog_model *m = &c->models[c->count];
	uint32_t bits;

	if (r->provider.len == 0 || c->count == r->room)
		return wrong(r, "a model where none is due");
	*m = (struct catalog_model){ .provider = r->provider, .updated = r->updated };
	m->id = str_cut(&rest, '\t');
	m->name = str_cut(&rest, '\t');
	m->identity = str_cut(&rest, '\t');
	if (!catalog_id_is_safe(m->id) || !catalog_name_is_safe(m->name) ||
	    !catalog_id_is_safe(m->identity))
		return wrong(r, "not the name of a model");
	if (!take_u32(&rest, '\t', CATALOG_TOKENS_MOST, &m->context) ||
	    !take_u32(&rest, '\t', CATALOG_TOKENS_MOST, &m->input) ||
	    !take_u32(&rest, '\t', CATALOG_TOKENS_MOST, &m->output) ||
	    !take_u32(&rest, '\t', UINT16_MAX, &bits) ||
	    !take_u32(&rest, '\t', 99991231, &m->released) || !is_date(m->released))
		return wrong(r, "not the limits of a model");
	m->bits = bits;
	if (!read_tiers(rest, m))
		return wrong(r, "not the prices of a model");
	if (c->count > 0 && catalog_model_cmp(m - 1, m) >= 0)
		return wrong(r, "the models are not sorted");
	c->count++;
	return true;
}

/* The last line against all before it: was the text written to its end? */
static bool read_end(struct reading *r, str text, str end)
{
	str before = str_first(text, (size_t)(end.ptr - text.ptr));
	uint64_t crc;

	if (!str_skip(&end, STR("end\t")) ||
	    !take_u32(&end, '\t', UINT32_MAX, &r->room) ||
	    r->room > CATALOG_MODELS_MOST || end.len != CRC_DIGITS + 1 ||
	    !str_ends(end, STR("\n")) || !hex_to_u64(str_first(end, CRC_DIGITS), &crc)) {
		buf_add(r->why, STR("the end is missing"));
		return false;
	}
	if (crc != crc32c(0, before))
		buf_add(r->why, STR("it was changed by somebody else, or is damaged"));
	return crc == crc32c(0, before);
}

static bool read_lines(struct reading *r, str text)
{
	bool is_good = true;

	r->line = 1;
	if (!str_eq(str_cut(&text, '\n'), first_line))
		return wrong(r, "not a catalogue of this version");
	while (is_good && text.len > 0) {
		str line = str_cut(&text, '\n');

		r->line++;
		if (str_skip(&line, STR("provider\t")))
			is_good = read_provider(r, line);
		else if (str_skip(&line, STR("model\t")))
			is_good = read_model(r, line);
		else
			is_good = wrong(r, "neither a provider nor a model");
	}
	return is_good;
}

struct catalog *catalog_read(str text, struct buf *why)
{
	struct reading r = { .c = new_of(struct catalog), .why = why };
	size_t last;

	text = str_first(text, CATALOG_TEXT_MOST);
	r.c->text = mem_copy_z(text);
	text.ptr = r.c->text;
	last = text.len ? str_find_last(str_first(text, text.len - 1), '\n') : 0;
	last += last + 1 < text.len;
	if (read_end(&r, text, str_from(text, last))) {
		r.c->models = mem_new((r.room + catalog_table_built_in() + 1) *
		                      sizeof(struct catalog_model));
		if (read_lines(&r, str_first(text, last)) && r.c->count == r.room) {
			catalog_table_complete(r.c);
			return r.c;
		}
		if (why->len == 0)
			buf_add(why, STR("models are missing"));
	}
	catalog_free(&r.c);
	return NULL;
}

/* ---- writing ---- */

static void write_class(struct buf *to, picousd price, char before)
{
	buf_add_char(to, before);
	if (price >= 0)
		buf_add_i64(to, price);
}

static void write_tiers(struct buf *to, const struct catalog_model *m)
{
	for (unsigned i = 0; i < m->prices; i++) {
		const struct catalog_price *p = &m->price[i];

		if (i > 0)
			buf_add_char(to, ';');
		buf_add_u64(to, p->above);
		write_class(to, p->input, ':');
		write_class(to, p->cache_read, ',');
		write_class(to, p->cache_write, ',');
		write_class(to, p->output, ',');
		write_class(to, p->reasoning, ',');
		write_class(to, p->audio_input, ',');
		write_class(to, p->audio_output, ',');
	}
}

void catalog_write(const struct catalog_model *models, unsigned count, struct buf *to)
{
	size_t begin = to->len;
	str provider = STR_NONE;
	uint32_t crc;

	buf_addf(to, "%.*s\n", STR_ARG(first_line));
	for (unsigned i = 0; i < count; i++) {
		const struct catalog_model *m = &models[i];

		if (!str_eq(m->provider, provider))
			buf_addf(to, "provider\t%.*s\t%u\n", STR_ARG(m->provider),
			         m->updated);
		provider = m->provider;
		buf_addf(to, "model\t%.*s\t%.*s\t%.*s\t%u\t%u\t%u\t%u\t%u\t",
		         STR_ARG(m->id), STR_ARG(m->name), STR_ARG(m->identity),
		         m->context, m->input, m->output, m->bits, m->released);
		write_tiers(to, m);
		buf_add_char(to, '\n');
	}
	crc = crc32c(0, str_from(buf_str(to), begin));
	buf_addf(to, "end\t%u\t", count);
	buf_add_hex(to, crc, CRC_DIGITS);
	buf_add_char(to, '\n');
}
