/* reply.c - answers, framing first (head, length or chunks), then meaning (a JSON object,
 * or server-sent events whose texts are numbered by script.c). */
#include "reply.h"

enum { CARRY_LIMIT = 64 * 1024, CARRY_FIRST = 1024 };

static void broken(struct reply *r, const char *why)
{
	r->state = REPLY_BROKEN;
	r->why = why;
}

static void skip(struct bytes *in, size_t len)
{
	*in = (struct bytes){ in->ptr + len, in->len - len };
}

/* Memory grows in two steps only: almost nothing is ever carried over. */
static bool carry(struct reply *r, struct bytes more)
{
	size_t had = r->carried, has = had + more.len;

	if (has > CARRY_LIMIT)
		return false;
	if (!r->carry || (had <= CARRY_FIRST && has > CARRY_FIRST)) {
		char *room =
		        realloc(r->carry, has <= CARRY_FIRST ? CARRY_FIRST : CARRY_LIMIT);

		if (!room)
			die("realloc");
		r->carry = room;
	}
	memcpy(r->carry + had, more.ptr, more.len);
	r->carried = (unsigned)has;
	return true;
}

/* True when *in, behind what was carried, reaches `end`; *ret_text is then everything up
 * to and with `end`, good until the next carry. */
static bool take_until(struct reply *r, struct bytes *in, const char *end,
                       struct bytes *ret_text)
{
	size_t end_len = strlen(end), before = r->carried;
	const char *at = memmem(in->ptr, in->len, end, end_len);
	struct bytes piece = { in->ptr, at ? (size_t)(at - in->ptr) + end_len : in->len };

	if (before == 0 && at) {
		*ret_text = piece;
		skip(in, piece.len);
		return true;
	}
	if (!carry(r, piece))
		return broken(r, "too long a head or event"), false;

	/* The end may itself have been cut, and then stands before the one in `piece`. */
	size_t from = before >= end_len ? before - end_len + 1 : 0;

	at = memmem(r->carry + from, r->carried - from, end, end_len);
	if (!at)
		return skip(in, piece.len), false;
	*ret_text = (struct bytes){ r->carry, (size_t)(at - r->carry) + end_len };
	skip(in, ret_text->len - before);
	r->carried = 0;
	return true;
}

#define RESPONSES_END "event: response.completed"
#define GEMINI_END "\"finishReason\":\"STOP\""

const struct reply_marks reply_marks[REQUEST_FORMATS] = {
	[REQUEST_CHAT] = { .piece = "\"content\":\"t",
	                   .finish = "\"finish_reason\":\"stop\"",
	                   .end = "data: [DONE]",
	                   .usage = "\"usage\":{",
	                   .other = "\"role\":\"assistant\"" },
	[REQUEST_ANTHROPIC] = { .piece = "\"text\":\"t",
	                        .finish = "\"stop_reason\":\"end_turn\"",
	                        .end = "event: message_stop" },
	[REQUEST_RESPONSES] = { .piece = "\"delta\":\"t",
	                        .finish = RESPONSES_END,
	                        .end = RESPONSES_END },
	[REQUEST_GEMINI] = { .piece = "\"text\":\"t",
	                     .finish = GEMINI_END,
	                     .end = GEMINI_END },
};

static void read_event(struct reply *r, struct bytes event)
{
	const struct reply_marks *marks = r->marks;
	size_t len = strlen(marks->piece);
	const char *at;

	if (event.ptr[0] == ':')
		return; /* a comment, such as the gateway's own last block */
	if (!bytes_start(event, "data: ") && !bytes_start(event, "event: "))
		return broken(r, "an event that is no data event");
	if (r->done)
		return broken(r, "an event after the last one");
	at = memmem(event.ptr, event.len, marks->piece, len);
	if (at && (size_t)(event.ptr + event.len - at) > len + 6) {
		if (strtoul(at + len, NULL, 10) != r->number)
			return broken(r, "an event lost, doubled or out of order");
		r->number++;
	} else if (bytes_have(event, marks->finish)) {
		r->finished = true;
	} else if (marks->usage && bytes_have(event, marks->usage)) {
		r->usages++;
	} else if (marks->other && !bytes_have(event, marks->other) &&
	           !bytes_have(event, marks->end)) {
		return broken(r, "an event that was never sent");
	}
	r->done = bytes_have(event, marks->end);
	r->events += !bytes_start(event, "data: [DONE]");
}

static void read_body(struct reply *r, struct bytes in)
{
	struct bytes event;

	r->length += in.len;
	if (r->sse && r->status == 200) {
		while (in.len > 0 && r->state != REPLY_BROKEN &&
		       take_until(r, &in, "\n\n", &event))
			read_event(r, event);
		return;
	}
	for (size_t i = 0; !r->first && i < in.len; i++)
		if (in.ptr[i] > ' ')
			r->first = in.ptr[i];
	for (size_t i = in.len; i-- > 0;)
		if (in.ptr[i] > ' ') {
			r->last = in.ptr[i];
			break;
		}
}

