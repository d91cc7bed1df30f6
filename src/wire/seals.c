/* seals.c - seals that a client echoes, taken out of the bytes of its body.
 *
 * A search through the bytes says that there is none, as in nearly all bodies; where the
 * mark is found, a walk looks at the members that can hold a seal.  Text of a user may
 * have the mark, and so may a program that a tool has read.
 *
 * What another vendor thought goes as a whole; a seal that this one takes loses our mark;
 * of a text the seal goes alone.  Where that leaves what a provider refuses, nothing is
 * cut: the writer of the format knows what else has to change. */
#include "wire/seals.h"

#include "codec/json_cut.h"
#include "codec/text.h"
#include "wire/gemini.h"

/* What becomes of a block. */
enum fate {
	KEPT,
	EDITED,
	CUT,
	UNSURE, /* not known here */
};

/* Where a format has seals.  All that is listed may also be one object (Gemini). */
struct places {
	const char *counted; /* the chat in a body that asks for its tokens; or NULL */
	str list;            /* of messages, or of what has the seals */
	str blocks;          /* in each of them; empty: they are the blocks */
	enum fate (*fate)(struct json_value block);
	void (*edit)(struct edit_copy *c, struct json_value block);
	bool alternates; /* no message may go as a whole */
	/* Does the chat ask for thinking, which then has to precede calls?  NULL: no
	 * matter. */
	bool (*thinks)(struct json_value chat);
};

/* ---- seals ---- */

static bool has_mark(str body, enum wire_format format)
{
	bool may_be_coded = format == WIRE_GEMINI || format == WIRE_BEDROCK;

	/* Both have a digit that texts seldom have. */
	return str_has_by(body, STR(CHAT_SEAL_MARK), 6) ||
	       (may_be_coded && str_has_by(body, STR(CHAT_SEAL_MARK_BASE64), 3));
}

static bool is_marked(struct json_value v)
{
	return v.type == JSON_STRING &&
	       str_starts(str_from(v.raw, 1), STR(CHAT_SEAL_MARK));
}

/* The same for clients who decode what they get. */
static bool is_coded(struct json_value v)
{
	return v.type == JSON_STRING &&
	       str_starts(str_from(v.raw, 1), STR(CHAT_SEAL_MARK_BASE64));
}

static struct chat_seal seal_of(struct json_value v, enum wire_format format)
{
	return chat_seal_read(str_of(v.raw.ptr + 1, v.raw.len - 2), format);
}

/* redacted: it stands where a seal without a text does. */
static enum fate fate_of(struct json_value v, enum wire_format format, bool redacted)
{
	struct chat_seal s;

	if (!is_marked(v))
		return KEPT;
	s = seal_of(v, format);
	if (str_starts(s.blob, STR(CHAT_SEAL_MARK))) /* never ours */
		return CUT;
	return chat_seal_fits(&s, format) && s.redacted == redacted ? EDITED : CUT;
}

static void unmark(struct edit_copy *c, struct json_value v, enum wire_format format)
{
	const char *inside = v.raw.ptr + 1;
	size_t mark;

	if (!is_marked(v))
		return;
	mark = (size_t)(seal_of(v, format).blob.ptr - inside);
	edit_copy_put(c, str_of(inside, mark), STR_NONE);
}

static bool is_of_type(struct json_value block, str type)
{
	return json_text_is(json_get(block, STR("type")), type);
}

/* The member with that value, found before. */
static bool is_value(const struct json_member *m, struct json_value v)
{
	return m->value.raw.ptr == v.raw.ptr;
}

static void cut_member(struct edit_copy *c, struct json_value object, struct json_value v)
{
	struct json_member m;

	for (struct json_cut in = json_cut(c, object); json_cut_next(&in, &m);) {
		if (is_value(&m, v))
			json_cut_out(&in);
	}
}

/* ---- openai-chat ---- */

static bool has_marked(struct json_value details)
{
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (is_marked(json_get(m.value, STR("data"))) ||
		    is_marked(json_get(m.value, STR("signature"))))
			return true;
	}
	return false;
}

static enum fate openai_fate(struct json_value message)
{
	return has_marked(json_get(message, STR("reasoning_details"))) ? EDITED : KEPT;
}

static void openai_edit(struct edit_copy *c, struct json_value message)
{
	cut_member(c, message, json_get(message, STR("reasoning_details")));
}

/* ---- openai-responses ---- */

static enum fate responses_fate(struct json_value item)
{
	if (!is_of_type(item, STR("reasoning")))
		return KEPT;
	return fate_of(json_get(item, STR("encrypted_content")), WIRE_OPENAI_RESPONSES,
	               false);
}

static void responses_edit(struct edit_copy *c, struct json_value item)
{
	unmark(c, json_get(item, STR("encrypted_content")), WIRE_OPENAI_RESPONSES);
}

/* ---- anthropic ---- */

/* How many citations are of answers that were not Anthropic's. */
static unsigned count_foreign(struct json_value citations, unsigned *ret_all)
{
	struct json_member m;
	unsigned foreign = 0;

	*ret_all = 0;
	for (struct json_iter it = json_iter(citations); json_next(&it, &m); ++*ret_all)
		foreign += is_marked(json_get(m.value, STR("encrypted_index")));
	return foreign;
}

