/* catalog_import.c - from api.json to our text, strictly.
 *
 * What we read must be of the right kind and within bounds, or nothing is taken at all;
 * what we do not know is let pass, for the source grows.  tools/catalog makes the same of
 * the same facts at build time; the two agree in what they round and leave out. */
#include "wire/catalog_import.h"

#include "base/mem.h"
#include "wire/catalog_import_private.h"

#include <stdarg.h>

enum {
	PROVIDERS_MOST = 1024,
	TEXT_ROOM = 4 * CATALOG_NAME_MOST, /* before escapes and blanks are taken out */
};

static const struct json_limits limits = { 16, 4 * 1000 * 1000, 1024,
	                                   IMPORT_DIGITS_MOST };

bool import_wrong(struct import *im, const char *fmt, ...)
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

struct json_value import_member(const struct json_member *members, size_t count, str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(members[i].key, name))
			return members[i].value;
	return (struct json_value){ JSON_NONE, STR_NONE };
}

bool import_object(struct import *im, struct json_value v, const char *what,
                   struct json_member members[IMPORT_MEMBERS_MOST], size_t *ret)
{
	*ret = 0;
	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return true;
	if (v.type != JSON_OBJECT)
		return import_wrong(im, "%s is not an object", what);
	if (json_object_members(v, members, IMPORT_MEMBERS_MOST, ret))
		return import_wrong(im, "%s has a member twice, or too many", what);
	return true;
}

bool import_tokens(struct import *im, struct json_value v, const char *what,
                   uint32_t *ret)
{
	uint64_t value = 0;

	*ret = 0;
	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return true;
	if (!json_u64(v, &value))
		return import_wrong(im, "%s is not a number of tokens", what);
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
		struct json_value v = import_member(members, count, flags[i].name);

		if (v.type == JSON_TRUE)
			m->bits |= flags[i].bit;
		else if (v.type != JSON_NONE && v.type != JSON_FALSE &&
		         v.type != JSON_NULL)
			return import_wrong(im, "%.*s is neither true nor false",
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
	struct json_value id = import_member(members, count, STR("id"));
	struct json_value name = import_member(members, count, STR("name"));

	if (!read_text(im, key, &m->id) || !catalog_id_is_safe(m->id))
		return import_wrong(
		        im, "a model's id has a blank or a control character, or is "
		            "too long");
	im->model = m->id;
	if (id.type != JSON_NONE && !json_text_is(id, m->id))
		return import_wrong(im, "its id is not what it stands under");
	m->name = m->id;
	if (name.type != JSON_NONE &&
	    (!read_text(im, name, &m->name) || !catalog_name_is_safe(m->name)))
		return import_wrong(
		        im, "its name is empty, too long, or has control characters");
	m->identity = identity_of(im, m->id);
	return true;
}

static bool read_model(struct import *im, struct json_value key, struct json_value value)
{
	struct json_member members[IMPORT_MEMBERS_MOST], limit[IMPORT_MEMBERS_MOST],
	        modes[IMPORT_MEMBERS_MOST];
	struct catalog_model *m = &im->models[im->count];
	size_t count, most, lists;

	if (im->count == CATALOG_MODELS_MOST)
		return import_wrong(im, "there are more than %d models",
		                    CATALOG_MODELS_MOST);
	*m = (struct catalog_model){ .provider = im->provider, .updated = im->today };
	if (value.type != JSON_OBJECT)
		return import_wrong(im, "a model is not an object");
	if (!import_object(im, value, "a model", members, &count) ||
	    !read_names(im, key, members, count, m) ||
	    !read_flags(im, members, count, m) ||
	    !import_object(im, import_member(members, count, STR("limit")), "limit",
	                   limit, &most) ||
	    !import_object(im, import_member(members, count, STR("modalities")),
	                   "modalities", modes, &lists) ||
	    !import_tokens(im, import_member(limit, most, STR("context")),
	                   "limit.context", &m->context) ||
	    !import_tokens(im, import_member(limit, most, STR("input")), "limit.input",
	                   &m->input) ||
	    !import_tokens(im, import_member(limit, most, STR("output")), "limit.output",
	                   &m->output) ||
	    !import_cost(im, m, import_member(members, count, STR("cost"))))
		return false;
	m->bits |= bits_of(import_member(modes, lists, STR("input")), inputs);
	m->bits |= bits_of(import_member(modes, lists, STR("output")), outputs);
	if (json_text_is(import_member(members, count, STR("status")), STR("deprecated")))
		m->bits |= CATALOG_DEPRECATED;
	if (is_elsewhere(import_member(members, count, STR("provider"))))
		m->bits |= CATALOG_ELSEWHERE;
	m->released = read_date(import_member(members, count, STR("release_date")));
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
		return import_wrong(im, "\"%.*s\" cannot be the id of a provider",
		                    STR_ARG(str_first(p->key, CATALOG_PROVIDER_MOST)));
	im->provider = p->key;
	if (str_eq(p->key, STR("mock")))
		return import_wrong(im, "it is built in, and nobody else's");
	if (p->value.type != JSON_OBJECT || models.type != JSON_OBJECT)
		return import_wrong(im, "it has no object with its models");
	if (id.type != JSON_NONE && !json_text_is(id, p->key))
		return import_wrong(im, "its id is not what it stands under");
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
			return import_wrong(im, "%.*s/%.*s stands there twice",
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
		if (!m.updated ||
		    import_member(providers, count, m.provider).type != JSON_NONE)
			continue;
		if (im->count == CATALOG_MODELS_MOST)
			return import_wrong(im, "there are more than %d models",
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
		return import_wrong(im, "it is not JSON as expected: %.*s",
		                    STR_ARG(why->text));
	for (size_t i = 0; i < count; i++)
		if (!read_provider(im, &providers[i]))
			return false;
	im->provider = im->model = STR_NONE;
	if (im->count == 0)
		return import_wrong(im, "there is not one model in it");
	if (!add_earlier(im, providers, count) || !sort(im))
		return false;
	catalog_write(im->models, im->count, to);
	return !to->over || import_wrong(im, "there is too much in it");
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
		return import_wrong(&im, "it has more than %d bytes", IMPORT_TEXT_MOST);
	im.models = mem_new(CATALOG_MODELS_MOST * sizeof(struct catalog_model));
	is_good = read_all(&im, json, to);
	free(im.models);
	arena_done(&im.keep);
	return is_good;
}
