/* prompt.c - reads a request for text and decides what is said.
 *
 * Of a conversation three things matter: the last text of the user, whether a tool has
 * just answered, and how many tokens it all has. */
#include "codec/utf8.h"
#include "mock/text.h"

enum {
	CHOICES_MOST = 16,
	ECHO_MOST = 256 * KiB, /* of what is said back */
	LOREM_TOKENS = 60,
};

struct conversation {
	str last_user;  /* what the user said last */
	str asked;      /* what was before what we said last */
	str said;       /* what we said last; or empty */
	bool said_last; /* and nobody has said anything since */
	str last;       /* what was said last, by whomever */
	bool tool_answered;
	uint64_t tokens;
};

/* The text of a message's content: a string, or parts of which some are text. */
static str content_text(struct call *c, struct json_value content)
{
	char *room = arena_alloc(&c->arena, content.raw.len + 1);
	struct json_member part;
	size_t used = 0;

	if (content.type == JSON_STRING)
		return json_text(content, room);
	for (struct json_iter it = json_iter(content); json_next(&it, &part);) {
		str text = json_text(json_get(part.value, STR("text")), room + used);

		if (text.len == 0)
			continue;
		memmove(room + used, text.ptr, text.len);
		used += text.len;
		room[used++] = ' ';
	}
	return str_of(room, used > 0 ? used - 1 : 0);
}

static refusal_t read_messages(struct call *c, struct conversation *ret)
{
	struct json_value messages = call_get(c, STR("messages"));
	struct json_member m;

	if (messages.type == JSON_NONE)
		return call_refuse(c, REFUSE_MISSING, STR("messages"));
	for (struct json_iter it = json_iter(messages); json_next(&it, &m);) {
		struct json_value role = json_get(m.value, STR("role"));

		if (role.type != JSON_STRING)
			return call_refuse(c, REFUSE_BAD_VALUE, STR("messages"));
		ret->last = content_text(c, json_get(m.value, STR("content")));
		ret->tokens += words_count(ret->last);
		ret->tool_answered = json_text_is(role, STR("tool"));
		ret->said_last = json_text_is(role, STR("assistant"));
		if (ret->said_last) {
			ret->said = ret->last;
			ret->asked = ret->last_user;
		}
		if (json_text_is(role, STR("user")))
			ret->last_user = ret->last;
	}
	if (!ret->last.ptr)
		return call_refuse(c, REFUSE_BAD_VALUE, STR("messages"));
	return NULL;
}

/* A string, several, or token numbers, each of which counts as a token. */
static refusal_t read_prompt(struct call *c, struct conversation *ret)
{
	struct json_value prompt = call_get(c, STR("prompt"));
	struct json_member m;

	if (prompt.type == JSON_NONE)
		return call_refuse(c, REFUSE_MISSING, STR("prompt"));
	if (prompt.type == JSON_STRING) {
		ret->last_user = content_text(c, prompt);
		ret->tokens = words_count(ret->last_user);
		return NULL;
	}
	for (struct json_iter it = json_iter(prompt); json_next(&it, &m);) {
		str text = content_text(c, m.value);

		ret->last_user = text.len ? text : ret->last_user;
		ret->tokens += text.len ? words_count(text) : 1;
	}
	return NULL;
}

/* ---- what is said ---- */

/* What was said, said back; not more than is good for a demo. */
static str say_back(struct call *c, str before, str text)
{
	str said = utf8_first(text, ECHO_MOST);
	struct buf b = BUF_LIMIT(before.len + ECHO_MOST);
	str all;

	buf_add(&b, before);
	buf_add(&b, said);
	all = arena_copy(&c->arena, buf_str(&b));
	buf_free(&b);
	return all;
}

static str echo(struct call *c, const struct conversation *talk)
{
	return say_back(c, STR("You said: "), talk->last_user);
}

/* The function that is to be called: the one that is chosen, or the first. */
static struct json_value find_function(const struct call *c)
{
	struct json_value choice = call_get(c, STR("tool_choice"));
	struct json_value wanted = json_path(choice, "function.name");
	struct json_value found = { JSON_NONE, STR_NONE };
	struct json_member tool;

