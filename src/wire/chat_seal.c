/* chat_seal.c - what a vendor wants back unchanged, on its way through foreign clients.
 *
 * A client's format has a place for its own vendor's seals.  Those of others travel there
 * with a mark in front, which says whose they are; clients echo them unread.  On the way
 * back the mark decides who gets it: never another vendor (wire-formats 14.1). */
#include "wire/chat.h"

bool chat_seal_fits(const struct chat_seal *s, enum wire_format to)
{
	if (s->origin == WIRE_NONE || !s->blob.len)
		return false;
	if (s->origin == to)
		return true;
	return (s->origin == WIRE_ANTHROPIC && to == WIRE_BEDROCK) ||
	       (s->origin == WIRE_BEDROCK && to == WIRE_ANTHROPIC);
}

jstr chat_seal_show(struct arena *keep, const struct chat_seal *s, enum wire_format to)
{
	str origin = s->origin == WIRE_NONE ? STR("none") : wire_format_name(s->origin);

	struct buf shown = BUF_LIMIT(s->blob.len + 64);
	char *room;

	if (s->origin == to && s->blob.len)
		return s->blob;
	buf_addf(&shown, CHAT_SEAL_MARK "%.*s%s.", STR_ARG(origin),
	         s->redacted ? "-redacted" : "");
	buf_add(&shown, s->blob);
	room = arena_try(keep, shown.len);
	if (room)
		memcpy(room, shown.ptr, shown.len);
	origin = room ? str_of(room, shown.len) : STR_NONE;
	buf_free(&shown);
	return origin;
}

struct chat_seal chat_seal_read(jstr shown, enum wire_format from)
{
	struct chat_seal s = { .origin = from, .blob = shown };
	str rest = shown, origin;

	if (!str_skip(&rest, STR(CHAT_SEAL_MARK)))
		return shown.len ? s : (struct chat_seal){ 0 };
	origin = str_cut(&rest, '.');
	if (str_ends(origin, STR("-redacted"))) {
		s.redacted = true;
		origin = str_first(origin, origin.len - 9);
	}
	s.origin = wire_format_find(origin);
	s.blob = rest;
	return s;
}
