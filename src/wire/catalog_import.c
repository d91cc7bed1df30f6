/* catalog_import.c - from api.json to our text, strictly.
 *
 * What we read must be of the right kind and within bounds, or nothing is taken at all;
 * what we do not know is let pass, for the source grows.  tools/catalog makes the same of
 * the same facts at build time; the two agree in what they round and leave out. */
#include "wire/catalog_import.h"

#include "base/arena.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdarg.h>

enum {
	PROVIDERS_MOST = 1024,
	MEMBERS_MOST = 64, /* of an object that is read */
	DIGITS_KEPT = 6,
	DIGITS_MOST = 64,
	TEXT_ROOM = 4 * CATALOG_NAME_MOST, /* before escapes and blanks are taken out */
	TIER_OF_OLD = 200000,              /* context_over_200k */
};

static const struct json_limits limits = { 16, 4 * 1000 * 1000, 1024, DIGITS_MOST };

struct import {
	struct arena keep;
	struct catalog_model *models;
	unsigned count;
	const struct catalog *now;
	uint32_t today;
	str provider, model; /* being read; empty: none */
	struct buf *why;
};

static bool wrong(struct import *im, const char *fmt, ...) printf_like(2, 3);

static bool wrong(struct import *im, const char *fmt, ...)
{
	va_list args;

	if (im->provider.len)
		buf_addf(im->why, "%.*s%s%.*s: ", STR_ARG(im->provider),
		         im->model.len ? "/" : "", STR_ARG(im->model));
	va_start(args, fmt);
	buf_vaddf(im->why, fmt, args);
	va_end(args);
	return false;
}

/* ---- values ---- */

/* A decimal's digits, and how many of them stand before the point. */
struct decimal {
	unsigned char digits[DIGITS_MOST];
	unsigned count;
	int point;
};

/* A JSON number without its sign. */
static void decimal_read(str text, struct decimal *ret)
{
	size_t e = str_find_any(text, STR("eE"));
	str exponent = str_from(text, e + 1), digits = str_first(text, e);
	bool is_behind = false;
	int64_t shift = 0;

	*ret = (struct decimal){ .count = 0 };
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.ptr[i];

		if (c == '.') {
			is_behind = true;
			continue;
		}
		if (c == '0' && ret->count == 0) {
			ret->point -= is_behind;
			continue;
		}
		if (ret->count < DIGITS_MOST)
			ret->digits[ret->count++] = (unsigned char)(c - '0');
		ret->point += !is_behind;
	}
	if (e < text.len) {
		str_skip(&exponent, STR("+"));
		if (!str_to_i64(exponent, &shift) || shift > 1000 || shift < -1000)
			shift = str_starts(exponent, STR("-")) ? -1000 : 1000;
		ret->point += (int)shift;
	}
}

/* The first n digits as a number, the rest rounded half even. */
static uint64_t decimal_first(const struct decimal *d, int n)
{
	uint64_t value = 0;
	bool is_more = false;
	unsigned next;

	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++)
		value = value * 10 + ((unsigned)i < d->count ? d->digits[i] : 0);
	next = (unsigned)n < d->count ? d->digits[n] : 0;
	for (unsigned i = (unsigned)n + 1; i < d->count; i++)
		is_more |= d->digits[i] > 0;
	if (next > 5 || (next == 5 && (is_more || value % 2 == 1)))
		value++;
	return value;
}

bool catalog_price_parse(str number, picousd *ret)
{
	struct decimal d, six = { .count = DIGITS_KEPT + 1 };
	bool is_negative = str_skip(&number, STR("-"));
	uint64_t kept;

	decimal_read(number, &d);
	if (is_negative && d.count > 0) {
		*ret = PRICE_UNKNOWN;
		return true;
	}
	*ret = 0;
	if (d.count == 0)
		return true;
	/* Below 0.d1d2... x 10^point USD, in millionths: six digits more. */
	kept = decimal_first(&d, DIGITS_KEPT);
	six.point = d.point + DIGITS_KEPT + 1;
	for (int i = DIGITS_KEPT; i >= 0; i--, kept /= 10)
		six.digits[i] = (unsigned char)(kept % 10);
	if (six.point > 17)
		return false;
	*ret = (picousd)decimal_first(&six, six.point);
	return *ret <= CATALOG_PRICE_MOST;
}

