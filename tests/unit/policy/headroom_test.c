#include "policy/headroom.h"

#include "base/compiler.h"
#include "tests/check.h"

#include <stdio.h>

#define WALL ((usec)1764115200 * USEC_SEC) /* 2025-11-26T00:00:00Z */

static bool read_lines(const char *lines, struct headroom ret[HEADROOM_KINDS])
{
	struct http_response res;
	char head[2048];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n", lines);

	CHECK_OK(http_response_parse(str_of(head, (size_t)n), &res));
	return headroom_read(&res, WALL, ret);
}

TEST(headroom_as_providers_tell_it)
{
	static const struct {
		const char *lines;
		int64_t requests, request_limit;
		usec request_reset;
		int64_t tokens, token_limit;
		usec token_reset;
	} rows[] = {
		/* OpenAI, Groq */
		{ "x-ratelimit-limit-requests: 500\r\nx-ratelimit-limit-tokens: 30000\r\n"
		  "x-ratelimit-remaining-requests: 9\r\n"
		  "x-ratelimit-remaining-tokens: 1000\r\n"
		  "x-ratelimit-reset-requests: 120ms\r\n"
		  "x-ratelimit-reset-tokens: 58.5s\r\n",
		  9, 500, 120 * USEC_MS, 1000, 30000, 58500 * USEC_MS },
		/* plenty left: nobody asks when it is full again; and a long time */
		{ "X-RateLimit-Limit-Requests: 500\r\n"
		  "X-RateLimit-Remaining-Requests: 499\r\n"
		  "X-RateLimit-Reset-Requests: 120ms\r\n"
		  "X-RateLimit-Limit-Tokens: 10\r\nX-RateLimit-Remaining-Tokens: 0\r\n"
		  "X-RateLimit-Reset-Tokens: 6m0s\r\n",
		  499, 500, 0, 0, 10, 60 * USEC_SEC },
		/* Anthropic: the tightest of several kinds of tokens */
		{ "anthropic-ratelimit-requests-limit: 50\r\n"
		  "anthropic-ratelimit-requests-remaining: 0\r\n"
		  "anthropic-ratelimit-requests-reset: 2025-11-26T00:00:12Z\r\n"
		  "anthropic-ratelimit-input-tokens-limit: 40000\r\n"
		  "anthropic-ratelimit-input-tokens-remaining: 30000\r\n"
		  "anthropic-ratelimit-input-tokens-reset: 2025-11-26T00:00:30Z\r\n"
		  "anthropic-ratelimit-output-tokens-limit: 8000\r\n"
		  "anthropic-ratelimit-output-tokens-remaining: 100\r\n"
		  "anthropic-ratelimit-output-tokens-reset: 2025-11-26T00:00:40Z\r\n"
		  "anthropic-version: 2023-06-01\r\n",
		  0, 50, 12 * USEC_SEC, 100, 8000, 40 * USEC_SEC },
		/* OpenRouter, epoch milliseconds */
		{ "X-RateLimit-Limit: 20\r\nX-RateLimit-Remaining: 0\r\n"
		  "X-RateLimit-Reset: 1764115205000\r\n",
		  0, 20, 5 * USEC_SEC, -1, 0, 0 },
		/* seconds since 1970, a plain number of seconds, the past, junk */
		{ "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1764115203\r\n", 0, 0,
		  3 * USEC_SEC, -1, 0, 0 },
		{ "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 7\r\n", 0, 0,
		  7 * USEC_SEC, -1, 0, 0 },
		{ "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1700000000\r\n", 0, 0,
		  0, -1, 0, 0 },
		{ "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: soon\r\n", 0, 0, 0, -1,
		  0, 0 },
		/* a day's window and a minute's (Cerebras) */
		{ "x-ratelimit-limit-requests-day: 1000\r\n"
		  "x-ratelimit-remaining-requests-day: 3\r\n"
		  "x-ratelimit-reset-requests-day: 33011.382867\r\n"
		  "x-ratelimit-limit-tokens-minute: 60000\r\n"
		  "x-ratelimit-remaining-tokens-minute: 60\r\n"
		  "x-ratelimit-reset-tokens-minute: 11.38\r\n",
		  3, 1000, 60 * USEC_SEC, 60, 60000, 11380 * USEC_MS },
		/* Azure has no reset */
		{ "x-ratelimit-remaining-requests: 5\r\nx-ratelimit-remaining-tokens: "
		  "12\r\n",
		  5, 0, 0, 12, 0, 0 },
		{ "x-ratelimit-remaining-requests: -1\r\n", -1, 0, 0, -1, 0, 0 },
		{ "x-ratelimit-: 4\r\nx-ratelimit-remaining-tokens: many\r\n", -1, 0, 0,
		  -1, 0, 0 },
		{ "content-type: text/plain\r\n", -1, 0, 0, -1, 0, 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct headroom h[HEADROOM_KINDS] = { { 0 } };
		bool any = read_lines(rows[i].lines, h);
		const struct headroom *r = &h[HEADROOM_REQUESTS],
		                      *t = &h[HEADROOM_TOKENS];

		CHECK_INT(any, rows[i].requests >= 0 || rows[i].tokens >= 0);
		CHECK_INT(r->is_known ? r->left : -1, rows[i].requests);
		CHECK_INT(r->limit, rows[i].request_limit);
		CHECK_INT(r->reset, rows[i].request_reset);
		CHECK_INT(t->is_known ? t->left : -1, rows[i].tokens);
		CHECK_INT(t->limit, rows[i].token_limit);
		CHECK_INT(t->reset, rows[i].token_reset);
	}
}
