/* catalog_file.c - the text of newer facts, read into one sorted table and written.
 *
 * The table holds everything that is in force, the program's own rows too, decoded: so a
 * look-up is one binary search, as with the compiled one.  It costs some 300 bytes a
 * model, once per configuration. */
#include "wire/catalog_file.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/text.h"

enum { CLASSES_TOLD = 7, CRC_DIGITS = 8 };
static const str first_line = STR_INIT("sluice-catalog 1");

struct catalog {
	char *text;                   /* what the newer rows point into */
	struct catalog_model *models; /* by (provider, id) */
	const struct catalog_model **by_id, **by_identity;
	unsigned count;
	struct catalog_older older;
};

/* ---- order ---- */

int catalog_model_cmp(const struct catalog_model *a, const struct catalog_model *b)
{
	int order = str_cmp(a->provider, b->provider);

	return order ? order : str_cmp(a->id, b->id);
}

static int by_provider(const void *a, const void *b)
{
	return catalog_model_cmp(a, b);
}

static int by_text(str a, str b, const struct catalog_model *x,
                   const struct catalog_model *y)
{
	int order = str_cmp(a, b);

	return order ? order : catalog_model_cmp(x, y);
}

static int by_id(const void *a, const void *b)
{
	const struct catalog_model *x = *(const struct catalog_model *const *)a;
	const struct catalog_model *y = *(const struct catalog_model *const *)b;

	return by_text(x->id, y->id, x, y);
}

static int by_identity(const void *a, const void *b)
{
	const struct catalog_model *x = *(const struct catalog_model *const *)a;
	const struct catalog_model *y = *(const struct catalog_model *const *)b;

	return by_text(x->identity, y->identity, x, y);
}

static const struct catalog_model **make_index(const struct catalog *c,
                                               int (*order)(const void *, const void *))
{
	const struct catalog_model **index =
	        mem_new((c->count + 1) * sizeof(const struct catalog_model *));

	for (unsigned i = 0; i < c->count; i++)
		index[i] = &c->models[i];
	qsort(index, c->count, sizeof(const struct catalog_model *), order);
	return index;
}

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

static bool is_built_in(str provider)
{
	struct catalog_model m;
	unsigned at = 0;

	return catalog_next_of_provider(NULL, provider, &at, &m);
}

/* A file outlives the program it was made for: what its successor knows more newly is
 * left to that.  The models of one provider stand together, with one date. */
static void drop_older(struct catalog *c)
{
	str last = STR_NONE;
	unsigned kept = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct catalog_model *m = &c->models[i];

		if (m->updated >= catalog_date || !is_built_in(m->provider)) {
			c->models[kept++] = *m;
			continue;
		}
		if (c->older.providers == 0)
			c->older.first = m->provider;
		if (!str_eq(m->provider, last))
			c->older.providers++;
		if (m->updated > c->older.updated)
			c->older.updated = m->updated;
		last = m->provider;
	}
	c->count = kept;
}

static bool has_provider(const struct catalog *c, unsigned newer, str provider)
{
	unsigned low = 0, high = newer;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(c->models[middle].provider, provider) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < newer && str_eq(c->models[low].provider, provider);
}

/* Of the providers of which the text says nothing newer. */
static void add_built_in(struct catalog *c)
{
	unsigned newer = c->count;
	struct catalog_model m;
	str last = STR_NONE;
	bool is_newer = false;

	for (unsigned i = 0; catalog_model_at(NULL, i, &m); i++) {
		if (!str_eq(m.provider, last))
			is_newer = has_provider(c, newer, m.provider);
		last = m.provider;
		if (!is_newer)
			c->models[c->count++] = m;
	}
	qsort(c->models, c->count, sizeof(c->models[0]), by_provider);
}

static unsigned built_in_count(void)
{
	unsigned low = 0, high = CATALOG_MODELS_MOST;
	struct catalog_model m;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (catalog_model_at(NULL, middle, &m))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
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
		r.c->models = mem_new((r.room + built_in_count() + 1) *
		                      sizeof(struct catalog_model));
		if (read_lines(&r, str_first(text, last)) && r.c->count == r.room) {
			drop_older(r.c);
			add_built_in(r.c);
			r.c->by_id = make_index(r.c, by_id);
			r.c->by_identity = make_index(r.c, by_identity);
			return r.c;
		}
		if (why->len == 0)
			buf_add(why, STR("models are missing"));
	}
	catalog_free(&r.c);
	return NULL;
}

struct catalog_older catalog_older(const struct catalog *c)
{
	return c ? c->older : (struct catalog_older){ 0 };
}

void catalog_free(struct catalog **pc)
{
	struct catalog *c = move(*pc);

	if (!c)
		return;
	free(c->by_id);
	free(c->by_identity);
	free(c->models);
	free(c->text);
	free(c);
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

/* ---- looking up ---- */

/* The first in by_id or by_identity whose text is not before `text`. */
static unsigned find_text(const struct catalog *c, const struct catalog_model **index,
                          str text)
{
	unsigned low = 0, high = c->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct catalog_model *m = index[middle];

		if (str_cmp(index == c->by_id ? m->id : m->identity, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first model that is not before (provider, id). */
static unsigned find_place(const struct catalog *c, str provider, str id)
{
	const struct catalog_model wanted = { .provider = provider, .id = id };
	unsigned low = 0, high = c->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (catalog_model_cmp(&c->models[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool catalog_file_at(const struct catalog *c, unsigned i, struct catalog_model *ret)
{
	if (i >= c->count)
		return false;
	*ret = c->models[i];
	return true;
}

bool catalog_file_find(const struct catalog *c, str provider, str id,
                       struct catalog_model *ret)
{
	unsigned i = find_place(c, provider, id);

	if (i == c->count || !str_eq(c->models[i].provider, provider) ||
	    !str_eq(c->models[i].id, id))
		return false;
	*ret = c->models[i];
	return true;
}

bool catalog_file_next_with_id(const struct catalog *c, str id, unsigned *at,
                               struct catalog_model *ret)
{
	unsigned i = *at ? *at : find_text(c, c->by_id, id);

	if (i >= c->count || !str_eq(c->by_id[i]->id, id))
		return false;
	*at = i + 1;
	*ret = *c->by_id[i];
	return true;
}

bool catalog_file_next_same(const struct catalog *c, str identity, unsigned *at,
                            struct catalog_model *ret)
{
	unsigned i = *at ? *at : find_text(c, c->by_identity, identity);

	if (i >= c->count || !str_eq(c->by_identity[i]->identity, identity))
		return false;
	*at = i + 1;
	*ret = *c->by_identity[i];
	return true;
}

bool catalog_file_next_of_provider(const struct catalog *c, str provider, unsigned *at,
                                   struct catalog_model *ret)
{
	unsigned i = find_place(c, provider, STR_NONE) + *at;

	if (i >= c->count || !str_eq(c->models[i].provider, provider))
		return false;
	*at += 1;
	*ret = c->models[i];
	return true;
}