	if (json_text_is(choice, STR("none")))
		return found;
	for (struct json_iter it = json_iter(call_get(c, STR("tools")));
	     json_next(&it, &tool);) {
		struct json_value f = json_get(tool.value, STR("function"));
		struct json_value name = json_get(f, STR("name"));

		if (name.type != JSON_STRING)
			continue;
		if (wanted.type == JSON_NONE || str_eq(name.raw, wanted.raw))
			return f;
	}
	return found;
}

/* An example of what the schema describes, as text. */
static bool write_example(struct call *c, struct json_value schema, str *ret)
{
	struct buf b = BUF_LIMIT(1 * MiB);
	struct json_writer w = { .to = &b };
	bool fits = schema_example(schema, &c->arena, &w);

	*ret = arena_copy(&c->arena, buf_str(&b));
	buf_free(&b);
	return fits;
}

static refusal_t say_call(struct call *c, const struct conversation *talk,
                          struct text *ret)
{
	struct json_value function = find_function(c);
	struct json_value parameters = json_get(function, STR("parameters"));

	if (talk->tool_answered) {
		ret->says = say_back(c, STR("The tool said: "), talk->last);
	} else if (function.type == JSON_NONE) {
		ret->says = STR("No tool was offered that may be called.");
	} else {
		ret->tool = call_text(c, json_get(function, STR("name")));
		ret->says = STR("{}");
		ret->finish = STR("tool_calls");
		if (parameters.type == JSON_OBJECT &&
		    !write_example(c, parameters, &ret->says))
			return call_refuse(c, REFUSE_BAD_SCHEMA, STR("tools"));
	}
	return NULL;
}

static refusal_t say_json(struct call *c, const struct conversation *talk,
                          struct text *ret)
{
	struct json_value format = call_get(c, STR("response_format"));
	struct json_value schema = json_path(format, "json_schema.schema");
	struct buf b = BUF_LIMIT(8 * ECHO_MOST);
	struct json_writer w = { .to = &b };

	if (json_text_is(json_get(format, STR("type")), STR("json_schema"))) {
		if (schema.type != JSON_OBJECT)
			return call_refuse(c, REFUSE_MISSING, STR("response_format"));
		if (!write_example(c, schema, &ret->says))
			return call_refuse(c, REFUSE_BAD_SCHEMA, STR("response_format"));
		return NULL;
	}
	json_open(&w, '{');
	json_key_str(&w, STR("answer"), echo(c, talk));
	json_close(&w, '}');
	ret->says = arena_copy(&c->arena, buf_str(&b));
	buf_free(&b);
	return NULL;
}

/* As long as is allowed; what breaks needs enough text to break in. */
static void say_lorem(struct call *c, uint64_t allowed, struct text *ret)
{
	uint64_t tokens = allowed != UINT64_MAX ? allowed : LOREM_TOKENS;

	if (c->tokens != UINT64_MAX)
		tokens = c->model->ends == ENDS_WHOLE || c->fault
		                 ? c->tokens
		                 : max_of(tokens, c->tokens);
	ret->says = words_lorem(&c->arena, min_of(tokens, (uint64_t)TOKENS_MOST));
}

/* ---- going on ---- */

enum { ANCHOR_LEAST = 8, ANCHOR_MOST = 400, ANCHOR_USUAL = 40 };

/* The last words of `said` which the user quotes, else as many as is usual. */
static str find_anchor(str said, str user)
{
	size_t n = min_of(said.len, (size_t)ANCHOR_MOST);

	while (n >= ANCHOR_LEAST &&
	       str_find_str(user, str_from(said, said.len - n)) == user.len)
		n--;
	if (n < ANCHOR_LEAST)
		n = min_of(said.len, (size_t)ANCHOR_USUAL);
	while (n < said.len && !utf8_begins(said.ptr[said.len - n]))
		n++; /* not within a character */
	return str_from(said, said.len - n);
}

