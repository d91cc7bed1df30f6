/* openai_fold.c - chat and text completions in the shape they were not asked for: a
 * stream folded to one answer, and an answer unfolded to a stream.
 *
 * Folding is a table of what becomes of each member (fold.h); only where calls begin and
 * what is a whole answer is code.  Unfolding makes two chunks of each choice: all it
 * says, and its finish.  Both copy values as they stand. */
#include "wire/openai_fold.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "codec/sse.h"
#include "wire/complaint.h"
#include "wire/fold.h"

enum {
	STREAM_MOST = 8 * MiB,
	KEEP_MOST = 24 * MiB, /* lists of places, a few words each */
	CHOICES_MOST = 128,
	CALLS_MOST = 256,
};

/* ---- what becomes of members ---- */

static bool differs(const struct fold_object *held, str name, struct json_value now)
{
	const struct fold_member *m = fold_find(held, name);

	return m && json_has_text(m->value) && json_has_text(now) &&
	       !str_eq(m->value.raw, now.raw);
}

static bool has_place(struct json_value item)
{
	return json_get(item, STR("index")).type == JSON_NUMBER;
}

/* Has it the name of what is called? */
static bool is_called(const struct fold_object *held)
{
	const str places[] = { STR("function"), STR("custom") };

	for (size_t i = 0; i < countof(places); i++) {
		const struct fold_member *m = fold_find(held, places[i]);
		const struct fold_member *name =
		        m && m->objects ? fold_find(m->objects, STR("name")) : NULL;

		if (name && json_has_text(name->value))
			return true;
	}
	return false;
}

/* Some providers give one index to several calls or details: then item is the next one,
 * never a piece of the one before.  An id alone proves nothing, because others make up a
 * new one for each piece of a call.  Of calls with neither each comes whole. */
static bool begins_anew(const struct fold_object *held, struct json_value item)
{
	const struct fold_member *sealed = fold_find(held, STR("data"));
	bool is_named = json_has_text(json_path(item, "function.name")) ||
	                json_has_text(json_path(item, "custom.name"));

	if (differs(held, STR("type"), json_get(item, STR("type"))))
		return true;
	if (sealed && json_has_text(sealed->value) &&
	    json_has_text(json_get(item, STR("data"))))
		return true;
	if (is_named && is_called(held) && !json_has_text(json_get(item, STR("id"))) &&
	    !has_place(item))
		return true;
	return is_named && differs(held, STR("id"), json_get(item, STR("id")));
}

#define CHAT STR_INIT("\"chat.completion\"")
#define NAME(literal) .name = STR_INIT(literal)

static const struct fold_rule no_rules[] = { { .how = FOLD_LAST } };

static const struct fold_rule function_rules[] = {
	{ NAME("name"), FOLD_FIRST },
	{ NAME("arguments"), FOLD_JOIN },
	{ NAME("input"), FOLD_JOIN }, /* of a custom tool */
	{ .how = FOLD_LAST },
};

static const struct fold_rule call_rules[] = {
	{ NAME("index"), FOLD_DROP },
	{ NAME("id"), FOLD_FIRST },
	{ NAME("type"), FOLD_FIRST },
	{ NAME("function"), FOLD_MERGE, .inside = function_rules },
	{ NAME("custom"), FOLD_MERGE, .inside = function_rules },
	{ .how = FOLD_LAST },
};

static const struct fold_rule detail_rules[] = {
	{ NAME("text"), FOLD_JOIN },
	{ NAME("summary"), FOLD_JOIN },
	{ .how = FOLD_LAST },
};

static const struct fold_rule audio_rules[] = {
	{ NAME("id"), FOLD_FIRST },
	{ NAME("data"), FOLD_JOIN },
	{ NAME("transcript"), FOLD_JOIN },
	{ .how = FOLD_LAST },
};

static const struct fold_rule message_rules[] = {
	{ NAME("role"), FOLD_FIRST, .fill = STR_INIT("\"assistant\"") },
	{ NAME("content"), FOLD_JOIN, .fill = STR_INIT("null") },
	{ NAME("refusal"), FOLD_JOIN },
	{ NAME("reasoning_content"), FOLD_JOIN },
	{ NAME("reasoning"), FOLD_JOIN },
	{ NAME("reasoning_details"), FOLD_LIST, CALLS_MOST, detail_rules, begins_anew },
	{ NAME("tool_calls"), FOLD_LIST, CALLS_MOST, call_rules, begins_anew },
	{ NAME("function_call"), FOLD_MERGE, .inside = function_rules },
	{ NAME("annotations"), FOLD_JOIN },
	{ NAME("audio"), FOLD_MERGE, .inside = audio_rules },
	{ NAME("executed_tools"), FOLD_LIST, CALLS_MOST, no_rules },
	{ .how = FOLD_LAST },
};

