#include "gateway/pinned_private.h"

#include "wire/kept.h"

/* Each costs a MAC: a request with more of them is none of a conversation. */
enum { ITEMS_ASKED = 4096, FILES_ASKED = 4096 };

/* Whose it is, or that it is somebody's at all, is nobody else's to know. */
static fault_t refuse(struct exchange *x, const char *what, str *ret_detail)
{
	x->param = str_from_z(what);
	*ret_detail =
	        arena_printf(&x->arena,
	                     "%s: this key has made nothing of that id through this "
	                     "gateway in the last 30 days",
	                     what);
	return FAULT_PREVIOUS_UNKNOWN;
}

static bool is_own(const struct exchange *x, const struct pin *pin)
{
	return pin->key == x->key || pin->key == PIN_OF_MANY;
}

static void use_unknown(struct exchange *x)
{
	for (unsigned i = 0; i < x->candidates.count; i++)
		pinned_use_unknown(x, x->candidates.list[x->order[i]].provider);
}

static fault_t read_previous(struct exchange *x, struct pinned_places *to,
                             str *ret_detail)
{
	struct pinned_name name;

	if (!x->skim.previous.len)
		return NULL;
	name = pinned_name(x->worker, PIN_RESPONSE, x->skim.previous);
	to->has_previous = pinned_use(x, &name, &to->previous);
	if (to->has_previous ? !is_own(x, &to->previous) : pinned_is_apart(x))
		return refuse(x, "previous_response_id", ret_detail);
	if (!to->has_previous)
		use_unknown(x);
	return NULL;
}

/* ---- items ---- */

struct walk {
	struct exchange *x;
	struct pinned_places *to;
	bool is_native;
	unsigned count;
	str *detail;
};

static void note_place(struct pinned_places *to, enum kept_item how,
                       const struct pin *pin)
{
	if (how == ITEM_REFERENCE) {
		to->has_reference = true;
		to->reference = *pin;
	} else if (how == ITEM_ALONE) {
		to->has_alone = true;
		to->alone = *pin;
	}
}

static fault_t read_item(void *arg, enum kept_item how, str id)
{
	struct walk *w = arg;
	struct exchange *x = w->x;
	const char *what = how == ITEM_REFERENCE ? "item_reference" : "input";
	struct pinned_name name;
	struct pin pin;

	if (++w->count > ITEMS_ASKED) {
		*w->detail = STR("\"input\" refers to more than 4096 items");
		return FAULT_BAD_REQUEST;
	}
	name = pinned_name(x->worker, PIN_ITEM, id);
	if (pinned_use(x, &name, &pin)) {
		if (!is_own(x, &pin))
			return refuse(x, what, w->detail);
		note_place(w->to, how, &pin);
	} else if (how == ITEM_REFERENCE || (how == ITEM_ALONE && w->is_native)) {
		if (pinned_is_apart(x))
			return refuse(x, what, w->detail);
		use_unknown(x);
	}
	return NULL;
}

static fault_t read_items(struct exchange *x, bool is_native, struct pinned_places *to,
                          str *ret_detail)
{
	struct walk w = {
		.x = x, .to = to, .is_native = is_native, .detail = ret_detail
	};
	fault_t why;

	if (x->endpoint->wire->format != WIRE_OPENAI_RESPONSES ||
	    !(pinned_is_apart(x) || x->pinned->several || pinned_heeds_phi(x)))
		return NULL;
	why = kept_items(retained_str(&x->body), read_item, &w);
	if (why == FAULT_BAD_REQUEST && !ret_detail->len)
		*ret_detail = STR("\"input\" has an item whose \"id\" is not an id");
	if (why && why != FAULT_PREVIOUS_UNKNOWN)
		x->param = STR("input");
	return why;
}

/* ---- files, conversations ---- */

static void speaks_of(struct exchange *x, const struct pinned_name *name)
{
	struct pinned *p = x->pinned;

	if (p->kept_count == KEPT_MOST)
		return;
	for (unsigned i = 0; i < p->kept_count; i++) {
		if (!memcmp(p->kept[i].id, name->id, PIN_ID))
			return;
	}
	p->kept[p->kept_count++] = *name;
}

static void read_files(struct exchange *x)
{
	enum wire_format format = x->endpoint->wire->format;
	struct kept_files files;
	char room[KEPT_ROOM];
	struct pinned_name at;
	struct pin pin;
	str name;

	kept_files_init(&files, format, retained_str(&x->body));
	for (unsigned n = 0; n < FILES_ASKED && kept_files_next(&files, room, &name);
	     n++) {
		/* Any other address means the same to everybody. */
		if (format == WIRE_GEMINI && !str_has(name, STR("generativelanguage")))
			continue;
		at = pinned_name(x->worker, PIN_KEPT, name);
		pinned_use(x, &at, &pin);
		speaks_of(x, &at);
	}
}

/* It has in it what was said in it: whoever was the first to use it here has it. */
static fault_t read_conversation(struct exchange *x, str *ret_detail)
{
	struct pinned_name name;
	struct pin pin;

	if (!x->skim.conversation.len)
		return NULL;
	name = pinned_name(x->worker, PIN_CONVERSATION, x->skim.conversation);
	if (pinned_use(x, &name, &pin) && !is_own(x, &pin))
		return refuse(x, "conversation", ret_detail);
	speaks_of(x, &name);
	return NULL;
}

fault_t pinned_read(struct exchange *x, bool is_native, struct pinned_places *ret,
                    str *ret_detail)
{
	fault_t why;

	*ret = (struct pinned_places){ 0 };
	if ((why = read_previous(x, ret, ret_detail)) ||
	    (why = read_items(x, is_native, ret, ret_detail)) ||
	    (why = read_conversation(x, ret_detail)))
		return why;
	if (x->pinned->several || pinned_heeds_phi(x))
		read_files(x);
	return NULL;
}