/* What we would say is begun already: the rest of it, behind what is to be repeated. */
static void go_on(struct call *c, const struct conversation *talk, struct text *ret)
{
	str anchor =
	        talk->said_last ? STR_NONE : find_anchor(talk->said, talk->last_user);
	str rest = str_from(ret->says, talk->said.len);

	ret->says = arena_printf(&c->arena, "%.*s%.*s", STR_ARG(anchor), STR_ARG(rest));
	ret->thinks = STR_NONE;
}

/* Is that the beginning of what we would say, and no more than that? */
static bool is_begun(const struct conversation *talk, const struct text *t)
{
	return talk->said.len && talk->said.len < t->says.len && !t->tool.len &&
	       str_starts(t->says, talk->said);
}

static refusal_t say(struct call *c, const struct conversation *talk, uint64_t allowed,
                     struct text *ret)
{
	switch (c->model->says) {
	case SAYS_ECHO:
		ret->says = echo(c, talk);
		return NULL;
	case SAYS_LOREM:
		say_lorem(c, allowed, ret);
		return NULL;
	case SAYS_CALL:
		return say_call(c, talk, ret);
	case SAYS_JSON:
		return say_json(c, talk, ret);
	case SAYS_THOUGHT:
		ret->thinks = say_back(c, STR("I am asked: "), talk->last_user);
		ret->says = echo(c, talk);
		return NULL;
	}
	return NULL;
}

/* An answer that was broken off is gone on with; else a new one is given. */
static refusal_t say_or_go_on(struct call *c, struct conversation *talk, uint64_t allowed,
                              struct text *ret)
{
	struct conversation before = *talk;
	bool has_lorem = c->model->says == SAYS_LOREM;
	refusal_t why;

	if (talk->said.len && ret->is_chat) {
		before.last_user = before.last = talk->asked;
		before.tool_answered = false;
		why = say(c, &before, has_lorem ? UINT64_MAX : allowed, ret);
		if (!why && is_begun(talk, ret)) {
			go_on(c, talk, ret);
			return NULL;
		}
		ret->says = ret->thinks = ret->tool = STR_NONE;
		ret->finish = STR("stop");
	}
	return say(c, talk, allowed, ret);
}

/* Both members are known; the smaller one holds.  UINT64_MAX: none. */
static refusal_t read_allowed(struct call *c, uint64_t *ret)
{
	uint64_t older, newer;

	if (!call_count(c, STR("max_tokens"), 1, INT64_MAX, UINT64_MAX, &older))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("max_tokens"));
	if (!call_count(c, STR("max_completion_tokens"), 1, INT64_MAX, UINT64_MAX,
	                &newer))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("max_completion_tokens"));
	*ret = min_of(older, newer);
	return NULL;
}

refusal_t prompt_read(struct call *c, struct text *ret)
{
	struct conversation talk = { .tokens = 0 };
	uint64_t allowed = UINT64_MAX;
	refusal_t why;

	ret->is_chat = c->op == OP_CHAT;
	ret->finish = STR("stop");
	ret->is_stream = call_get(c, STR("stream")).type == JSON_TRUE;
	ret->with_usage =
	        json_path(c->json, "stream_options.include_usage").type == JSON_TRUE;
	if (!call_count(c, STR("n"), 1, CHOICES_MOST, 1, &ret->choices))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("n"));
	why = read_allowed(c, &allowed);
	if (!why)
		why = ret->is_chat ? read_messages(c, &talk) : read_prompt(c, &talk);
	if (!why)
		why = say_or_go_on(c, &talk, allowed, ret);
	if (why)
		return why;
	ret->prompt = talk.tokens;
	ret->thought = words_count(ret->thinks);
	ret->completion = words_count(ret->says);
	if (!ret->tool.len && ret->completion >= allowed) {
		ret->says = words_first(ret->says, allowed);
		ret->completion = allowed;
		ret->finish = STR("length");
	}
	ret->completion += ret->thought;
	return NULL;
}
