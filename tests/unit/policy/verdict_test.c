#include "policy/verdict.h"
#include "base/buf.h"
#include "tests/check.h"

/* Thu, 26 Nov 2026 00:00:00 GMT */
static const usec now = 1795651200 * USEC_SEC;
#define NOTHING ((usec)-1)

TEST(waits_in_all_their_forms)
{
	static const struct {
		str text;
		usec want;
	} rows[] = {
		{ STR_INIT("7"), 7 * USEC_SEC },
		{ STR_INIT("0"), 0 },
		{ STR_INIT(" 0.25 "), 250 * USEC_MS },
		{ STR_INIT("1000000000"), 86400 * USEC_SEC }, /* no time near to now */
		{ STR_INIT("Thu, 26 Nov 2026 00:00:09 GMT"), 9 * USEC_SEC },
		{ STR_INIT("Wed, 25 Nov 2026 00:00:09 GMT"), NOTHING },
		{ STR_INIT("6m0s"), 360 * USEC_SEC },
		{ STR_INIT("12ms"), 12 * USEC_MS },
		{ STR_INIT("2m59.56s"), 179560 * USEC_MS },
		{ STR_INIT("2026-11-26T00:00:30Z"), 30 * USEC_SEC },
		{ STR_INIT("2026-11-26T01:00:30.5+01:00"), 30500 * USEC_MS },
		{ STR_INIT("2026-11-25T23:59:59Z"), NOTHING },
		{ STR_INIT("1795651260"), 60 * USEC_SEC },
		{ STR_INIT("1795651260000"), 60 * USEC_SEC },
		{ STR_INIT("1795651190"), NOTHING }, /* ten seconds ago */
		{ STR_INIT("-1"), NOTHING },
		{ STR_INIT("soon"), NOTHING },
		{ STR_INIT(""), NOTHING },
		{ STR_INIT("1e3"), NOTHING },
		{ STR_INIT("99999999999999999999999"), 86400 * USEC_SEC },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = NOTHING;

		if (!verdict_wait_parse(rows[i].text, now, &got))
			got = NOTHING;
		if (got != rows[i].want)
			check_failed(__FILE__, __LINE__, "\"%.*s\": %lld",
			             STR_ARG(rows[i].text), (long long)got);
	}
}

TEST(when_a_provider_may_be_asked_again)
{
	static const struct {
		int status;
		const char *lines;
		usec want;
	} rows[] = {
		{ 429, "retry-after: 7\r\n", 7 * USEC_SEC },
		{ 429, "Retry-After: 1000000000\r\n", 60 * USEC_SEC },
		{ 529, "retry-after: 6m0s\r\n", 60 * USEC_SEC },
		{ 408, "retry-after: Thu, 26 Nov 2026 00:00:09 GMT\r\n", 9 * USEC_SEC },
		{ 530, "retry-after: 1795651203\r\n", 3 * USEC_SEC },
		{ 429, "retry-after-ms: 250\r\nretry-after: 9\r\n", 250 * USEC_MS },
		{ 429, "x-ms-retry-after-ms: 300\r\n", 300 * USEC_MS },
		{ 429, "retry-after-ms: x\r\nretry-after: 9\r\n", 9 * USEC_SEC },
		{ 429, "retry-after: junk\r\n", 0 },
		{ 429, "retry-after: -5\r\n", 0 },
		{ 429, "", 0 },
		/* with good answers, too: it means nothing there */
		{ 200, "retry-after: 7\r\n", 0 },
		/* resets: of what is used up, else the nearest */
		{ 429,
		  "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: "
		  "2s\r\n"
		  "x-ratelimit-remaining-tokens: 9\r\nx-ratelimit-reset-tokens: 12ms\r\n",
		  2 * USEC_SEC },
		{ 429,
		  "x-ratelimit-reset-requests: 2m59.56s\r\nx-ratelimit-reset-tokens: "
		  "7.66s\r\n",
		  7660 * USEC_MS },
		{ 429, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1795651202000\r\n",
		  2 * USEC_SEC },
		{ 429,
		  "anthropic-ratelimit-tokens-remaining: 0\r\n"
		  "anthropic-ratelimit-tokens-reset: 2026-11-26T00:00:04Z\r\n"
		  "anthropic-ratelimit-requests-remaining: 3\r\n"
		  "anthropic-ratelimit-requests-reset: 2026-11-26T00:00:01Z\r\n",
		  4 * USEC_SEC },
		{ 429, "anthropic-ratelimit-unified-5h-reset: 1795651205\r\n",
		  5 * USEC_SEC },
		{ 429, "x-ratelimit-reset-tokens-minute: 30.5\r\n", 30500 * USEC_MS },
		{ 429, "x-ratelimit-reset-requests: 6m0s\r\n", 60 * USEC_SEC },
		{ 429, "retry-after: 3\r\nx-ratelimit-reset-requests: 6m0s\r\n",
		  3 * USEC_SEC },
		{ 429, "x-ratelimit-reset-tokens: soon\r\n", 0 },
		/* on other failures a limit's reset says nothing of them */
		{ 500, "x-ratelimit-reset-requests: 2s\r\n", 0 },
	};
	static const char end[] = "content-length: 0\r\n\r\n";

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf head = BUF_LIMIT(4 * KiB);
		struct http_response res;

		buf_addf(&head, "HTTP/1.1 %d x\r\n%s%s", rows[i].status, rows[i].lines,
		         end);
		CHECK_OK(http_response_parse(buf_str(&head), &res));
		usec got = verdict_retry_after(&res, now);
		if (got != rows[i].want)
			check_failed(__FILE__, __LINE__, "%d %s: %lld", rows[i].status,
			             rows[i].lines, (long long)got);
		buf_free(&head);
	}
}
