/* failing.c - the end of an exchange that failed: what its client is told. */
#include "base/assert.h"
#include "gateway/answer.h"
#include "gateway/attempt.h"
#include "gateway/capture.h"
#include "gateway/step.h"
#include "gateway/trial.h"

enum { DETAIL_MOST = 512 };

static str fault_lines(struct exchange *x)
{
	struct buf *to = &x->worker->head;
	const struct attempt *a = x->attempt;

	buf_clear(to);
	buf_add(to, STR("x-request-id: "));
	buf_add_hex(to, x->id, 16);
	buf_addf(to, "\r\nx-sluice-attempts: %u\r\n", x->attempts);
	buf_add(to, x->lines);
	trial_add_header(x, to);
	if (a)
		buf_addf(to, "x-sluice-provider: %.*s\r\n",
		         STR_ARG(a->target->provider->name));
	if ((a || x->come_back) && x->why->again) {
		usec wait = max_of(a ? a->retry_after : x->come_back, USEC_SEC);

		buf_addf(to, "retry-after: %lld\r\n",
		         (long long)((wait + USEC_SEC - 1) / USEC_SEC));
	}
	return arena_copy(&x->arena, buf_str(to));
}

/* A provider that blames the request speaks the client's format: its words go through. */
static bool answer_in_its_words(struct exchange *x)
{
	struct attempt *a = x->attempt;
	struct buf lines = BUF_LIMIT(128 * KiB);
	struct http_conn *c = x->client;

	bool blames =
	        x->why == FAULT_UPSTREAM_REFUSED || x->why == FAULT_UPSTREAM_TOO_LARGE ||
	        x->why == FAULT_CONTEXT_TOO_LONG || x->why == FAULT_NO_SUCH_RESPONSE ||
	        x->why == FAULT_UPSTREAM_FILTERED || x->why == FAULT_UPSTREAM_LACKS ||
	        x->why == FAULT_UPSTREAM_OVER_RATE;

	if (!blames || !a || a->kind != ANSWER_ERROR || !a->held.len || a->lane)
		return false;
	buf_add(&lines, fault_lines(x));
	buf_add(&lines, STR("x-should-retry: false\r\n"));
	buf_add(&lines, a->back);
	x->client_status = a->status;
	capture_answer(x, retained_str(&a->held));
	http_answer(c, a->status, a->content_type, buf_str(&lines),
	            retained_str(&a->held));
	buf_free(&lines);
	return true;
}

void exchange_fail(struct exchange *x, fault_t why, str detail)
{
	struct http_conn *c = x->client;

	assert(x->step != STEP_SETTLE && x->step != STEP_ENDED);
	x->why = why;
	x->detail = arena_copy(&x->arena, str_first(detail, DETAIL_MOST));
	if (x->is_shadow) {
		x->client = NULL;
		x->client_status = wire_fault_status(x->endpoint->wire, why);
	} else if (c && x->head_sent) {
		relay_break(x, why, x->detail);
	} else if (c) {
		x->client = NULL;
		c->owner = NULL;
		x->client_status = wire_fault_status(x->endpoint->wire, why);
		x->client = c;
		if (!answer_in_its_words(x))
			answer_fault(x->worker, c, x->endpoint, why, x->detail, x->param,
			             fault_lines(x));
		x->client = NULL;
	}
	if (x->finished_at == 0)
		x->finished_at = x->worker->loop.now;
	if (x->attempt) /* one that has ended already says why of its own */
		exchange_end_rivals(x, x->attempt->step == ATTEMPT_CLOSE ? NULL : why);
	if (x->attempt && x->attempt->step != ATTEMPT_CLOSE)
		attempt_end(x->attempt, why, x->detail);
	exchange_go(x, STEP_SETTLE);
}
