#include "policy/verdict.h"

#include "codec/text.h"

/* A number of seconds that is near to now is a time and no span. */
#define EPOCH_BEFORE (86400 * USEC_SEC)
#define EPOCH_BEHIND (400 * 86400 * USEC_SEC)

static bool from_time(usec at, usec wall_now, usec *ret)
{
	if (at <= wall_now)
		return false;
	*ret = at - wall_now;
	return true;
}

static bool is_near(usec at, usec wall_now)
{
	return at > wall_now - EPOCH_BEFORE && at < wall_now + EPOCH_BEHIND;
}

bool verdict_wait_parse(str value, usec wall_now, usec *ret)
{
	uint64_t number;
	usec at;

	value = str_trim(value);
	if (str_to_u64(value, &number) && number < (uint64_t)INT64_MAX / USEC_SEC) {
		at = (usec)number;
		if (is_near(at * USEC_SEC, wall_now))
			return from_time(at * USEC_SEC, wall_now, ret);
		if (is_near(at * USEC_MS, wall_now))
			return from_time(at * USEC_MS, wall_now, ret);
	}
	if (retry_after_parse(value, wall_now, ret) || go_duration_parse(value, ret))
		return true;
	return rfc3339_parse(value, &at) && from_time(at, wall_now, ret);
}

/* ---- without Retry-After ---- */

/* "x-ratelimit-remaining-tokens" for "x-ratelimit-reset-tokens": is nothing left? */
static bool is_used_up(const struct http_response *res, str name)
{
	static const str reset = STR_INIT("reset"), left = STR_INIT("remaining");
	char room[96];
	uint64_t n;

	for (size_t at = 0; at + reset.len <= name.len; at++) {
		size_t len = name.len - reset.len + left.len;
		str rest = str_from(name, at + reset.len);

		if (!str_starts_nocase(str_from(name, at), reset) || len > sizeof(room))
			continue;
		memcpy(room, name.ptr, at);
		memcpy(room + at, left.ptr, left.len);
		if (rest.len)
			memcpy(room + at + left.len, rest.ptr, rest.len);
		str value = http_response_get(res, str_of(room, len));

		return value.len && str_to_u64(value, &n) && n == 0;
	}
	return false;
}

static bool is_reset(str name)
{
	static const str ours[] = { STR_INIT("x-ratelimit-reset"),
		                    STR_INIT("ratelimit-reset") };
	static const str family = STR_INIT("anthropic-ratelimit-");
	static const str end = STR_INIT("-reset");

	for (size_t i = 0; i < countof(ours); i++) {
		if (str_starts_nocase(name, ours[i]))
			return true;
	}
	return str_starts_nocase(name, family) && name.len > end.len &&
	       str_eq_nocase(str_from(name, name.len - end.len), end);
}

/* Until all that is used up is there again; where nothing is said to be used up, the
 * nearest of the times. */
static usec wait_for_resets(const struct http_response *res, usec wall_now)
{
	usec used_up = 0, nearest = USEC_NEVER, wait;

	for (unsigned i = 0; i < res->count; i++) {
		const struct http_field *f = &res->fields[i];

		if (!is_reset(f->name) || !verdict_wait_parse(f->value, wall_now, &wait))
			continue;
		nearest = min_of(nearest, wait);
		if (is_used_up(res, f->name))
			used_up = max_of(used_up, wait);
	}
	if (used_up)
		return used_up;
	return nearest == USEC_NEVER ? 0 : nearest;
}

usec verdict_retry_after(const struct http_response *res, usec wall_now)
{
	bool is_full = res->status == 429 || res->status == 503 || res->status == 529;
	str ms, azure, s;
	usec wait = 0;

	if (res->status < 400)
		return 0;
	ms = http_response_find(res, HTTP_NAME_RETRY_AFTER_MS);
	azure = http_response_find(res, HTTP_NAME_X_MS_RETRY_AFTER_MS);
	s = http_response_find(res, HTTP_NAME_RETRY_AFTER);
	if ((ms.ptr && retry_after_ms_parse(ms, &wait)) ||
	    (azure.ptr && retry_after_ms_parse(azure, &wait)) ||
	    (s.ptr && verdict_wait_parse(s, wall_now, &wait)))
		return min_of(wait, VERDICT_WAIT_MOST);
	return is_full ? min_of(wait_for_resets(res, wall_now), VERDICT_WAIT_MOST) : 0;
}
