/* anthropic_write.c - the neutral form as a Messages request: the turns of the
 * conversation.
 *
 * Here a conversation is turns of user and assistant.  A turn gathers all neighbouring
 * messages of its side: results of tools stand first in the user's, in the order of their
 * calls, and system messages which the model cannot take where they stand become text in
 * it.  A turn of which nothing is left is taken back.  Facts: wire-formats 5.2, 13.2,
 * 13.4. */
#include "wire/anthropic.h"

#include "wire/jchars.h"

enum { SORTED_MOST = 256 };

/* A turn being written; taken back when no block came. */
struct turn {
	struct json_writer old;
	size_t before, empty;
};

static struct turn open_turn(struct anthropic_writing *c, str role)
{
	struct turn t = { .old = *c->w, .before = c->w->to->len };

	json_open(c->w, '{');
	json_key_str(c->w, STR("role"), role);
	json_key(c->w, STR("content"));
	json_open(c->w, '[');
	t.empty = c->w->to->len;
	return t;
}

static void close_turn(struct anthropic_writing *c, const struct turn *t, bool of_user)
{
	if (c->w->to->len == t->empty) {
		c->w->to->len = t->before;
		*c->w = t->old;
		return;
	}
	json_close(c->w, ']');
	json_close(c->w, '}');
	c->turns++;
	c->after_user = of_user;
}

/* A conversation begins with the user. */
static void write_minimal_turn(struct anthropic_writing *c)
{
	json_open(c->w, '{');
	json_key_str(c->w, STR("role"), STR("user"));
	json_key_str(c->w, STR("content"), STR("."));
	json_close(c->w, '}');
	c->turns++;
	c->after_user = true;
}

/* A turn of one message with one text, as a string. */
static bool write_string_turn(struct anthropic_writing *c, const struct chat_message *m,
                              const struct chat_message *end, str role)
{
	const struct chat_part *text =
	        m->next == end ? anthropic_only_text(m->parts) : NULL;

	if (!text || jchars_are_blank(text->text))
		return false;
	json_open(c->w, '{');
	json_key_str(c->w, STR("role"), role);
	json_key_jstr(c->w, STR("content"), text->text);
	json_close(c->w, '}');
	c->turns++;
	c->after_user = m->role != CHAT_ASSISTANT;
	return true;
}

static void write_assistant(struct anthropic_writing *c, const struct chat_message *m,
                            const struct chat_message *end)
{
	struct turn t;

	if (c->turns == 0)
		write_minimal_turn(c);
	if (write_string_turn(c, m, end, STR("assistant")))
		return;
	t = open_turn(c, STR("assistant"));
	for (; m != end; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_IMAGE || p->kind == CHAT_FILE)
				chat_drop(c->r, STR("messages[].content[].image"));
			else
				anthropic_write_part(c, p);
		}
	}
	close_turn(c, &t, false);
}

struct placed {
	const struct chat_part *result;
	size_t place; /* of its call in the turn before */
};

static size_t place_of(const struct chat_message *calls, const struct chat_message *end,
                       jstr id)
{
	size_t place = 0;

	for (; calls && calls != end; calls = calls->next) {
		for (const struct chat_part *p = calls->parts; p; p = p->next) {
			if (p->kind != CHAT_CALL)
				continue;
			if (str_eq(p->id, id))
				return place;
			place++;
		}
	}
	return SIZE_MAX;
}

/* In the order of their calls, as long as there are not absurdly many. */
static void write_results(struct anthropic_writing *c, const struct chat_message *calls,
                          const struct chat_message *m, const struct chat_message *end)
{
	struct placed sorted[SORTED_MOST];
	const struct chat_message *after = m;
	size_t count = 0;

	for (; m != end; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			struct placed now = { p, 0 };
			size_t at = count;

			if (p->kind != CHAT_RESULT)
				continue;
			if (count == SORTED_MOST) {
				anthropic_write_part(c, p);
				continue;
			}
			now.place = place_of(calls, after, p->id);
			while (at > 0 && sorted[at - 1].place > now.place) {
				sorted[at] = sorted[at - 1];
				at--;
			}
			sorted[at] = now;
			count++;
		}
	}
	for (size_t i = 0; i < count; i++)
		anthropic_write_part(c, sorted[i].result);
}