static enum fate anthropic_fate(struct json_value block)
{
	unsigned all;

	if (is_of_type(block, STR("thinking")))
		return fate_of(json_get(block, STR("signature")), WIRE_ANTHROPIC, false);
	if (is_of_type(block, STR("redacted_thinking")))
		return fate_of(json_get(block, STR("data")), WIRE_ANTHROPIC, true);
	if (is_of_type(block, STR("text")) &&
	    count_foreign(json_get(block, STR("citations")), &all))
		return EDITED;
	return KEPT;
}

static void cut_citations(struct edit_copy *c, struct json_value list)
{
	struct json_member m;

	for (struct json_cut in = json_cut(c, list); json_cut_next(&in, &m);) {
		if (is_marked(json_get(m.value, STR("encrypted_index"))))
			json_cut_out(&in);
	}
}

static void anthropic_edit(struct edit_copy *c, struct json_value block)
{
	struct json_value citations = json_get(block, STR("citations"));
	unsigned all;

	if (is_of_type(block, STR("thinking")))
		unmark(c, json_get(block, STR("signature")), WIRE_ANTHROPIC);
	else if (is_of_type(block, STR("redacted_thinking")))
		unmark(c, json_get(block, STR("data")), WIRE_ANTHROPIC);
	else if (count_foreign(citations, &all) == all)
		cut_member(c, block, citations);
	else
		cut_citations(c, citations);
}

static bool anthropic_thinks(struct json_value chat)
{
	return json_text_is(json_path(chat, "thinking.type"), STR("enabled"));
}

/* ---- gemini ---- */

static bool gemini_is_sealed(struct json_value part)
{
	struct json_value camel = json_get(part, STR("thoughtSignature"));
	struct json_value snake = json_get(part, STR("thought_signature"));

	return is_marked(camel) || is_coded(camel) || is_marked(snake) || is_coded(snake);
}

/* Thoughts go, and parts that are there for the seal alone. */
static enum fate gemini_fate(struct json_value part)
{
	struct json_value text = json_get(part, STR("text"));
	struct json_member m;

	if (!gemini_is_sealed(part))
		return KEPT;
	if (json_get(part, STR("thought")).type == JSON_TRUE && text.type == JSON_STRING)
		return CUT;
	for (struct json_iter it = json_iter(part); json_next(&it, &m);) {
		if (!str_starts(m.key, STR("thought")) &&
		    (!is_value(&m, text) || json_has_text(text)))
			return EDITED;
	}
	return CUT;
}

/* Calls get the signature of such calls from gemini_patch. */
static void gemini_edit(struct edit_copy *c, struct json_value part)
{
	struct json_member m;

	for (struct json_cut in = json_cut(c, part); json_cut_next(&in, &m);) {
		if (str_starts(m.key, STR("thought")) &&
		    (is_marked(m.value) || is_coded(m.value)))
			json_cut_out(&in);
	}
}

/* ---- bedrock ---- */

/* Anthropic's own, which Bedrock takes, but not encoded once more. */
static bool is_coded_anthropic(struct json_value v)
{
	static const str mark = STR_INIT(CHAT_SEAL_MARK "anthropic-redacted.");
	char room[64];
	str plain;

	/* So many digits are three bytes each four. */
	return base64_decode(str_first(str_from(v.raw, 1), mark.len / 3 * 4), room,
	                     &plain) &&
	       str_eq(plain, mark);
}

static enum fate bedrock_fate(struct json_value block)
{
	struct json_value thought = json_get(block, STR("reasoningContent"));
	struct json_value redacted = json_get(thought, STR("redactedContent"));

	if (is_coded(redacted))
		return is_coded_anthropic(redacted) ? UNSURE : CUT;
	if (is_marked(redacted))
		return CUT;
	return fate_of(json_path(thought, "reasoningText.signature"), WIRE_BEDROCK,
	               false);
}

static void bedrock_edit(struct edit_copy *c, struct json_value block)
{
	unmark(c, json_path(block, "reasoningContent.reasoningText.signature"),
	       WIRE_BEDROCK);
}

static bool bedrock_thinks(struct json_value chat)
{
	return json_get(chat, STR("additionalModelRequestFields")).type == JSON_OBJECT;
}

/* ---- all of them ---- */

static const struct places *places_of(enum wire_format format)
{
	static const struct places all[] = {
		[WIRE_OPENAI_CHAT] = { .list = STR_INIT("messages"),
		                       .fate = openai_fate,
		                       .edit = openai_edit },
		[WIRE_OPENAI_RESPONSES] = { .list = STR_INIT("input"),
		                            .fate = responses_fate,
		                            .edit = responses_edit },
		[WIRE_ANTHROPIC] = { .list = STR_INIT("messages"),
		                     .blocks = STR_INIT("content"),
		                     .fate = anthropic_fate,
		                     .edit = anthropic_edit,
		                     .thinks = anthropic_thinks },
		[WIRE_GEMINI] = { .counted = "generateContentRequest",
		                  .list = STR_INIT("contents"),
		                  .blocks = STR_INIT("parts"),
		                  .fate = gemini_fate,
		                  .edit = gemini_edit },
		[WIRE_BEDROCK] = { .counted = "input.converse",
		                   .list = STR_INIT("messages"),
		                   .blocks = STR_INIT("content"),
		                   .fate = bedrock_fate,
		                   .edit = bedrock_edit,
		                   .alternates = true,
		                   .thinks = bedrock_thinks },
	};

	return format < countof(all) && all[format].fate ? &all[format] : NULL;
}