static struct json_value member(const struct json_member *members, size_t count, str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(members[i].key, name))
			return members[i].value;
	return (struct json_value){ JSON_NONE, STR_NONE };
}

/* An object's members; no object at all has none. */
static bool read_object(struct import *im, struct json_value v, const char *what,
                        struct json_member members[MEMBERS_MOST], size_t *ret)
{
	*ret = 0;
	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return true;
	if (v.type != JSON_OBJECT)
		return wrong(im, "%s is not an object", what);
	if (json_object_members(v, members, MEMBERS_MOST, ret))
		return wrong(im, "%s has a member twice, or too many", what);
	return true;
}

static bool read_tokens(struct import *im, struct json_value v, const char *what,
                        uint32_t *ret)
{
	uint64_t value = 0;

	*ret = 0;
	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return true;
	if (!json_u64(v, &value))
		return wrong(im, "%s is not a number of tokens", what);
	*ret = value < CATALOG_TOKENS_MOST ? (uint32_t)value : 0;
	return true;
}

/* Texts stay in the arena, blanks in a row as one. */
static bool read_text(struct import *im, struct json_value v, str *ret)
{
	bool is_blank = true;
	size_t len = 0;
	char *room;
	str text;

	if (v.type != JSON_STRING || v.raw.len > TEXT_ROOM)
		return false;
	room = arena_alloc(&im->keep, v.raw.len);
	text = json_text(v, room);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_next = c == ' ' || c == '\t' || c == '\n' || c == '\r';

		if (!is_next)
			room[len++] = c;
		else if (!is_blank)
			room[len++] = ' ';
		is_blank = is_next;
	}
	*ret = str_of(room, len - (len > 0 && is_blank));
	return true;
}

/* yyyy-mm or yyyy-mm-dd; other than that, and before 2000, it is unknown. */
static uint32_t read_date(struct json_value v)
{
	str text = v.type == JSON_STRING ? str_first(str_from(v.raw, 1), v.raw.len - 2)
	                                 : STR_NONE;
	uint64_t year = 0, month = 0, day = 0;

	if (!str_to_u64(str_cut(&text, '-'), &year) ||
	    !str_to_u64(str_cut(&text, '-'), &month) ||
	    (text.len && !str_to_u64(text, &day)) || year < 2000 || year > 2099 ||
	    month < 1 || month > 12 || day > 31)
		return 0;
	return (uint32_t)(year * 10000 + month * 100 + day);
}

/* ---- prices ---- */

static bool read_class(struct import *im, const struct json_member *cost, size_t count,
                       const char *const names[3], picousd *ret)
{
	*ret = PRICE_UNKNOWN;
	for (int i = 0; i < 3 && names[i]; i++) {
		struct json_value v = member(cost, count, str_from_z(names[i]));

		if (v.type == JSON_NONE)
			continue;
		if (v.type == JSON_NULL)
			return true;
		if (v.type != JSON_NUMBER)
			return wrong(im, "the price %s is not a number", names[i]);
		if (!catalog_price_parse(v.raw, ret))
			return wrong(im,
			             "the price %s, %.*s USD per million tokens, is "
			             "over any sense",
			             names[i], STR_ARG(str_first(v.raw, 32)));
		return true;
	}
	return true;
}

static bool read_classes(struct import *im, const struct json_member *cost, size_t count,
                         struct catalog_price *p)
{
	/* The source misspells some. */
	static const char *const names[][3] = {
		{ "input" },
		{ "cache_read", "cache_input", "cached_input" },
		{ "cache_write", "cached_write" },
		{ "output" },
		{ "reasoning" },
		{ "input_audio" },
		{ "output_audio" },
	};
	picousd *to[] = { &p->input,     &p->cache_read,  &p->cache_write, &p->output,
		          &p->reasoning, &p->audio_input, &p->audio_output };

	for (size_t i = 0; i < countof(to); i++)
		if (!read_class(im, cost, count, names[i], to[i]))
			return false;
	return true;
}

static bool is_known(const struct catalog_price *p)
{
	return p->input >= 0 || p->cache_read >= 0 || p->cache_write >= 0 ||
	       p->output >= 0 || p->reasoning >= 0 || p->audio_input >= 0 ||
	       p->audio_output >= 0;
}

