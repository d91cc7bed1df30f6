/* gemini_reply.c - what an answer or one event of a stream says.
 *
 * Every event is a whole answer object with new parts, and usage that counts on.  There
 * is no end mark: a finish reason is held until the provider ends its side, because an
 * early one may be followed by more.  Facts: wire-formats 6.4-6.6, 12.1, 14.3. */
#include "wire/gemini.h"

#include "wire/complaint.h"

enum { CHOICES_MOST = 16 };

/* rd->slots[choice]: key: 0 never seen, else 1 + the number of the next block; block: the
 * open one; kind, flags as below.  rd->own as below. */
enum { IS_OPEN = 1, HAS_CALL = 2, NOT_ASCII = 4, IS_TOLD = 8, IN_PIECES = 16 };
enum {
	OWN_FINISH, /* four bits for each choice */
	OWN_PROMPT, /* and five more: gemini_read_usage */
	OWN_BYTES = OWN_PROMPT +
	            GEMINI_COUNTS, /* of choice 0's text: bytes << 32 | characters */
	OWN_BLOCK,                 /* the same before its open block */
	OWN_GENERATION,
};

struct reading {
	struct chat_reader *rd;
	struct chat_sink *to;
	struct arena keep; /* of one candidate; used where a text has to be mended */
	unsigned choice;
	struct json_value candidate, grounding, citations;
	bool has_cited;
};