static struct json_value chat_of(const struct places *p, str body)
{
	struct json_value root = chat_root(body), counted = { 0 };

	if (p->counted)
		counted = json_path(root, p->counted);
	return counted.type == JSON_OBJECT ? counted : root;
}

/* What becomes of blocks, counted. */
struct fates {
	unsigned of[UNSURE + 1];
	bool has_calls;
};

static struct fates look_at(const struct places *p, struct json_value blocks)
{
	struct json_value single, block;
	struct fates found = { 0 };

	for (struct json_iter it = gemini_items(blocks, &single);
	     gemini_next(&it, &single, &block);) {
		enum fate fate = p->fate(block);

		/* Nothing can be cut out of what is no list. */
		if (fate == CUT && blocks.type != JSON_ARRAY)
			fate = UNSURE;
		found.of[fate]++;
		found.has_calls |= is_of_type(block, STR("tool_use")) ||
		                   json_get(block, STR("toolUse")).type == JSON_OBJECT;
	}
	return found;
}

static bool all_go(const struct fates *f)
{
	return f->of[CUT] && !f->of[KEPT] && !f->of[EDITED];
}

/* Messages of blocks.  A loop of tools that goes on has its calls in the assistant's last
 * turn, and where thinking is asked for they are refused without the thoughts that led to
 * them. */
static enum seals judge_messages(const struct places *p, struct json_value chat)
{
	struct json_value list = json_get(chat, p->list), single, message;
	bool is_any = false, is_left = false, has_message = false, loses = false;

	for (struct json_iter it = gemini_items(list, &single);
	     gemini_next(&it, &single, &message);) {
		struct fates f = look_at(p, json_get(message, p->blocks));

		is_any = is_any || f.of[CUT] || f.of[EDITED] || f.of[UNSURE];
		is_left = is_left || f.of[UNSURE] ||
		          (all_go(&f) && (p->alternates || list.type != JSON_ARRAY));
		has_message = has_message || !all_go(&f);
		if (json_text_is(json_get(message, STR("role")), STR("assistant")))
			loses = f.of[CUT] && f.has_calls;
	}
	if (!is_any)
		return SEALS_NONE;
	is_left = is_left || !has_message || (loses && p->thinks && p->thinks(chat));
	return is_left ? SEALS_LEFT : SEALS_CUT;
}

static enum seals judge(const struct places *p, struct json_value chat)
{
	struct fates f;

	if (p->blocks.len)
		return judge_messages(p, chat);
	f = look_at(p, json_get(chat, p->list));
	if (f.of[UNSURE])
		return SEALS_LEFT;
	return f.of[CUT] || f.of[EDITED] ? SEALS_CUT : SEALS_NONE;
}

static void cut_blocks(const struct places *p, struct edit_copy *c,
                       struct json_value blocks)
{
	struct json_member m;

	if (blocks.type == JSON_OBJECT && p->fate(blocks) == EDITED)
		p->edit(c, blocks);
	if (blocks.type != JSON_ARRAY)
		return;
	for (struct json_cut in = json_cut(c, blocks); json_cut_next(&in, &m);) {
		enum fate fate = p->fate(m.value);

		if (fate == CUT)
			json_cut_out(&in);
		else if (fate == EDITED)
			p->edit(c, m.value);
	}
}

static void cut_messages(const struct places *p, struct edit_copy *c,
                         struct json_value list)
{
	struct json_member m;

	if (list.type == JSON_OBJECT)
		cut_blocks(p, c, json_get(list, p->blocks));
	if (list.type != JSON_ARRAY)
		return;
	for (struct json_cut in = json_cut(c, list); json_cut_next(&in, &m);) {
		struct json_value blocks = json_get(m.value, p->blocks);
		struct fates f = look_at(p, blocks);

		if (all_go(&f))
			json_cut_out(&in);
		else
			cut_blocks(p, c, blocks);
	}
}

enum seals seals_cut(enum wire_format format, str body, struct buf *to)
{
	const struct places *p = places_of(format);
	struct edit_copy c = { .text = body, .to = to };
	struct json_value chat;
	enum seals verdict;

	if (!p || !has_mark(body, format))
		return SEALS_NONE;
	chat = chat_of(p, body);
	verdict = judge(p, chat);
	if (verdict != SEALS_CUT)
		return verdict;
	if (p->blocks.len)
		cut_messages(p, &c, json_get(chat, p->list));
	else
		cut_blocks(p, &c, json_get(chat, p->list));
	return edit_copy_end(&c) && !to->over ? SEALS_CUT : SEALS_LEFT;
}
