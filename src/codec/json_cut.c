/* json_cut.c - see json_cut.h. */
#include "codec/json_cut.h"

struct json_cut json_cut(struct edit_copy *to, struct json_value container)
{
	return (struct json_cut){ .to = to, .it = json_iter(container) };
}

static const char *begin_of(const struct json_cut *c, const struct json_member *m)
{
	return c->it.is_object ? m->key.ptr - 1 : m->value.raw.ptr;
}

static const char *end_of(const struct json_member *m)
{
	return m->value.raw.ptr + m->value.raw.len;
}

bool json_cut_next(struct json_cut *c, struct json_member *ret)
{
	if (c->m.value.type != JSON_NONE) {
		c->end = end_of(&c->m);
		c->has_kept |= !c->is_cut;
	}
	c->is_cut = false;
	if (!json_next(&c->it, &c->m))
		return false;
	*ret = c->m;
	return true;
}

void json_cut_out(struct json_cut *c)
{
	const char *from = c->has_kept ? c->end : begin_of(c, &c->m);
	const char *end = end_of(&c->m);
	struct json_iter ahead = c->it;
	struct json_member next;

	if (!c->has_kept && json_next(&ahead, &next))
		end = begin_of(c, &next);
	edit_copy_put(c->to, str_of(from, (size_t)(end - from)), STR_NONE);
	c->is_cut = true;
}