/* In its place by `above`. */
static bool add_tier(struct import *im, struct catalog_model *m,
                     const struct json_member *cost, size_t count, uint32_t above)
{
	struct catalog_price price = { .above = above };
	unsigned at = m->prices;

	if (m->prices == PRICE_TIERS)
		return wrong(im, "it has more than %d prices by length", PRICE_TIERS);
	if (!read_classes(im, cost, count, &price))
		return false;
	for (; at > 1 && m->price[at - 1].above > above; at--)
		m->price[at] = m->price[at - 1];
	if (above == 0 || m->price[at - 1].above == above)
		return wrong(im, "two of its prices are for the same length");
	m->price[at] = price;
	m->prices++;
	return true;
}

static bool read_tier(struct import *im, struct catalog_model *m, struct json_value v)
{
	struct json_member price[MEMBERS_MOST], tier[MEMBERS_MOST];
	size_t prices, tiers;
	struct json_value type;
	uint32_t above;

	if (!read_object(im, v, "an entry of cost.tiers", price, &prices) ||
	    !read_object(im, member(price, prices, STR("tier")), "a price's tier", tier,
	                 &tiers) ||
	    !read_tokens(im, member(tier, tiers, STR("size")), "tier.size", &above))
		return false;
	type = member(tier, tiers, STR("type"));
	if (type.type != JSON_NONE && !json_text_is(type, STR("context")))
		return wrong(im, "it has a price which is not by the prompt's length");
	return add_tier(im, m, price, prices, above);
}

static bool read_cost(struct import *im, struct catalog_model *m, struct json_value v)
{
	struct json_member cost[MEMBERS_MOST], old[MEMBERS_MOST];
	struct json_value tiers, over;
	size_t count, olds;

	if (!read_object(im, v, "cost", cost, &count) ||
	    !read_classes(im, cost, count, &m->price[0]))
		return false;
	if (!is_known(&m->price[0]))
		return true;
	m->prices = 1;
	tiers = member(cost, count, STR("tiers"));
	over = member(cost, count, STR("context_over_200k"));
	if (tiers.type == JSON_ARRAY) {
		struct json_member each;

		for (struct json_iter it = json_iter(tiers); json_next(&it, &each);)
			if (!read_tier(im, m, each.value))
				return false;
		return true;
	}
	if (!read_object(im, over, "cost.context_over_200k", old, &olds))
		return false;
	return olds == 0 || add_tier(im, m, old, olds, TIER_OF_OLD);
}

/* ---- a model ---- */

static const struct flag {
	str name;
	unsigned bit;
} flags[] = {
	{ STR_INIT("reasoning"), CATALOG_REASONING },
	{ STR_INIT("tool_call"), CATALOG_TOOLS },
	{ STR_INIT("structured_output"), CATALOG_SCHEMA },
	{ STR_INIT("open_weights"), CATALOG_OPEN_WEIGHTS },
	{ STR_INIT("temperature"), CATALOG_TEMPERATURE },
	{ STR_INIT("attachment"), CATALOG_ATTACHMENT },
};
static const struct flag inputs[] = {
	{ STR_INIT("image"), CATALOG_IMAGE_IN },
	{ STR_INIT("audio"), CATALOG_AUDIO_IN },
	{ STR_INIT("pdf"), CATALOG_PDF_IN },
	{ STR_INIT("video"), CATALOG_VIDEO_IN },
	{ STR_NONE, 0 },
};
static const struct flag outputs[] = {
	{ STR_INIT("image"), CATALOG_IMAGE_OUT },
	{ STR_INIT("audio"), CATALOG_AUDIO_OUT },
	{ STR_NONE, 0 },
};

static bool read_flags(struct import *im, const struct json_member *members, size_t count,
                       struct catalog_model *m)
{
	for (size_t i = 0; i < countof(flags); i++) {
		struct json_value v = member(members, count, flags[i].name);

		if (v.type == JSON_TRUE)
			m->bits |= flags[i].bit;
		else if (v.type != JSON_NONE && v.type != JSON_FALSE &&
		         v.type != JSON_NULL)
			return wrong(im, "%.*s is neither true nor false",
			             STR_ARG(flags[i].name));
	}
	return true;
}

