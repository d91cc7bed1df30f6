/* send.c - the request as one provider gets it: target, head, body, and what of an upload
 * comes in later.
 *
 * The body is the client's own with a few edits, sent around them without a copy, or what
 * the lane between two formats has written. */
#include "gateway/attempt.h"

#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/credential.h"
#include "gateway/lane.h"
#include "meter/trace.h"
#include "wire/cap.h"

enum { UPLOAD_HIGH = 128 * KiB };

/* The model's name as this target calls it, in the way the body writes it. */
static str model_value(struct attempt *a)
{
	struct exchange *x = a->x;
	str model = a->target->model;
	size_t most = 6 * model.len + 2; /* \u00xx is six bytes, and the quotes */

	if (operations[x->endpoint->operation].multipart)
		return model;
	struct buf quoted = { arena_alloc(&x->arena, most), .cap = most, .limit = most };
	struct json_writer w = { .to = &quoted };
	json_str(&w, model);
	return buf_str(&quoted);
}

/* What skim has found in the body that is sent: the client's, or a patched one, where the
 * same stands elsewhere.  Patching one that is patched, for a second connection of the
 * same attempt, finds nothing more to change. */
static const struct skimmed *patch_body(struct attempt *a, str *body,
                                        struct skimmed *patched)
{
	struct exchange *x = a->x;
	enum operation op = x->endpoint->operation;
	struct buf to;
	str detail;

	if ((!a->wire->patch && !a->patched.len) || !x->body_whole)
		return &x->skim;
	str from = a->patched.len ? buf_str(&a->patched) : *body;
	to = BUF_LIMIT(2 * from.len + MiB);
	if (a->wire->patch && a->wire->patch(op, from, a->target->model, &to) &&
	    !to.over) {
		buf_free(&a->patched);
		a->patched = to;
	} else {
		buf_free(&to);
	}
	if (!a->patched.len ||
	    a->wire->skim(buf_str(&a->patched), op, &x->arena, patched, &detail))
		return &x->skim;
	*body = buf_str(&a->patched);
	return patched;
}

/* Where one stands; of two at a place, the one that takes nothing away goes first. */
static bool is_before(const struct edit *a, const struct edit *b)
{
	return a->at < b->at || (a->at == b->at && a->len < b->len);
}

static void add_edit(struct edit edits[EDIT_MOST], size_t *count, struct edit e)
{
	size_t at = (*count)++;

	for (; at > 0 && is_before(&e, &edits[at - 1]); at--)
		edits[at] = edits[at - 1];
	edits[at] = e;
}

/* What differs from the client's bytes: the model, a limit of the answer that a budget
 * needs, the wish for usage, and the one for the cost, which is ours to tell. */
static size_t make_edits(struct attempt *a, str body, const struct skimmed *skim,
                         struct edit edits[EDIT_MOST])
{
	struct exchange *x = a->x;
	struct edit model = { .at = skim->model_at, .len = skim->model_len }, cap;
	size_t count = 0;

	if (unlikely(a->cap) && x->endpoint->operation != OP_STORED) {
		if (cap_edit(a->wire, body, a->target->provider->name, a->target->model,
		             a->cap, &x->arena, &cap))
			add_edit(edits, &count, cap);
		else
			a->cap = 0;
	}
	if (a->wire->model_in_path || x->endpoint->operation == OP_STORED)
		return count;
	model.with = model_value(a);
	if (!str_eq(model.with, str_of(body.ptr + model.at, model.len)))
		add_edit(edits, &count, model);
	if (a->asked_usage && skim->ask_usage.with.len)
		add_edit(edits, &count, skim->ask_usage);
	if (skim->drop_cost.len && !(a->target->provider->quirks & QUIRK_TELLS_COST))
		add_edit(edits, &count, skim->drop_cost);
	return count;
}

/* A stream, or a batch: what makes the path of some formats another one. */
static bool asks_for_many(const struct attempt *a)
{
	const struct exchange *x = a->x;

	if (x->endpoint->operation == OP_EMBEDDINGS)
		return a->lane || x->endpoint->batch;
	return x->skim.stream;
}

/* Path and query as this provider wants them. */
static void add_target(const struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	size_t model_at = str_find_str(p->base_path, STR("{model}"));
	size_t from = to->len;

	buf_put(to, str_first(p->base_path, model_at));
	if (model_at < p->base_path.len) {
		url_encode(to, a->target->model);
		buf_put(to, str_from(p->base_path, model_at + STR("{model}").len));
	}
	if (a->wire->write_path)
		a->wire->write_path(x->endpoint->operation,
		                    x->endpoint->of_id ? x->path_model : a->target->model,
		                    asks_for_many(a), to);
	else
		buf_put(to, operations[x->endpoint->operation].path);
	if (x->endpoint->of_id)
		buf_put(to, x->endpoint->suffix);
	if (x->endpoint->of_id && p->query.len && x->query.len)
		buf_addf(to, "?%.*s", STR_ARG(x->query));
	if (p->query.len) {
		str so_far = str_from(buf_str(to), from);

		buf_add_char(to, str_find(so_far, '?') < so_far.len ? '&' : '?');
		buf_put(to, p->query);
	} else if (x->query.len && a->wire == x->endpoint->wire &&
	           !a->wire->model_in_path) {
		buf_add_char(to, '?');
		buf_put(to, x->query);
	}
}

/* Does one of the lines begin with that name? */
static bool has_line(str lines, str name)
{
	while (lines.len) {
		str line = str_cut(&lines, '\n');

		if (str_starts_nocase(line, name) && line.len > name.len &&
		    line.ptr[name.len] == ':')
			return true;
	}
	return false;
}

/* What the format's own headers say: the client's, where it speaks the same format, and
 * those that the format cannot be without. */
