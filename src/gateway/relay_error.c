/* relay_error.c - what a provider says that is no answer: the status of an error and its
 * body, an error among events, a refusal.  What it means for other tries, and which of
 * its words are repeated. */
#include "codec/json_text.h"
#include "codec/utf8.h"
#include "gateway/hide.h"
#include "gateway/pinned.h"
#include "gateway/relay.h"
#include "policy/verdict.h"
#include "wire/complaint.h"
#include "wire/error_body.h"

enum {
	KEPT_MOST = 64 * KiB,  /* of a body */
	WORDS = 512,           /* of a provider's message that are repeated */
	RAW_WORDS = 6 * WORDS, /* which may be escapes, all of them */
};

/* The beginning, cut neither inside an escape nor inside a character. */
static jstr whole_escapes(jstr text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t n = json_step(str_from(text, at));

		if (at + n > min_of(text.len, (size_t)RAW_WORDS))
			break;
		at += n;
	}
	return str_first(text, at);
}

str relay_words(struct attempt *a, str message)
{
	struct arena scratch = { .ceiling = 4 * (size_t)RAW_WORDS };
	str said = utf8_first(chat_plain(&scratch, whole_escapes(message)), WORDS);
	char *kept = arena_alloc(&a->x->arena, said.len);

	if (said.len)
		memcpy(kept, said.ptr, said.len);
	arena_done(&scratch);
	hide_secrets(a, kept, said.len);
	return str_of(kept, said.len);
}

bool relay_is_filtered(const struct attempt *a)
{
	str finish = tap_finish(&a->tap);
	bool is_refused = a->tap.refused || str_eq(finish, STR("content_filter")) ||
	                  str_eq(finish, STR("refusal"));

	return is_refused && a->x->candidates.on_filter == ON_FILTER_NEXT &&
	       exchange_has_more(a->x);
}

void relay_listen(struct attempt *a, fault_t why, str text)
{
	if (!a->retry_after && why->again)
		a->retry_after = min_of(complaint_wait(text), VERDICT_WAIT_MOST);
	if (why == FAULT_CONTEXT_TOO_LONG)
		a->context = complaint_limit(text);
}

static fault_t judge_error(struct attempt *a, str body)
{
	fault_t why = complaint_fault(
	        &(struct complaint){ .format = a->wire->format,
	                             .status = a->status,
	                             .kind = a->error_kind,
	                             .text = body,
	                             .names_kept = pinned_names_kept(a->x) });

	if (a->tap.operation == OP_STORED && a->status == 404)
		why = FAULT_NO_SUCH_RESPONSE;
	relay_listen(a, why, body);
	return why;
}

static str error_words(struct attempt *a, str body)
{
	str words = relay_words(a, a->wire->error_message(body));
	str place = error_body_place(body);

	return place.len ? arena_printf(&a->x->arena, "%.*s %.*s", STR_ARG(words),
	                                STR_ARG(utf8_first(place, WORDS)))
	                 : words;
}

size_t relay_error_data(struct attempt *a, str bytes, bool end)
{
	size_t room = KEPT_MOST - a->held.len;
	str body;

	if (!retained_add(&a->held, str_first(bytes, room)))
		end = true;
	if (!end && a->held.len < KEPT_MOST)
		return bytes.len;
	a->ended = end;
	hide_secrets(a, a->held.ptr, a->held.len);
	body = retained_str(&a->held);
	attempt_fail(a, judge_error(a, body), error_words(a, body));
	return bytes.len;
}