static unsigned bits_of(struct json_value list, const struct flag *rows)
{
	struct json_member each;
	unsigned bits = 0;

	for (struct json_iter it = json_iter(list); json_next(&it, &each);)
		for (const struct flag *row = rows; row->bit; row++)
			if (json_text_is(each.value, row->name))
				bits |= row->bit;
	return bits;
}

/* Is it documented in another format or at another address than the provider's others? */
static bool is_elsewhere(struct json_value endpoint)
{
	struct json_value npm = json_get(endpoint, STR("npm"));

	return (npm.type != JSON_NONE &&
	        !json_text_is(npm, STR("@ai-sdk/openai-compatible"))) ||
	       json_get(endpoint, STR("api")).type != JSON_NONE ||
	       json_text_is(json_get(endpoint, STR("shape")), STR("responses"));
}

/* A model that is known keeps its identity; a new one has that of its namesakes, or its
 * own name in lower case, without the path before it and how it is sold. */
static str identity_of(struct import *im, str id)
{
	static const str sold[] = { STR_INIT(":free"), STR_INIT("-free"),
		                    STR_INIT("-maas"), STR_INIT("-latest") };
	struct catalog_model same;
	unsigned at = 0;
	size_t slash;
	char *room;

	if (catalog_find_model(NULL, im->provider, id, &same) ||
	    catalog_next_with_id(NULL, id, &at, &same))
		return same.identity;
	slash = str_find_last(id, '/');
	if (slash + 1 < id.len)
		id = str_from(id, slash + 1);
	room = arena_alloc(&im->keep, id.len);
	for (size_t i = 0; i < id.len; i++)
		room[i] = char_lower(id.ptr[i]);
	id.ptr = room;
	for (size_t i = 0; i < countof(sold); i++)
		if (id.len > sold[i].len && str_ends(id, sold[i]))
			id.len -= sold[i].len;
	return id;
}

static bool read_names(struct import *im, struct json_value key,
                       const struct json_member *members, size_t count,
                       struct catalog_model *m)
{
	struct json_value id = member(members, count, STR("id"));
	struct json_value name = member(members, count, STR("name"));

	if (!read_text(im, key, &m->id) || !catalog_id_is_safe(m->id))
		return wrong(im, "a model's id has a blank or a control character, or is "
		                 "too long");
	im->model = m->id;
	if (id.type != JSON_NONE && !json_text_is(id, m->id))
		return wrong(im, "its id is not what it stands under");
	m->name = m->id;
	if (name.type != JSON_NONE &&
	    (!read_text(im, name, &m->name) || !catalog_name_is_safe(m->name)))
		return wrong(im,
		             "its name is empty, too long, or has control characters");
	m->identity = identity_of(im, m->id);
	return true;
}

static bool read_model(struct import *im, struct json_value key, struct json_value value)
{
	struct json_member members[MEMBERS_MOST], limit[MEMBERS_MOST],
	        modes[MEMBERS_MOST];
	struct catalog_model *m = &im->models[im->count];
	size_t count, most, lists;

	if (im->count == CATALOG_MODELS_MOST)
		return wrong(im, "there are more than %d models", CATALOG_MODELS_MOST);
	*m = (struct catalog_model){ .provider = im->provider, .updated = im->today };
	if (value.type != JSON_OBJECT)
		return wrong(im, "a model is not an object");
	if (!read_object(im, value, "a model", members, &count) ||
	    !read_names(im, key, members, count, m) ||
	    !read_flags(im, members, count, m) ||
	    !read_object(im, member(members, count, STR("limit")), "limit", limit,
	                 &most) ||
	    !read_object(im, member(members, count, STR("modalities")), "modalities",
	                 modes, &lists) ||
	    !read_tokens(im, member(limit, most, STR("context")), "limit.context",
	                 &m->context) ||
	    !read_tokens(im, member(limit, most, STR("input")), "limit.input",
	                 &m->input) ||
	    !read_tokens(im, member(limit, most, STR("output")), "limit.output",
	                 &m->output) ||
	    !read_cost(im, m, member(members, count, STR("cost"))))
		return false;
	m->bits |= bits_of(member(modes, lists, STR("input")), inputs);
	m->bits |= bits_of(member(modes, lists, STR("output")), outputs);
	if (json_text_is(member(members, count, STR("status")), STR("deprecated")))
		m->bits |= CATALOG_DEPRECATED;
	if (is_elsewhere(member(members, count, STR("provider"))))
		m->bits |= CATALOG_ELSEWHERE;
	m->released = read_date(member(members, count, STR("release_date")));
	im->model = STR_NONE;
	im->count++;
	return true;
}

