#include "policy/headroom.h"

#include "codec/text.h"

enum { WINDOWS_MOST = 8 };
#define RESET_MOST (60 * USEC_SEC)

/* One window of one thing: "tokens", "input-tokens", "requests-day". */
struct seen {
	str what;
	str limit, left, reset;
};

struct seen_all {
	struct seen list[WINDOWS_MOST];
	unsigned count;
};

static struct seen *window_of(struct seen_all *all, str what)
{
	for (unsigned i = 0; i < all->count; i++)
		if (str_eq_nocase(all->list[i].what, what))
			return &all->list[i];
	if (all->count == WINDOWS_MOST)
		return NULL;
	all->list[all->count] = (struct seen){ .what = what };
	return &all->list[all->count++];
}

static void note(struct seen_all *all, str what, str member, str value)
{
	struct seen *w = window_of(all, what);

	if (!w)
		return;
	if (str_eq_nocase(member, STR("remaining")))
		w->left = value;
	else if (str_eq_nocase(member, STR("limit")))
		w->limit = value;
	else if (str_eq_nocase(member, STR("reset")))
		w->reset = value;
}

/* x-ratelimit-remaining-requests-day, x-ratelimit-limit */
static void note_openai(struct seen_all *all, str name, str value)
{
	str what = str_from(name, sizeof("x-ratelimit-") - 1),
	    member = str_cut(&what, '-');

	note(all, what, member, value);
}

/* anthropic-ratelimit-input-tokens-remaining */
static void note_anthropic(struct seen_all *all, str name, str value)
{
	str rest = str_from(name, sizeof("anthropic-ratelimit-") - 1);
	size_t at = str_find_last(rest, '-');

	note(all, str_first(rest, at), str_from(rest, at + 1), value);
}

/* Seconds with or without a fraction, "6m0s", a time, or a moment since 1970 in seconds
 * or milliseconds; the past and junk are 0. */
static usec reset_of(str value, usec wall_now)
{
	uint64_t number;
	usec wait = 0, wall;

	if (str_to_u64(value, &number) && number > 1000000000) {
		wall = number > 100000000000
		               ? (usec)min_of(number, (uint64_t)1 << 50) * 1000
		               : (usec)number * USEC_SEC;
		wait = wall - wall_now;
	} else if (rfc3339_parse(value, &wall)) {
		wait = wall - wall_now;
	} else if (!go_duration_parse(value, &wait) &&
	           !retry_after_parse(value, wall_now, &wait)) {
		wait = 0;
	}
	return min_of(max_of(wait, (usec)0), RESET_MOST);
}

static enum headroom_kind kind_of(str what)
{
	for (; what.len; what = str_from(what, 1))
		if ((what.ptr[0] | 0x20) == 't' && str_starts_nocase(what, STR("token")))
			return HEADROOM_TOKENS;
	return HEADROOM_REQUESTS;
}

/* Does a leave less of itself than b? */
static bool is_tighter(const struct headroom *a, const struct headroom *b)
{
	if (!b->is_known)
		return true;
	if (!a->limit || !b->limit)
		return a->left < b->left;
	return (unsigned __int128)a->left * (uint64_t)b->limit <
	       (unsigned __int128)b->left * (uint64_t)a->limit;
}

static void take(struct headroom *ret, const struct seen *w, usec wall_now)
{
	struct headroom h = { .is_known = true };
	uint64_t left, limit;

	if (!str_to_u64(w->left, &left))
		return;
	h.left = (int64_t)min_of(left, (uint64_t)INT64_MAX);
	if (str_to_u64(w->limit, &limit))
		h.limit = (int64_t)min_of(limit, (uint64_t)INT64_MAX);
	if (!is_tighter(&h, ret))
		return;
	/* With plenty left nobody will ask when it is full again. */
	if (!h.limit || h.left < h.limit / 2)
		h.reset = reset_of(w->reset, wall_now);
	*ret = h;
}

bool headroom_read(const struct http_response *res, usec wall_now,
                   struct headroom ret[HEADROOM_KINDS])
{
	const uint64_t telling = http_name_bit(HTTP_NAME_X_RATELIMIT_) |
	                         http_name_bit(HTTP_NAME_ANTHROPIC_);
	struct seen_all all;

	if (!http_may_have(res->names, telling))
		return false;
	all.count = 0; /* and no more: this is asked of every answer */
	for (unsigned i = 0; i < res->count; i++) {
		const struct http_field *f = &res->fields[i];
		enum http_name name = http_field_name(f);

		if (name == HTTP_NAME_X_RATELIMIT_)
			note_openai(&all, f->name, f->value);
		else if (name == HTTP_NAME_ANTHROPIC_ &&
		         str_starts_nocase(f->name, STR("anthropic-ratelimit-")))
			note_anthropic(&all, f->name, f->value);
	}
	if (all.count == 0)
		return false;
	ret[HEADROOM_REQUESTS] = ret[HEADROOM_TOKENS] = (struct headroom){ 0 };
	for (unsigned i = 0; i < all.count; i++)
		take(&ret[kind_of(all.list[i].what)], &all.list[i], wall_now);
	return ret[HEADROOM_REQUESTS].is_known || ret[HEADROOM_TOKENS].is_known;
}
