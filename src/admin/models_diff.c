#include "admin/models_diff.h"

#include "admin/text.h"

struct diff {
	struct models_diff count;
	struct buf *to;
	struct json_writer *w; /* NULL: lines */
	bool is_begun;         /* the changed model's line or object */
};

/* ---- one model ---- */

static void begin(struct diff *d, const char *what, const struct catalog_model *m)
{
	struct buf name = BUF_LIMIT(1 * KiB);

	buf_addf(&name, "%.*s/%.*s", STR_ARG(m->provider), STR_ARG(m->id));
	if (d->w) {
		json_open(d->w, '{');
		json_key_str(d->w, STR("what"), str_from_z(what));
		json_key_str(d->w, STR("model"), buf_str(&name));
	} else {
		buf_addf(d->to, "%-8s %.*s", what, STR_ARG(buf_str(&name)));
	}
	buf_free(&name);
}

static void finish(struct diff *d)
{
	if (d->w)
		json_close(d->w, '}');
	else
		buf_add_char(d->to, '\n');
}

static void begin_changes(struct diff *d, const struct catalog_model *m)
{
	if (d->is_begun)
		return;
	d->is_begun = true;
	begin(d, "changed", m);
	if (!d->w)
		return;
	json_key(d->w, STR("fields"));
	json_open(d->w, '[');
}

static void finish_changes(struct diff *d)
{
	if (!d->is_begun)
		return;
	if (d->w)
		json_close(d->w, ']');
	finish(d);
	d->is_begun = false;
	d->count.changed++;
}

static void put_value(struct json_writer *w, str key, int64_t value)
{
	json_key(w, key);
	if (value < 0)
		json_null(w);
	else
		json_int(w, value);
}

/* A price (is_price) or a plain number. */
static void compare(struct diff *d, const struct catalog_model *m, str name,
                    bool is_price, int64_t old, int64_t now)
{
	if (old == now)
		return;
	begin_changes(d, m);
	if (d->w) {
		json_open(d->w, '{');
		json_key_str(d->w, STR("name"), name);
		put_value(d->w, STR("old"), old);
		put_value(d->w, STR("new"), now);
		json_close(d->w, '}');
	} else if (is_price) {
		buf_addf(d->to, "  %.*s ", STR_ARG(name));
		text_price(d->to, old);
		buf_add(d->to, STR(" -> "));
		text_price(d->to, now);
	} else {
		buf_addf(d->to, "  %.*s %lld -> %lld", STR_ARG(name), (long long)old,
		         (long long)now);
	}
}

static const struct catalog_price unknown = {
	PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN,
	PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN, 0,
};

static void compare_tier(struct diff *d, const struct catalog_model *m,
                         const struct catalog_price *old, const struct catalog_price *now,
                         unsigned tier)
{
	const struct {
		const char *name;
		picousd old, now;
	} classes[] = {
		{ "input", old->input, now->input },
		{ "cache_read", old->cache_read, now->cache_read },
		{ "cache_write", old->cache_write, now->cache_write },
		{ "output", old->output, now->output },
		{ "reasoning", old->reasoning, now->reasoning },
		{ "audio_input", old->audio_input, now->audio_input },
		{ "audio_output", old->audio_output, now->audio_output },
		{ "above", old->above, now->above },
	};

	for (size_t i = 0; i < countof(classes); i++) {
		struct buf name = BUF_LIMIT(64);

		buf_add(&name, str_from_z(classes[i].name));
		if (tier > 0)
			buf_addf(&name, "[%u]", tier);
		compare(d, m, buf_str(&name), i + 1 < countof(classes), classes[i].old,
		        classes[i].now);
		buf_free(&name);
	}
}

static void compare_models(struct diff *d, const struct catalog_model *old,
                           const struct catalog_model *now)
{
	for (unsigned i = 0; i < PRICE_TIERS; i++)
		compare_tier(d, now, i < old->prices ? &old->price[i] : &unknown,
		             i < now->prices ? &now->price[i] : &unknown, i);
	compare(d, now, STR("context"), false, old->context, now->context);
	compare(d, now, STR("input_most"), false, old->input, now->input);
	compare(d, now, STR("output_most"), false, old->output, now->output);
	compare(d, now, STR("features"), false, old->bits, now->bits);
	finish_changes(d);
}

static void add_new(struct diff *d, const struct catalog_model *m)
{
	d->count.added++;
	begin(d, "new", m);
	if (!d->w) {
		buf_add(d->to, STR("  input "));
		text_price(d->to, m->prices ? m->price[0].input : PRICE_UNKNOWN);
		buf_add(d->to, STR(" output "));
		text_price(d->to, m->prices ? m->price[0].output : PRICE_UNKNOWN);
	}
	finish(d);
}

static void add_gone(struct diff *d, const struct catalog_model *m)
{
	d->count.gone++;
	begin(d, "gone", m);
	finish(d);
}

/* ---- both ---- */

static int order(bool has_a, const struct catalog_model *a, bool has_b,
                 const struct catalog_model *b)
{
	int by_provider;

	if (!has_a || !has_b)
		return has_a ? -1 : 1;
	by_provider = str_cmp(a->provider, b->provider);
	return by_provider ? by_provider : str_cmp(a->id, b->id);
}

struct models_diff models_diff(const struct catalog *old, const struct catalog *now,
                               struct buf *to, struct json_writer *w)
{
	struct diff d = { .to = to, .w = w };
	struct catalog_model a, b;
	unsigned i = 0, j = 0;

	for (;;) {
		bool has_a = catalog_model_at(old, i, &a);
		bool has_b = catalog_model_at(now, j, &b);
		int which = order(has_a, &a, has_b, &b);

		if (!has_a && !has_b)
			return d.count;
		if (which < 0)
			add_gone(&d, &a);
		else if (which > 0)
			add_new(&d, &b);
		else
			compare_models(&d, &a, &b);
		i += which <= 0;
		j += which >= 0;
	}
}