/* ---- all of them ---- */

/* A member's name as the string it stands as. */
static struct json_value key_of(const struct json_member *m)
{
	return (struct json_value){ JSON_STRING, str_of(m->key.ptr - 1, m->key.len + 2) };
}

static bool read_provider(struct import *im, const struct json_member *p)
{
	struct json_value models = json_get(p->value, STR("models"));
	struct json_value id = json_get(p->value, STR("id"));
	struct json_member each;

	im->provider = im->model = STR_NONE;
	if (!catalog_provider_is_safe(p->key))
		return wrong(im, "\"%.*s\" cannot be the id of a provider",
		             STR_ARG(str_first(p->key, CATALOG_PROVIDER_MOST)));
	im->provider = p->key;
	if (str_eq(p->key, STR("mock")))
		return wrong(im, "it is built in, and nobody else's");
	if (p->value.type != JSON_OBJECT || models.type != JSON_OBJECT)
		return wrong(im, "it has no object with its models");
	if (id.type != JSON_NONE && !json_text_is(id, p->key))
		return wrong(im, "its id is not what it stands under");
	for (struct json_iter it = json_iter(models); json_next(&it, &each);)
		if (!read_model(im, key_of(&each), each.value))
			return false;
	return true;
}

static int by_provider(const void *a, const void *b)
{
	return catalog_model_cmp(a, b);
}

static bool sort(struct import *im)
{
	qsort(im->models, im->count, sizeof(im->models[0]), by_provider);
	im->provider = im->model = STR_NONE;
	for (unsigned i = 1; i < im->count; i++) {
		const struct catalog_model *m = &im->models[i];

		if (catalog_model_cmp(m - 1, m) == 0)
			return wrong(im, "%.*s/%.*s stands there twice",
			             STR_ARG(m->provider), STR_ARG(m->id));
	}
	return true;
}

/* What an earlier file told of providers that this one does not name. */
static bool add_earlier(struct import *im, const struct json_member *providers,
                        size_t count)
{
	struct catalog_model m;

	for (unsigned i = 0; im->now && catalog_model_at(im->now, i, &m); i++) {
		if (!m.updated || member(providers, count, m.provider).type != JSON_NONE)
			continue;
		if (im->count == CATALOG_MODELS_MOST)
			return wrong(im, "there are more than %d models",
			             CATALOG_MODELS_MOST);
		im->models[im->count++] = m;
	}
	return true;
}

static bool read_all(struct import *im, str json, struct buf *to)
{
	struct json_member *providers =
	        arena_array(&im->keep, struct json_member, PROVIDERS_MOST);
	size_t count = 0;
	fault_t why = json_members(json, &limits, providers, PROVIDERS_MOST, &count);

	if (why)
		return wrong(im, "it is not JSON as expected: %.*s", STR_ARG(why->text));
	for (size_t i = 0; i < count; i++)
		if (!read_provider(im, &providers[i]))
			return false;
	im->provider = im->model = STR_NONE;
	if (im->count == 0)
		return wrong(im, "there is not one model in it");
	if (!add_earlier(im, providers, count) || !sort(im))
		return false;
	catalog_write(im->models, im->count, to);
	return !to->over || wrong(im, "there is too much in it");
}

bool catalog_import(str json, uint32_t today, const struct catalog *now, struct buf *to,
                    struct buf *why)
{
	struct import im = { .keep = { .ceiling = 2 * (size_t)IMPORT_TEXT_MOST },
		             .now = now,
		             .today = today,
		             .why = why };
	bool is_good;

	if (json.len > IMPORT_TEXT_MOST)
		return wrong(&im, "it has more than %d bytes", IMPORT_TEXT_MOST);
	im.models = mem_new(CATALOG_MODELS_MOST * sizeof(struct catalog_model));
	is_good = read_all(&im, json, to);
	free(im.models);
	arena_done(&im.keep);
	return is_good;
}