static void write_folded(struct anthropic_writing *c, const struct chat_message *m)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind == CHAT_FOREIGN && c->own)
			chat_drop(c->r, STR("messages[].content[].tool_addition"));
		if (p->kind != CHAT_TEXT || jchars_are_blank(p->text))
			continue;
		json_open(c->w, '{');
		json_key_str(c->w, STR("type"), STR("text"));
		json_key(c->w, STR("text"));
		json_raw(c->w, STR("\"<system>"));
		buf_add(c->w->to, p->text);
		buf_add(c->w->to, STR("</system>\""));
		anthropic_write_mark(c, p);
		json_close(c->w, '}');
	}
}

/* calls: the assistant's messages just before, or NULL. */
static void write_user(struct anthropic_writing *c, const struct chat_message *calls,
                       const struct chat_message *m, const struct chat_message *end)
{
	struct turn t;

	if (m->role == CHAT_USER && write_string_turn(c, m, end, STR("user")))
		return;
	t = open_turn(c, STR("user"));
	write_results(c, calls, m, end);
	for (; m != end; m = m->next) {
		if (m->role == CHAT_SYSTEM) {
			write_folded(c, m);
			continue;
		}
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind != CHAT_RESULT)
				anthropic_write_part(c, p);
		}
	}
	close_turn(c, &t, true);
}

/* May the system messages from m on stand here, between the user's turn and the
 * assistant's?  The answer is the end of their row, or NULL. */
static const struct chat_message *
end_of_system(struct anthropic_writing *c, const struct chat_message *m, bool *ret_stands)
{
	const struct chat_message *end = m;

	while (end && end->role == CHAT_SYSTEM)
		end = end->next;
	*ret_stands = (c->bits & CLAUDE_SYSTEM) && (!end || end->role == CHAT_ASSISTANT);
	return end;
}

static void write_system_turns(struct anthropic_writing *c, const struct chat_message *m,
                               const struct chat_message *end)
{
	for (; m != end; m = m->next) {
		struct turn t = open_turn(c, STR("system"));

		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_TEXT || p->kind == CHAT_FOREIGN)
				anthropic_write_part(c, p);
		}
		close_turn(c, &t, true);
	}
}

/* Where the user's turn ends that begins with m: before the assistant, or before system
 * messages that can stand by themselves. */
static const struct chat_message *end_of_user(struct anthropic_writing *c,
                                              const struct chat_message *m)
{
	bool any = c->after_user;

	while (m && m->role != CHAT_ASSISTANT) {
		const struct chat_message *end = m->next;
		bool stands = false;

		if (m->role == CHAT_SYSTEM)
			end = end_of_system(c, m, &stands);
		else
			any = true;
		if (stands && any)
			break;
		m = end;
	}
	return m;
}

static const struct chat_message *behind_system(const struct chat_request *r)
{
	const struct chat_message *m = r->messages;

	while (m && m->role == CHAT_SYSTEM)
		m = m->next;
	return m;
}

void anthropic_write_messages(struct anthropic_writing *c)
{
	const struct chat_message *m = behind_system(c->r), *calls = NULL, *end;

	json_key(c->w, STR("messages"));
	json_open(c->w, '[');
	while (m) {
		if (m->role == CHAT_ASSISTANT) {
			for (end = m; end && end->role == CHAT_ASSISTANT; end = end->next)
				;
			write_assistant(c, m, end);
			calls = m;
		} else if ((end = end_of_user(c, m)) != m) {
			write_user(c, calls, m, end);
			calls = NULL;
		} else {
			bool stands;

			end = end_of_system(c, m, &stands);
			write_system_turns(c, m, end);
		}
		m = end;
	}
	if (c->turns == 0)
		write_minimal_turn(c);
	json_close(c->w, ']');
}

void anthropic_write_system(struct anthropic_writing *c)
{
	const struct chat_message *m = c->r->messages, *end = behind_system(c->r);
	const struct chat_part *text;
	unsigned unmarked = c->unmarked;
	struct json_writer old = *c->w;
	size_t before = c->w->to->len, empty;

	if (m == end)
		return;
	json_key(c->w, STR("system"));
	text = m->next == end ? anthropic_only_text(m->parts) : NULL;
	if (text && !jchars_are_blank(text->text)) {
		json_jstr(c->w, text->text);
		return;
	}
	json_open(c->w, '[');
	empty = c->w->to->len;
	c->unmarked = 0; /* marks of the system prompt stay */
	for (; m != end; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_TEXT)
				anthropic_write_part(c, p);
			else if (p->kind != CHAT_FOREIGN)
				chat_drop(c->r, STR("system[].image"));
		}
	}
	c->unmarked = unmarked;
	if (c->w->to->len > empty) {
		json_close(c->w, ']');
		return;
	}
	c->w->to->len = before;
	*c->w = old;
}