static jstr text_of(struct json_value v)
{
	return v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

/* ---- finish reasons ---- */

static const struct {
	str reason;
	enum chat_finish finish;
} finishes[] = {
	{ STR_INIT("STOP"), FINISH_STOP },
	{ STR_INIT("FINISH_REASON_UNSPECIFIED"), FINISH_STOP },
	{ STR_INIT("MAX_TOKENS"), FINISH_LENGTH },
	{ STR_INIT("SAFETY"), FINISH_FILTER },
	{ STR_INIT("RECITATION"), FINISH_FILTER },
	{ STR_INIT("BLOCKLIST"), FINISH_FILTER },
	{ STR_INIT("PROHIBITED_CONTENT"), FINISH_FILTER },
	{ STR_INIT("SPII"), FINISH_FILTER },
	{ STR_INIT("MODEL_ARMOR"), FINISH_FILTER },
	{ STR_INIT("IMAGE_SAFETY"), FINISH_FILTER },
	{ STR_INIT("IMAGE_PROHIBITED_CONTENT"), FINISH_FILTER },
	{ STR_INIT("IMAGE_RECITATION"), FINISH_FILTER },
	{ STR_INIT("LANGUAGE"), FINISH_ERROR },
	{ STR_INIT("OTHER"), FINISH_ERROR },
	{ STR_INIT("IMAGE_OTHER"), FINISH_ERROR },
	{ STR_INIT("NO_IMAGE"), FINISH_ERROR },
	{ STR_INIT("MALFORMED_FUNCTION_CALL"), FINISH_ERROR },
	{ STR_INIT("MALFORMED_RESPONSE"), FINISH_ERROR },
	{ STR_INIT("UNEXPECTED_TOOL_CALL"), FINISH_ERROR },
	{ STR_INIT("TOO_MANY_TOOL_CALLS"), FINISH_ERROR },
	{ STR_INIT("MISSING_THOUGHT_SIGNATURE"), FINISH_ERROR },
};

/* A reason that is not known has so far always been a new way to fail. */
static enum chat_finish find_finish(struct chat_sink *to, jstr reason)
{
	for (size_t i = 0; i < countof(finishes); i++) {
		if (str_eq(reason, finishes[i].reason))
			return finishes[i].finish;
	}
	chat_push_odd(to, reason);
	return FINISH_ERROR;
}

static enum chat_finish get_finish(const struct chat_reader *rd, unsigned choice)
{
	return (enum chat_finish)(rd->own[OWN_FINISH] >> (4 * choice) & 15);
}

static void set_finish(struct chat_reader *rd, unsigned choice, enum chat_finish finish)
{
	rd->own[OWN_FINISH] &= ~((uint64_t)15 << (4 * choice));
	rd->own[OWN_FINISH] |= (uint64_t)finish << (4 * choice);
	rd->finished = true;
}

static void push_finish(struct chat_reader *rd, struct chat_sink *to, unsigned choice)
{
	struct chat_event e = { .kind = CHAT_FINISH,
		                .choice = choice,
		                .finish = get_finish(rd, choice) };

	if (e.finish == FINISH_STOP && (rd->slots[choice].flags & HAS_CALL))
		e.finish = FINISH_CALLS;
	rd->slots[choice].flags |= IS_TOLD;
	chat_push(to, &e);
}

/* Failures are told at once, with the provider's words, and nothing follows; other
 * reasons are told at the end. */
static void take_finish(struct reading *at, jstr reason, jstr words)
{
	struct chat_reader *rd = at->rd;

	if (rd->slots[at->choice].flags & IS_TOLD)
		return;
	set_finish(rd, at->choice, find_finish(at->to, reason));
	if (get_finish(rd, at->choice) != FINISH_ERROR)
		return;
	push_finish(rd, at->to, at->choice);
	chat_push(at->to, &(struct chat_event){ .kind = CHAT_FAULT,
	                                        .why = FAULT_STREAM_ERROR,
	                                        .text = words.len ? words : reason });
	rd->ended = true;
}

/* ---- blocks ---- */

static bool is_open(const struct reading *at, enum chat_kind what)
{
	const __auto_type slot = &at->rd->slots[at->choice];

	return (slot->flags & IS_OPEN) && slot->kind == what;
}

/* Citations belong to the text that is open. */
static void push_cites(struct reading *at)
{
	const __auto_type slot = &at->rd->slots[at->choice];
	struct gemini_text t = {
		.choice = at->choice,
		.block = slot->block,
		.chars = at->rd->own[OWN_BLOCK] & UINT32_MAX,
		.is_ascii = at->choice == 0 && !(slot->flags & NOT_ASCII),
	};

	if (at->has_cited || !is_open(at, CHAT_TEXT))
		return;
	at->has_cited = true;
	if (!(slot->flags & IN_PIECES))
		t.parts = json_path(at->candidate, "content.parts");
	gemini_push_cites(&t, at->grounding, at->citations, at->to);
}

static void close_block(struct reading *at)
{
	__auto_type slot = &at->rd->slots[at->choice];

	if (!(slot->flags & IS_OPEN))
		return;
	push_cites(at);
	slot->flags &= (uint8_t)~IS_OPEN;
	chat_push(at->to, &(struct chat_event){ .kind = CHAT_CLOSE,
	                                        .choice = at->choice,
	                                        .block = slot->block });
}

static void open_block(struct reading *at, struct chat_event *e)
{
	__auto_type slot = &at->rd->slots[at->choice];

	close_block(at);
	slot->block = slot->key - 1;
	slot->key++;
	slot->kind = (uint8_t)e->what;
	slot->flags |= IS_OPEN;
	if (e->what == CHAT_TEXT && at->choice == 0)
		at->rd->own[OWN_BLOCK] = at->rd->own[OWN_BYTES];
	e->kind = CHAT_OPEN;
	e->choice = at->choice;
	e->block = slot->block;
	chat_push(at->to, e);
}

static void push_piece(struct reading *at, enum chat_kind what, jstr text,
                       struct json_value logprobs)
{
	struct chat_event e = { .what = what };

	if (!is_open(at, what))
		open_block(at, &e);
	e = (struct chat_event){ .kind = CHAT_PIECE,
		                 .choice = at->choice,
		                 .block = at->rd->slots[at->choice].block,
		                 .text = text,
		                 .logprobs = logprobs };
	chat_push(at->to, &e);
}

static void push_seal(struct reading *at, jstr blob)
{
	struct chat_event e = { .what = CHAT_REASONING };

	if (!is_open(at, CHAT_REASONING))
		open_block(at, &e);
	e = (struct chat_event){ .kind = CHAT_SEALED,
		                 .choice = at->choice,
		                 .block = at->rd->slots[at->choice].block,
		                 .seal = { .origin = WIRE_GEMINI, .blob = blob } };
	chat_push(at->to, &e);
	close_block(at);
}

/* ---- parts ---- */

static void read_text(struct reading *at, jstr text, struct json_value logprobs)
{
	uint64_t bytes = 0, chars = 0, *total = &at->rd->own[OWN_BYTES];

	if (!text.len && logprobs.type == JSON_NONE)
		return;
	push_piece(at, CHAT_TEXT, text, logprobs);
	gemini_measure(text, &bytes, &chars);
	if (bytes != chars)
		at->rd->slots[at->choice].flags |= NOT_ASCII;
	if (at->choice == 0)
		*total = ((*total >> 32) + bytes) << 32 |
		         (((*total & UINT32_MAX) + chars) & UINT32_MAX);
}

static void read_call(struct reading *at, struct json_value call)
{
	struct json_value args = json_get(call, STR("args"));
	struct chat_event e = { .what = CHAT_CALL };
	struct buf text = BUF_LIMIT(EMIT_KEPT_MOST);

	e.id = chat_text_in(&at->keep, json_get(call, STR("id")));
	e.name = chat_text_in(&at->keep, json_get(call, STR("name")));
	if (json_get(call, STR("partialArgs")).type != JSON_NONE)
		chat_push_odd(at->to, STR("partialArgs")); /* nobody has asked for them */
	close_block(at);
	at->rd->slots[at->choice].flags |= HAS_CALL;
	at->rd->saw_call = true;
	open_block(at, &e);
	json_escape(&text, args.type == JSON_OBJECT ? args.raw : STR("{}"));
	push_piece(at, CHAT_CALL, buf_str(&text), (struct json_value){ 0 });
	close_block(at);
	buf_free(&text);
}

static void push_whole(struct reading *at, struct chat_event *e)
{
	close_block(at);
	open_block(at, e);
	close_block(at);
}

static void read_blob(struct reading *at, struct json_value part, struct json_value blob)
{
	jstr type = text_of(json_get(blob, STR("mimeType")));
	struct chat_event e = { .what = gemini_kind_of(type),
		                .media_type = type,
		                .text = text_of(json_get(blob, STR("data"))) };

	if (e.what != CHAT_IMAGE && e.what != CHAT_AUDIO)
		e = (struct chat_event){ .what = CHAT_FOREIGN, .raw = part };
	push_whole(at, &e);
}

static void read_part(struct reading *at, struct json_value part,
                      struct json_value *logprobs)
{
	enum { TEXT, THOUGHT, SIGNATURE, BLOB, CALL, OTHER, KINDS };
	static const str names[] = { [TEXT] = STR_INIT("text"),
		                     [THOUGHT] = STR_INIT("thought"),
		                     [SIGNATURE] = STR_INIT("thoughtSignature"),
		                     [BLOB] = STR_INIT("inlineData"),
		                     [CALL] = STR_INIT("functionCall") };
	struct json_value v[KINDS] = { 0 };
	struct json_member m;
	jstr text, seal;

	for (struct json_iter it = json_iter(part); json_next(&it, &m);) {
		unsigned i = 0;

		while (i < OTHER && !str_eq(m.key, names[i]))
			i++;
		if (v[i].type == JSON_NONE)
			v[i] = m.value;
	}
	text = chat_text_in(&at->keep, v[TEXT]);
	seal = chat_text_in(&at->keep, v[SIGNATURE]);
	if (v[THOUGHT].type == JSON_TRUE && v[TEXT].type == JSON_STRING) {
		if (text.len)
			push_piece(at, CHAT_REASONING, text, (struct json_value){ 0 });
		if (seal.len)
			push_seal(at, seal);
		return;
	}
	if (v[CALL].type != JSON_OBJECT && v[BLOB].type != JSON_OBJECT &&
	    v[TEXT].type == JSON_NONE && v[OTHER].type == JSON_OBJECT) {
		push_whole(at, &(struct chat_event){ .what = CHAT_FOREIGN, .raw = part });
		return;
	}
	if (seal.len) {
		close_block(at);
		push_seal(at, seal);
	}
	if (v[CALL].type == JSON_OBJECT) {
		read_call(at, v[CALL]);
	} else if (v[BLOB].type == JSON_OBJECT) {
		read_blob(at, part, v[BLOB]);
	} else if (text.len) {
		read_text(at, text, *logprobs);
		*logprobs = (struct json_value){ 0 };
	}
}

/* ---- candidates ---- */

/* From Gemini 3 on each search is billed, before it the grounded answer. */
static void read_searches(struct chat_reader *rd, struct json_value queries)
{
	uint64_t n = 0;
	struct json_member m;

	for (struct json_iter it = json_iter(queries); json_next(&it, &m);)
		n++;
	if (rd->own[OWN_GENERATION] < 3)
		n = min_of(n, (uint64_t)1);
	rd->usage.searches = max_of(rd->usage.searches, n);
}

static void read_candidate(struct chat_reader *rd, struct json_value candidate,
                           struct chat_sink *to, unsigned place)
{
	struct reading at = { .rd = rd,
		              .to = to,
		              .keep = { .ceiling = 4 * EMIT_KEPT_MOST },
		              .candidate = candidate };
	struct json_value parts = json_path(candidate, "content.parts"), logprobs = { 0 };
	struct json_value result = json_get(candidate, STR("logprobsResult"));
	struct json_value reason = json_get(candidate, STR("finishReason"));
	struct buf text = BUF_LIMIT(EMIT_KEPT_MOST);
	uint64_t index = place;
	struct json_member m;

	json_u64(json_get(candidate, STR("index")), &index);
	if (index >= CHOICES_MOST) {
		chat_push_odd(to, STR("index"));
		return;
	}
	at.choice = (unsigned)index;
	if (rd->slots[index].key == 0)
		rd->slots[index].key = 1;
	at.grounding = json_get(candidate, STR("groundingMetadata"));
	at.citations = json_get(candidate, STR("citationMetadata"));
	if (result.type == JSON_OBJECT) {
		gemini_logprobs_read(result, &text);
		logprobs = (struct json_value){ JSON_ARRAY, buf_str(&text) };
	}
	for (struct json_iter it = json_iter(parts); json_next(&it, &m);)
		read_part(&at, m.value, &logprobs);
	if (logprobs.type != JSON_NONE && logprobs.raw.len > 2)
		read_text(&at, STR_NONE, logprobs);
	push_cites(&at);
	rd->slots[index].flags |= IN_PIECES;
	if (json_has_text(reason))
		take_finish(&at, text_of(reason),
		            text_of(json_get(candidate, STR("finishMessage"))));
	read_searches(rd, json_get(at.grounding, STR("webSearchQueries")));
	buf_free(&text);
	arena_done(&at.keep);
}

/* ---- answers ---- */

/* Every candidate has its finish. */
static bool is_whole(const struct chat_reader *rd)
{
	for (unsigned i = 0; i < CHOICES_MOST; i++) {
		if (rd->slots[i].key && get_finish(rd, i) == FINISH_NONE)
			return false;
	}
	return rd->finished;
}

/* `late`: the event at hand is no part of the answer. */
static void push_end(struct chat_reader *rd, struct chat_sink *to, fault_t late)
{
	for (unsigned i = 0; i < CHOICES_MOST; i++) {
		if (rd->slots[i].key && !(rd->slots[i].flags & IS_TOLD))
			push_finish(rd, to, i);
	}
	if (rd->has_usage)
		chat_push(to,
		          &(struct chat_event){ .kind = CHAT_USAGE, .usage = rd->usage });
	rd->ended = true;
	chat_push(to, &(struct chat_event){ .kind = CHAT_END, .why = late });
}

static void read_error(struct chat_reader *rd, struct json_value error,
                       struct chat_sink *to)
{
	struct complaint c = { .format = WIRE_GEMINI, .text = error.raw };
	struct chat_event e = { .kind = CHAT_FAULT, .why = complaint_fault(&c) };

	if (is_whole(rd)) { /* an error changes nothing any more */
		push_end(rd, to, e.why);
		return;
	}
	rd->ended = true;
	e.text = error.type == JSON_STRING ? text_of(error)
	                                   : text_of(json_get(error, STR("message")));
	chat_push(to, &e);
}

/* A prompt that was blocked has no candidates. */
static void read_feedback(struct chat_reader *rd, struct json_value feedback)
{
	if (!json_has_text(json_get(feedback, STR("blockReason"))))
		return;
	if (rd->slots[0].key == 0)
		rd->slots[0].key = 1;
	set_finish(rd, 0, FINISH_FILTER);
}

static void read_beginning(struct chat_reader *rd, struct json_value root,
                           struct chat_sink *to)
{
	jstr id = text_of(json_get(root, STR("responseId")));
	jstr model = text_of(json_get(root, STR("modelVersion")));

	if (rd->begun || (!id.len && !model.len))
		return;
	rd->begun = true;
	rd->own[OWN_GENERATION] = gemini_model_of(model)->generation;
	chat_push_begin(to, id, model);
}

static fault_t read_answer(struct chat_reader *rd, struct json_value root,
                           struct chat_sink *to)
{
	struct json_value error = json_get(root, STR("error"));
	struct json_value candidates = json_get(root, STR("candidates"));
	struct json_value feedback = json_get(root, STR("promptFeedback"));
	struct json_value usage = json_get(root, STR("usageMetadata"));
	struct json_member m;
	unsigned place = 0;

	if (root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	if (error.type == JSON_OBJECT || error.type == JSON_STRING) {
		read_error(rd, error, to);
		return NULL;
	}
	if (candidates.type != JSON_ARRAY && feedback.type != JSON_OBJECT &&
	    usage.type != JSON_OBJECT) {
		struct json_iter it = json_iter(root);

		chat_push_odd(to, json_next(&it, &m) ? m.key : STR("{}"));
		return NULL;
	}
	read_beginning(rd, root, to);
	for (struct json_iter it = json_iter(candidates); json_next(&it, &m);)
		read_candidate(rd, m.value, to, place++);
	read_feedback(rd, feedback);
	gemini_read_usage(rd, &rd->own[OWN_PROMPT], usage, to);
	return NULL;
}

/* One object, or an array of them (a stream without alt=sse). */
static fault_t read_body(struct chat_reader *rd, str body, struct chat_sink *to)
{
	struct json_value root;
	struct json_member m;
	fault_t why = NULL;

	if (json_check(body, &json_limits_default, &root))
		return FAULT_UPSTREAM_MALFORMED;
	if (root.type != JSON_ARRAY)
		return read_answer(rd, root, to);
	for (struct json_iter it = json_iter(root);
	     !why && !rd->ended && json_next(&it, &m);)
		why = read_answer(rd, m.value, to);
	return why;
}

fault_t gemini_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to)
{
	(void)name;
	if (rd->ended)
		return NULL;
	if (str_starts(data, STR("[DONE]"))) /* of proxies; Google never says it */
		return NULL;
	return read_body(rd, data, to);
}

bool gemini_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	if (rd->ended || !is_whole(rd))
		return false;
	push_end(rd, to, NULL);
	return true;
}

fault_t gemini_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	fault_t why = read_body(rd, body, to);

	if (why || rd->ended)
		return why;
	if (!rd->begun && !rd->finished && !rd->has_usage)
		return FAULT_UPSTREAM_MALFORMED;
	/* A whole answer needs no reason to be whole. */
	for (unsigned i = 0; i < CHOICES_MOST; i++) {
		if ((i == 0 || rd->slots[i].key) && get_finish(rd, i) == FINISH_NONE) {
			rd->slots[i].key += rd->slots[i].key == 0;
			set_finish(rd, i, FINISH_STOP);
		}
	}
	push_end(rd, to, NULL);
	return NULL;
}