/* Of chat completions, and from "tokens" on of text completions. */
static const struct fold_rule logprobs_rules[] = {
	{ NAME("content"), FOLD_JOIN },
	{ NAME("refusal"), FOLD_JOIN },
	{ NAME("tokens"), FOLD_JOIN },
	{ NAME("token_logprobs"), FOLD_JOIN },
	{ NAME("top_logprobs"), FOLD_JOIN },
	{ NAME("text_offset"), FOLD_JOIN },
	{ .how = FOLD_LAST },
};

static const struct fold_rule choice_rules[] = {
	{ NAME("index"), FOLD_FIRST, .fill = STR_INIT("0") },
	{ NAME("delta"), FOLD_MERGE, .inside = message_rules, .as = STR_INIT("message") },
	{ NAME("message"), FOLD_MERGE, .inside = message_rules,
	  .less = STR_INIT("delta") },
	{ NAME("text"), FOLD_JOIN },
	{ NAME("logprobs"), FOLD_MERGE, .inside = logprobs_rules },
	{ NAME("token_ids"), FOLD_JOIN },
	{ .how = FOLD_LAST },
};

static const struct fold_rule root_rules[] = {
	{ NAME("id"), FOLD_FIRST },
	{ NAME("object"), FOLD_FIRST, .fill = CHAT },
	{ NAME("created"), FOLD_FIRST },
	{ NAME("model"), FOLD_FIRST },
	{ NAME("system_fingerprint"), FOLD_FIRST },
	{ NAME("service_tier"), FOLD_FIRST },
	{ NAME("choices"), FOLD_LIST, CHOICES_MOST, choice_rules },
	{ NAME("obfuscation"), FOLD_DROP }, /* padding of single events */
	{ .how = FOLD_LAST },
};

/* ---- events ---- */

/* An error that comes with an answer is none. */
static bool is_error(struct json_value root)
{
	struct json_value error = json_get(root, STR("error"));
	struct json_iter choices = json_iter(json_get(root, STR("choices")));
	struct json_member m;

	if (json_text_is(json_get(root, STR("object")), STR("error")))
		return true;
	return (error.type == JSON_OBJECT || json_has_text(error)) &&
	       !json_next(&choices, &m);
}

/* What an event says, to last as long as the fold. */
static str data_of(struct fold *f, const struct sse_found *event)
{
	struct buf joined = BUF_LIMIT(event->raw.len);
	str data = event->data;

	if (!event->several)
		return data;
	sse_join(event, &joined);
	char *copy = arena_try(&f->keep, joined.len);
	if (copy)
		data = str_of(memcpy(copy, joined.ptr, joined.len), joined.len);
	else
		f->why = FAULT_UPSTREAM_LARGE;
	buf_free(&joined);
	return data;
}

/* False when this was the end mark. */
static bool take_event(struct fold *f, const struct sse_found *event)
{
	struct json_value root;
	str data = data_of(f, event);

	if (f->why || data.len == 0)
		return true;
	if (str_starts(data, STR("[DONE]")))
		return false;
	bool is_object = !json_check(data, &json_limits_default, &root) &&
	                 root.type == JSON_OBJECT;
	if (str_eq(event->name, STR("error")) || (is_object && is_error(root)))
		f->why = complaint_fault(
		        &(struct complaint){ .format = WIRE_OPENAI_CHAT, .text = data });
	else if (!is_object)
		f->why = FAULT_UPSTREAM_MALFORMED;
	else
		fold_take(f, root);
	return true;
}

/* Is this a whole answer? */
static fault_t check_choices(const struct fold *f, bool is_ended)
{
	const struct fold_member *choices = fold_find(&f->root, STR("choices"));

	if (!choices || !choices->objects)
		return is_ended ? FAULT_EMPTY_ANSWER : FAULT_UPSTREAM_CUT;
	for (const struct fold_object *o = choices->objects; o; o = o->next) {
		const struct fold_member *finish = fold_find(o, STR("finish_reason"));

		if (!finish || !json_has_text(finish->value))
			return FAULT_UPSTREAM_CUT;
		if (json_text_is(finish->value, STR("error")))
			return FAULT_STREAM_ERROR;
	}
	return NULL;
}