static void add_features(const struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;
	str needed = a->wire->needed_header, name = str_cut(&needed, ':');
	bool is_same = a->wire == x->endpoint->wire;

	if (is_same)
		buf_put(to, x->features);
	if (name.len && !(is_same && has_line(x->features, name))) {
		buf_put(to, a->wire->needed_header);
		buf_put(to, STR("\r\n"));
	}
}

/* Which trace the request is part of, for providers that may know. */
static void add_trace(const struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;

	buf_put(to, STR("traceparent: "));
	trace_write(to, x->trace, x->id, a->id,
	            x->plan->config->otlp.sample * SAMPLE_PERCENT);
	if (x->tracestate.len) {
		buf_put(to, STR("\r\ntracestate: "));
		buf_put(to, x->tracestate);
	}
	buf_put(to, STR("\r\n"));
}

static const str methods[] = {
	[HTTP_GET] = STR_INIT("GET "),
	[HTTP_POST] = STR_INIT("POST "),
	[HTTP_DELETE] = STR_INIT("DELETE "),
};

static fault_t make_head(struct attempt *a, uint64_t length, const struct iovec *body,
                         int pieces, str *ret)
{
	struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	struct buf *to = &x->worker->head;
	size_t target_at, target_end;
	fault_t why;

	buf_clear(to);
	buf_put(to, methods[x->endpoint->method]);
	target_at = to->len;
	add_target(a, to);
	target_end = to->len;
	buf_put(to, STR(" HTTP/1.1\r\nhost: "));
	buf_put(to, p->authority);
	buf_put(to, STR("\r\n"));
	struct credential_request as_sent = {
		.target = str_of(to->ptr + target_at, target_end - target_at),
		.content_type = x->content_type,
		.body = body,
		.pieces = pieces,
		.is_whole = x->body_whole,
		.wall = a->x->worker->loop.wall,
	};
	why = credential_add(to, p, a->place.key_at, a->token.text, &as_sent);
	if (why)
		return why;
	buf_put(to, STR("x-client-request-id: "));
	buf_add_hex(to, a->id, 16);
	buf_put(to, STR("\r\naccept-encoding: identity\r\n"));
	if (x->content_type.len) {
		buf_put(to, STR("content-type: "));
		buf_put(to, x->content_type);
		buf_put(to, STR("\r\n"));
	}
	if (x->endpoint->method == HTTP_POST) {
		buf_put(to, STR("content-length: "));
		buf_add_u64(to, length);
		buf_put(to, STR("\r\n"));
	}
	if (p->trace)
		add_trace(a, to);
	buf_put(to, x->forward);
	add_features(a, to);
	buf_put(to, STR("\r\n"));
	if (to->over)
		return FAULT_HTTP_HEAD_LARGE;
	*ret = arena_keep(&x->arena, buf_str(to), &a->head);
	return NULL;
}

void attempt_send(struct attempt *a)
{
	struct exchange *x = a->x;
	str body = retained_str(&x->body), head;
	const struct skimmed *skim = &x->skim;
	struct skimmed patched;
	struct edit edits[EDIT_MOST];
	struct iovec iov[EDIT_IOV + 1];
	size_t count, length;
	fault_t why;
	int pieces;

	bool is_written = a->lane && a->lane->translates;
	if (is_written)
		body = buf_str(&a->lane->body);
	else
		skim = patch_body(a, &body, &patched);
	count = is_written ? 0 : make_edits(a, body, skim, edits);
	length = edit_length(body, edits, count);

	if (!x->body_whole) /* a large upload goes through while it comes in */
		length += (size_t)x->body_length - body.len;
	pieces = 1 + edit_iov(body, edits, count, iov + 1);
	why = make_head(a, length, iov + 1, pieces - 1, &head);
	if (why) {
		attempt_fail(a, why, STR_NONE);
		return;
	}
	x->body_dropped = !x->body_whole;
	iov[0] = (struct iovec){ (void *)(uintptr_t)head.ptr, head.len };
	a->sent = a->x->worker->loop.now;
	http_up_send(a->up, iov, pieces, x->body_whole);
	if (x->body_dropped && x->client && a->up && !http_up_has_pending(a->up))
		http_resume_body(x->client);
}

/* What the connection was given stays where it is until it has gone out (`sending`), so
 * what comes in meanwhile waits in a buffer of its own, which may grow and move. */
void attempt_send_more(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;

	if (!a->up || a->step == ATTEMPT_CLOSE)
		return;
	if (!buf_add(&x->upload, bytes)) {
		attempt_fail(a, FAULT_NO_MEMORY, STR_NONE);
		return;
	}
	if (!http_up_has_pending(a->up))
		attempt_send_room(a);
	if (!end && x->client && x->upload.len > UPLOAD_HIGH)
		http_pause_body(x->client);
}

void attempt_send_room(struct attempt *a)
{
	struct exchange *x = a->x;
	struct http_up *u = a->up;
	bool end = x->body_whole;

	if (!x->body_dropped || x->upload_ended)
		return;
	/* Everything handed over has gone out: its buffer takes in what comes next. */
	struct buf gone = x->sending;

	x->sending = x->upload;
	x->upload = gone;
	buf_clear(&x->upload);
	if (x->sending.len == 0 && !end) {
		if (x->client)
			http_resume_body(x->client);
		return;
	}
	x->upload_ended = end;
	http_up_send(u, &(struct iovec){ x->sending.ptr, x->sending.len }, 1, end);
	if (end && a->step == ATTEMPT_AWAIT && !a->first_token)
		attempt_start_clocks(a);
	if (!end && x->client && !http_up_has_pending(u))
		http_resume_body(x->client);
}
