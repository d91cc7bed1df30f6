/* tenancy_say.c - limits and budgets in words: header lines, and what a refused client is
 * told (tenancy.h). */
#include "gateway/tenancy.h"

#include "base/digits.h"
#include "codec/text.h"

void tenancy_add_line(struct exchange *x, str name, str value)
{
	x->lines = arena_printf(&x->arena, "%.*s%.*s: %.*s\r\n", STR_ARG(x->lines),
	                        STR_ARG(name), STR_ARG(value));
}

/* ---- rates ---- */

/* They go out with each answer to a key with rates: one piece of code for all the lines,
 * and no look at what room is left. */
enum { LINE_MOST = 96 };

static char *put(char *at, str s)
{
	memcpy(at, s.ptr, s.len);
	return at + s.len;
}

/* "980ms", "12s", "1m30s", as OpenAI says it. */
static char *put_span(char *at, usec span)
{
	uint64_t ms = (uint64_t)(span + USEC_MS - 1) / USEC_MS;
	uint64_t s = (ms + 999) / 1000;

	if (ms < 1000)
		return put(digits_put(at, ms), STR("ms"));
	if (s >= 60)
		at = put(digits_put(at, s / 60), STR("m"));
	return put(digits_put(at, s % 60), STR("s"));
}

static void add_span(struct buf *to, usec span)
{
	char text[LINE_MOST];
	char *end = put_span(text, span);

	buf_add(to, str_of(text, (size_t)(end - text)));
}

#define LINES_OF(what)                                                                   \
	{                                                                                \
		STR_INIT("x-ratelimit-limit-" what ": "),                                \
		        STR_INIT("x-ratelimit-remaining-" what ": "),                    \
		        STR_INIT("x-ratelimit-reset-" what ": ")                         \
	}
static const str openai_lines[2][3] = { LINES_OF("requests"), LINES_OF("tokens") };

static char *put_openai(char *at, const str *names, const struct tenant_room *room)
{
	const uint64_t counts[] = { room->limit, room->remaining };

	if (!room->limit)
		return at;
	for (int i = 0; i < 2; i++)
		at = put(digits_put(put(at, names[i]), counts[i]), STR("\r\n"));
	return put(put_span(put(at, names[2]), room->reset), STR("\r\n"));
}

/* ... and Anthropic's, only where it is spoken. */
static void add_count(struct buf *to, str before, str what, str after, uint64_t count)
{
	buf_put(to, before);
	buf_put(to, what);
	buf_put(to, after);
	buf_add_u64(to, count);
	buf_put(to, STR("\r\n"));
}

static void add_anthropic(struct buf *to, str what, usec wall,
                          const struct tenant_room *room)
{
	str prefix = STR("anthropic-ratelimit-");

	if (!room->limit)
		return;
	add_count(to, prefix, what, STR("-limit: "), room->limit);
	add_count(to, prefix, what, STR("-remaining: "), room->remaining);
	buf_put(to, prefix);
	buf_put(to, what);
	buf_put(to, STR("-reset: "));
	rfc3339_write(to, wall + room->reset);
	buf_put(to, STR("\r\n"));
}

void tenancy_say_rates(struct exchange *x, const struct tenant_rates *rates)
{
	struct buf *to = &x->worker->head;
	usec wall = x->worker->loop.wall;
	char lines[sizeof(openai_lines) / sizeof(str) * LINE_MOST];
	char *end = put_openai(lines, openai_lines[0], &rates->requests);

	end = put_openai(end, openai_lines[1], &rates->tokens);
	buf_clear(to);
	buf_add(to, x->lines);
	buf_add(to, str_of(lines, (size_t)(end - lines)));
	if (x->endpoint->wire->format == WIRE_ANTHROPIC) {
		add_anthropic(to, STR("requests"), wall, &rates->requests);
		add_anthropic(to, STR("tokens"), wall, &rates->tokens);
	}
	x->lines = arena_copy(&x->arena, buf_str(to));
}

/* ---- refusals ---- */

/* "$50.00"; more digits where there are more. */
static void add_money(struct buf *to, nanousd amount)
{
	uint64_t n = (uint64_t)max_of(amount, (nanousd)0);
	size_t from = to->len, least;

	buf_add_char(to, '$');
	buf_add_nano(to, n);
	least = from + str_find(str_from(buf_str(to), from), '.') + 3;
	while (to->len > least && to->ptr[to->len - 1] == '0')
		to->len--;
}

static void add_who(struct buf *to, const struct exchange *x,
                    const struct tenant_refusal *why)
{
	static const char *const kinds[] = { "organisation", "team", "key", "user" };

	if (why->per_user && x->user.len)
		buf_addf(to, "user \"%.*s\" of ", STR_ARG(x->user));
	else if (why->per_user)
		buf_add(to, STR("whoever names no user, of "));
	buf_addf(to, "%s \"%.*s\"", kinds[why->row->kind],
	         STR_ARG(str_first(why->row->name, 64)));
}

static void say_budget(struct exchange *x, struct buf *to,
                       const struct tenant_refusal *why, nanousd amount)
{
	static const char *const windows[] = { " this hour", " today", " this week",
		                               " this month", "" };

	buf_add(to, STR(" has used "));
	add_money(to, why->used);
	buf_add(to, STR(" of "));
	add_money(to, why->limit);
	buf_add(to, str_from_z(windows[why->cap - TENANT_BUDGET]));
	if (why->passes) {
		buf_add(to, STR(", "));
		add_money(to, why->reserved);
		buf_add(to, STR(" of it set aside for requests under way"));
	} else if (why->resets_wall == USEC_NEVER) {
		buf_add(to, STR("; it does not reset"));
	} else {
		buf_add(to, STR("; resets "));
		rfc3339_write(to, why->resets_wall);
	}
	if (why->used < why->limit) {
		buf_add(to, STR("; this request may cost "));
		add_money(to, amount);
	}
}

static void say_rate(struct buf *to, const struct tenant_refusal *why)
{
	static const char *const whats[] = {
		[TENANT_RPM] = "requests in a minute",
		[TENANT_TPM] = "tokens in a minute",
		[TENANT_CONCURRENT] = "requests at a time",
	};

	buf_addf(to, " has used %lld of %lld %s", (long long)why->used,
	         (long long)why->limit, whats[why->cap]);
	if (why->wait) {
		buf_add(to, STR("; try again in "));
		add_span(to, max_of(why->wait, USEC_SEC));
	}
}

void tenancy_say_wait(struct exchange *x, usec wait)
{
	struct buf seconds = BUF_LIMIT(32);

	if (!wait || x->head_sent)
		return;
	buf_add_i64(&seconds, (wait + USEC_SEC - 1) / USEC_SEC);
	tenancy_add_line(x, STR("retry-after"), buf_str(&seconds));
	buf_free(&seconds);
}

str tenancy_say_refusal(struct exchange *x, const struct tenant_refusal *why,
                        nanousd amount)
{
	struct buf text = BUF_LIMIT(512);
	str kept;

	add_who(&text, x, why);
	if (why->cap >= TENANT_RPM)
		say_rate(&text, why);
	else
		say_budget(x, &text, why, amount);
	kept = arena_copy(&x->arena, buf_str(&text));
	buf_free(&text);
	return kept;
}