static void name_answer(struct fold *f)
{
	static const struct json_value chat = { JSON_STRING, CHAT };
	struct fold_member *object = fold_find(&f->root, STR("object"));

	if (object && !json_text_is(object->value, STR("text_completion")))
		object->value = chat;
}

fault_t openai_fold(str stream, struct buf *to)
{
	struct fold f = { .rules = root_rules, .keep = { .ceiling = KEEP_MOST } };
	struct sse_scan scan = { 0 };
	struct sse_found event;
	bool is_ended = false;

	if (stream.len > STREAM_MOST)
		return FAULT_UPSTREAM_LARGE;
	while (!f.why && !is_ended && sse_scan(&scan, stream, &event)) {
		stream = str_from(stream, event.raw.len);
		is_ended = event.has_data && !take_event(&f, &event);
	}
	if (!f.why)
		f.why = check_choices(&f, is_ended);
	name_answer(&f);
	if (!f.why)
		f.why = fold_write(&f, to);
	fold_done(&f);
	return f.why;
}

/* ---- an answer as a stream ---- */

struct unfold {
	struct json_value root;
	bool is_text;    /* a text completion */
	bool with_usage; /* every chunk has the member, as null until the last */
	bool has_begun;
	struct json_writer w;
	size_t chunk_at; /* where the JSON of this chunk begins */
};

static bool is_one_of(str key, const str *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fold_key_is(key, names[i]))
			return true;
	}
	return false;
}

static void copy_member(struct json_writer *w, const struct json_member *m)
{
	fold_write_key(w, m->key);
	json_raw(w, m->value.raw);
}

/* What says whose chunk it is stands in all of them, the rest of the root in the first.
 */
static void open_chunk(struct unfold *u)
{
	static const str head[] = { STR_INIT("id"), STR_INIT("created"),
		                    STR_INIT("model"), STR_INIT("system_fingerprint"),
		                    STR_INIT("service_tier") };
	static const str ours[] = { STR_INIT("object"), STR_INIT("choices"),
		                    STR_INIT("usage") };
	struct json_iter it = json_iter(u->root);
	struct json_member m;

	buf_add(u->w.to, STR("data: "));
	u->chunk_at = u->w.to->len;
	u->w = (struct json_writer){ .to = u->w.to };
	json_open(&u->w, '{');
	json_key_str(&u->w, STR("object"),
	             u->is_text ? STR("text_completion") : STR("chat.completion.chunk"));
	while (json_next(&it, &m)) {
		if (is_one_of(m.key, head, countof(head)) ||
		    (!u->has_begun && !is_one_of(m.key, ours, countof(ours))))
			copy_member(&u->w, &m);
	}
	u->has_begun = true;
	json_key(&u->w, STR("choices"));
	json_open(&u->w, '[');
}

/* An event's data is one line.  Line ends in JSON are always between tokens. */
static void close_chunk(struct unfold *u, struct json_value usage)
{
	struct buf *to = u->w.to;
	size_t len = u->chunk_at;

	json_close(&u->w, ']');
	if (u->with_usage) {
		json_key(&u->w, STR("usage"));
		json_raw(&u->w, usage.type == JSON_NONE ? STR("null") : usage.raw);
	}
	json_close(&u->w, '}');
	for (size_t i = len; i < to->len; i++) {
		if (to->ptr[i] != '\n' && to->ptr[i] != '\r')
			to->ptr[len++] = to->ptr[i];
	}
	to->len = len;
	buf_add(to, STR("\n\n"));
}

