/* resume_log.c - what is kept of an answer while it goes to the client.
 *
 * A lane's emitter gets its events through the log.  In the pass lane they are read
 * beside the bytes: by the tap where it reads all of an event anyway, else here, where a
 * delta that says the same as the one before, but for its text, is not read again. */
#include "gateway/resume_log.h"

#include "base/mem.h"
#include "gateway/lane_answer.h"
#include "gateway/resume.h"

#define HOLD_PATIENCE (10 * USEC_SEC)

enum { LOOKS_MOST = 3, HEAD_MOST = 64 * KiB };

void resume_log_begin(struct attempt *a, struct chat_sink *next)
{
	struct exchange *x = a->x;

	if (!(x->may_resume || x->may_stop) || a->given)
		return;
	a->given = new_of(struct given);
	given_init(a->given, next);
	a->given->hold = x->candidates.tool_hold && !x->no_hold &&
	                 !(a->lane && a->lane->verbatim); /* its items are gone */
}

/* A format with a tap of its own is read here, where that tap has not told all. */
static bool read_slowly(struct attempt *a, str name, str data)
{
	struct given *g = a->given;

	if (!g->reader) {
		g->reader = new_of(struct chat_reader);
		g->reader->operation = a->tap.operation;
		g->reader->quirks = a->tap.quirks;
	}
	return !a->wire->read_event(g->reader, name, data, &g->sink);
}

void resume_log_event(struct attempt *a, str name, str data,
                      const struct tap_event *found)
{
	struct given *g = a->given;

	if (!g || g->lost)
		return;
	if (found->is_broken || found->is_error) {
		given_undo(g);
		return;
	}
	g->ends_in_half = false;
	if (found->is_again && g->in_run) {
		given_more(g, found->text);
		return;
	}
	g->ends_in_half = given_has_half(data);
	if (!g->head.len && a->wire->keep_head && g->looks < LOOKS_MOST) {
		g->looks++;
		g->head.limit = HEAD_MOST;
		a->wire->keep_head(data, &g->head);
		if (g->head.over)
			given_lose(g);
	}
	if (a->wire->mark && a->tap.reader && !given_is_held(g))
		a->wire->mark(a->tap.reader, &g->place);
	if (!a->wire->tap_event)
		return; /* it was read on its way through the tap */
	if (!read_slowly(a, name, data)) {
		given_undo(g);
		g->lost = true;
	}
	/* The reader waits for the other half of a character: it has to see it. */
	g->in_run = (found->is_framed || found->is_again) && !g->ends_in_half &&
	            !g->lost && g->count && g->events[g->count - 1].kind == CHAT_PIECE;
}

/* What the log needs is charged to the memory budget. */
static void charge(struct attempt *a)
{
	struct exchange *x = a->x;
	struct given *g = a->given;
	uint64_t size = given_size(g);

	if (size <= g->charged)
		return;
	if (gateway_take_memory(x->worker->gateway, size - g->charged,
	                        x->plan->config->memory))
		g->charged = size;
	else
		given_lose(g);
}

void resume_log_turn(struct attempt *a)
{
	struct given *g = a->given;
	usec now = a->x->worker->loop.now;

	if (!g)
		return;
	charge(a);
	if (!given_is_held(g)) {
		a->hold_due = 0;
	} else if (!a->hold_due) {
		a->hold_due = now + HOLD_PATIENCE;
		exchange_arm(a->x);
	}
}

void resume_log_let_go(struct attempt *a)
{
	struct exchange *x = a->x;

	a->hold_due = 0;
	if (!a->given || !given_is_held(a->given) || !x->client)
		return;
	given_release(a->given);
	if (a->lane && a->lane->out.len) {
		exchange_commit(a);
		lane_answer_pass_on(a, false);
	} else if (!a->lane && a->up && http_has_room(x->client)) {
		/* Its bytes are still with the connection, which shows them again. */
		http_up_pause(a->up);
		http_up_resume(a->up);
	}
}

bool resume_log_holds_all(const struct attempt *a)
{
	return a->given && given_is_held(a->given) && a->given->held_from == 0;
}

void resume_log_free(struct exchange *x, struct given *g)
{
	gateway_give_memory(x->worker->gateway, g->charged);
	given_done(g);
	free(g);
}

void resume_log_drop(struct attempt *a)
{
	struct given *g = a->given;

	a->given = NULL;
	if (!g || (a->x->resume && a->x->resume->given == g))
		return;
	resume_log_free(a->x, g);
}