static bool header_is(struct bytes line, const char *name, struct bytes *ret_value)
{
	size_t len = strlen(name);

	if (line.len <= len || line.ptr[len] != ':' ||
	    strncasecmp(line.ptr, name, len) != 0)
		return false;
	skip(&line, len + 1);
	while (line.len > 0 && line.ptr[0] == ' ')
		skip(&line, 1);
	*ret_value = line;
	return true;
}

static void read_head(struct reply *r, struct bytes head)
{
	struct bytes value;
	bool chunked = false, known = false;

	if (!bytes_start(head, "HTTP/1.1 ") || head.len < 16)
		return broken(r, "not an HTTP/1.1 answer");
	r->status = (unsigned)strtoul(head.ptr + 9, NULL, 10);
	r->left = 0;
	while (head.len > 0) {
		const char *end = memchr(head.ptr, '\n', head.len);
		struct bytes line = { head.ptr, (size_t)(end - head.ptr) };

		skip(&head, line.len + 1);
		if (header_is(line, "content-length", &value)) {
			r->left = strtoull(value.ptr, NULL, 10);
			known = true;
		} else if (header_is(line, "transfer-encoding", &value)) {
			chunked = bytes_start(value, "chunked");
		} else if (header_is(line, "connection", &value)) {
			r->closes = bytes_start(value, "close");
		}
	}
	if (known == chunked)
		return broken(r, "neither a length nor chunks, or both");
	r->state = chunked ? REPLY_SIZE : r->left ? REPLY_LENGTH : REPLY_DONE;
}

/* The lines around chunks are read byte by byte: the carry belongs to the events, which
 * may be cut by the very same chunk. */
static void read_size(struct reply *r, struct bytes *in)
{
	for (; in->len > 0 && r->state == REPLY_SIZE; skip(in, 1)) {
		char c = in->ptr[0], lower = (char)(c | 0x20);

		if (c == '\n' && r->digits == 0)
			broken(r, "a chunk without a size");
		else if (c == '\n')
			r->state = r->left ? REPLY_CHUNK : REPLY_TRAILER;
		else if (c >= '0' && c <= '9')
			r->left = r->left * 16 + (unsigned)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			r->left = r->left * 16 + (unsigned)(lower - 'a') + 10;
		else if (c != '\r')
			broken(r, "a chunk size that is no number");
		if (c != '\r' && c != '\n' && ++r->digits > 8)
			broken(r, "a chunk size out of bounds");
	}
	if (r->state != REPLY_SIZE)
		r->digits = 0;
}

static void read_chunk_end(struct reply *r, struct bytes *in)
{
	char c = in->ptr[0];

	skip(in, 1);
	if (c == '\n')
		r->state = REPLY_SIZE;
	else if (c != '\r')
		broken(r, "a chunk longer than its size");
}

/* Trailers are not expected; an empty line ends the answer. */
static void read_trailer(struct reply *r, struct bytes *in)
{
	char c = in->ptr[0];

	skip(in, 1);
	if (c == '\n')
		r->state = REPLY_DONE;
	else if (c != '\r')
		broken(r, "a trailer");
}

static void read_some_body(struct reply *r, struct bytes *in)
{
	size_t len = in->len < r->left ? in->len : (size_t)r->left;
	struct bytes body = { in->ptr, len };

	skip(in, len);
	r->left -= len;
	if (r->left == 0)
		r->state = r->state == REPLY_CHUNK ? REPLY_CHUNK_END : REPLY_DONE;
	read_body(r, body);
}

void reply_start(struct reply *r, bool sse, const struct reply_marks *marks)
{
	*r = (struct reply){ .sse = sse, .marks = marks, .carry = r->carry };
}

void reply_read(struct reply *r, struct bytes *in)
{
	struct bytes head;

	while (in->len > 0 && r->state < REPLY_DONE) {
		switch (r->state) {
		case REPLY_HEAD:
			if (take_until(r, in, "\r\n\r\n", &head))
				read_head(r, head);
			break;
		case REPLY_LENGTH:
		case REPLY_CHUNK:
			read_some_body(r, in);
			break;
		case REPLY_SIZE:
			read_size(r, in);
			break;
		case REPLY_CHUNK_END:
			read_chunk_end(r, in);
			break;
		case REPLY_TRAILER:
			read_trailer(r, in);
			break;
		case REPLY_DONE:
		case REPLY_BROKEN:
			break;
		}
	}
}

const char *reply_fault(const struct reply *r, unsigned content_events, unsigned usages)
{
	if (r->state != REPLY_DONE)
		return r->why ? r->why : "an answer cut off";
	if (r->status != 200)
		return "a status other than 200";
	if (!r->sse) {
		bool whole = r->first == '{' && r->last == '}' && r->length > 400;

		return whole ? NULL : "a body that is not the answer sent";
	}
	if (r->carried > 0)
		return "a stream that ends inside an event";
	if (!r->done)
		return "a stream without its last event";
	if (!r->finished)
		return "a stream without a finish reason";
	if (r->number != content_events)
		return "a stream with another number of events than sent";
	if (r->marks->usage && r->usages != usages)
		return usages ? "a stream without its usage" : "a usage nobody asked for";
	return NULL;
}

void reply_free(struct reply *r)
{
	free(r->carry);
	r->carry = NULL;
}