/* Calls of a message have a place; calls of a delta say it. */
static void write_calls(struct json_writer *w, struct json_value calls)
{
	struct json_iter it = json_iter(calls);
	struct json_member call, m;

	json_open(w, '[');
	for (uint64_t n = 0; json_next(&it, &call); n++) {
		struct json_iter members = json_iter(call.value);

		if (call.value.type != JSON_OBJECT ||
		    json_get(call.value, STR("index")).type != JSON_NONE) {
			json_raw(w, call.value.raw);
			continue;
		}
		json_open(w, '{');
		json_key(w, STR("index"));
		json_uint(w, n);
		while (json_next(&members, &m))
			copy_member(w, &m);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void write_delta(struct json_writer *w, struct json_value message)
{
	struct json_iter it = json_iter(message);
	struct json_member m;

	json_open(w, '{');
	while (it.is_object && json_next(&it, &m)) {
		if (m.value.type == JSON_ARRAY && fold_key_is(m.key, STR("tool_calls"))) {
			json_key(w, STR("tool_calls"));
			write_calls(w, m.value);
		} else {
			copy_member(w, &m);
		}
	}
	json_close(w, '}');
}

static void write_index(struct json_writer *w, struct json_value choice, uint64_t n)
{
	struct json_value index = json_get(choice, STR("index"));

	json_open(w, '{');
	json_key(w, STR("index"));
	index.type == JSON_NUMBER ? json_raw(w, index.raw) : json_uint(w, n);
}

/* All that a choice says. */
static void write_choice(struct unfold *u, struct json_value choice, uint64_t n)
{
	static const str names[] = { STR_INIT("text"), STR_INIT("logprobs") };
	struct json_iter it = json_iter(choice);
	struct json_writer *w = &u->w;
	struct json_member m;

	open_chunk(u);
	write_index(w, choice, n);
	if (!u->is_text) {
		json_key(w, STR("delta"));
		write_delta(w, json_get(choice, STR("message")));
	}
	while (json_next(&it, &m)) {
		if (is_one_of(m.key, names, countof(names)))
			copy_member(w, &m);
	}
	json_key(w, STR("finish_reason"));
	json_null(w);
	json_close(w, '}');
	close_chunk(u, (struct json_value){ .type = JSON_NONE });
}

/* Its finish, with what providers add to that; as they wrote it, or null. */
static void write_finish(struct unfold *u, struct json_value choice, uint64_t n)
{
	static const str before[] = { STR_INIT("index"),    STR_INIT("message"),
		                      STR_INIT("delta"),    STR_INIT("text"),
		                      STR_INIT("logprobs"), STR_INIT("finish_reason") };
	struct json_value finish = json_get(choice, STR("finish_reason"));
	struct json_iter it = json_iter(choice);
	struct json_writer *w = &u->w;
	struct json_member m;

	open_chunk(u);
	write_index(w, choice, n);
	json_key(w, u->is_text ? STR("text") : STR("delta"));
	json_raw(w, u->is_text ? STR("\"\"") : STR("{}"));
	json_key(w, STR("logprobs"));
	json_null(w);
	json_key(w, STR("finish_reason"));
	json_raw(w, finish.type == JSON_NONE ? STR("null") : finish.raw);
	while (json_next(&it, &m)) {
		if (!is_one_of(m.key, before, countof(before)))
			copy_member(w, &m);
	}
	json_close(w, '}');
	close_chunk(u, (struct json_value){ .type = JSON_NONE });
}

static bool are_objects(struct json_value list)
{
	struct json_iter it = json_iter(list);
	struct json_member m;

	while (json_next(&it, &m)) {
		if (m.value.type != JSON_OBJECT)
			return false;
	}
	return list.type == JSON_ARRAY;
}

fault_t openai_unfold(str body, bool with_usage, struct buf *to)
{
	struct unfold u = { .with_usage = with_usage, .w = { .to = to } };
	struct json_value choices, usage;
	struct json_member choice;
	size_t before = to->len;

	if (json_check(body, &json_limits_default, &u.root))
		return FAULT_UPSTREAM_MALFORMED;
	choices = json_get(u.root, STR("choices"));
	usage = json_get(u.root, STR("usage"));
	if (!are_objects(choices))
		return FAULT_UPSTREAM_MALFORMED;
	u.is_text = json_text_is(json_get(u.root, STR("object")), STR("text_completion"));
	struct json_iter it = json_iter(choices);
	for (uint64_t n = 0; !to->over && json_next(&it, &choice); n++) {
		write_choice(&u, choice.value, n);
		write_finish(&u, choice.value, n);
	}
	if (with_usage && usage.type == JSON_OBJECT) {
		open_chunk(&u);
		close_chunk(&u, usage);
	}
	buf_add(to, STR("data: [DONE]\n\n"));
	if (!to->over)
		return NULL;
	to->len = before;
	return FAULT_UPSTREAM_LARGE;
}
