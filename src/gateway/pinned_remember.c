#include "gateway/pinned_private.h"

#include "gateway/lane.h"
#include "gateway/resume.h"
#include "wire/chat.h"
#include "wire/kept.h"

enum { ITEMS_MOST = 256 }; /* of one answer, the last ones, that are remembered */
#define KNOWN_WELL (24 * 3600 * USEC_SEC) /* so long a pin is not written again */

/* For that key, unless that is known.  known: what is in the table; NULL: nothing. */
static void remember_as(struct attempt *a, const struct pinned_name *name,
                        const struct pin *known, uint64_t key)
{
	struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	struct pin_row row = {
		.key = key,
		.account = pinned_account(x->worker, p, a->place.key_at),
		.provider = p->name,
	};

	row.phi = x->phi || (known && known->phi);
	if (known && known->key == key && known->account == row.account &&
	    known->phi == row.phi &&
	    known->made_wall + KNOWN_WELL >= x->worker->loop.wall)
		return;
	pinned_put(x, name, row);
}

static void remember(struct attempt *a, const struct pinned_name *name)
{
	struct pin known;

	remember_as(a, name, pinned_look(a->x, name, &known) ? &known : NULL, a->x->key);
}

/* It was taken with these: they are of this account. */
static void remember_kept(struct attempt *a)
{
	struct exchange *x = a->x;
	struct pinned *p = x->pinned;
	struct pin known;

	for (unsigned i = 0; i < p->kept_count; i++) {
		bool is_known;

		/* With one account there is nothing else to know of a file. */
		if (!p->several && !x->phi && p->kept[i].kind == PIN_KEPT)
			continue;
		is_known = pinned_look(x, &p->kept[i], &known);
		remember_as(a, &p->kept[i], is_known ? &known : NULL,
		            is_known ? known.key : x->key);
	}
	p->kept_count = 0;
}

/* ---- responses ---- */

static void remember_response(struct attempt *a, struct json_value id)
{
	struct exchange *x = a->x;
	struct pinned_name name;
	char room[KEPT_ROOM];
	str text;

	if (x->skim.unstored || (x->pinned && x->pinned->has_response) ||
	    !kept_id(id, room, &text))
		return;
	if (!x->pinned)
		x->pinned = arena_new(&x->arena, struct pinned);
	x->pinned->has_response = true;
	name = pinned_name(x->worker, PIN_RESPONSE, text);
	x->pinned->response = name;
	remember(a, &name);
}

bool pinned_has_response(const struct exchange *x)
{
	return x->pinned && x->pinned->has_response;
}

/* Another goes on with it, and nobody keeps the two as one. */
static void forget_response(struct exchange *x)
{
	if (!pinned_has_response(x) || x->pinned->is_gone)
		return;
	x->pinned->is_gone = true;
	pinned_put(x, &x->pinned->response, (struct pin_row){ .is_gone = true });
}

static void remember_seal(struct attempt *a, const struct tap_names *t)
{
	struct pinned *p = a->x->pinned;
	str seal = str_of(t->seal, t->seal_len);
	struct pinned_name name;

	if (!p || !p->several || !seal.len || str_eq(str_of(p->seal, p->seal_len), seal))
		return;
	memcpy(p->seal, t->seal, t->seal_len);
	p->seal_len = t->seal_len;
	name = pinned_name(a->x->worker, PIN_SEAL, seal);
	remember(a, &name);
}

static void remember_chat(struct attempt *a)
{
	const struct exchange *x = a->x;
	const struct tap_names *t = a->tap.names;
	char quoted[sizeof(t->id) + 2];

	if (x->pinned)
		remember_kept(a);
	if (x->endpoint->wire->format != WIRE_OPENAI_RESPONSES || !t)
		return;
	quoted[0] = quoted[t->id_len + 1] = '"';
	memcpy(quoted + 1, t->id, t->id_len);
	remember_response(
	        a, (struct json_value){ JSON_STRING, str_of(quoted, t->id_len + 2u) });
	remember_seal(a, t);
}

static void forget(struct exchange *x)
{
	struct pinned_name name = pinned_name(x->worker, PIN_RESPONSE, x->path_model);
	struct pin known;

	if (pinned_look(x, &name, &known))
		pinned_put(x, &name, (struct pin_row){ .is_gone = true });
}

void pinned_remember(struct attempt *a)
{
	struct exchange *x = a->x;

	/* Between two formats ids and seals are of our own making. */
	if (!a->lane && x->endpoint->operation == OP_CHAT)
		remember_chat(a);
	else if (x->endpoint->operation == OP_STORED &&
	         x->endpoint->method == HTTP_DELETE && a->status < 300)
		forget(x);
	else if (resume_is_on(a))
		forget_response(x);
}

/* ---- items ---- */

/* Those of an answer: what is said to have been asked may have ids of the client's. */
static bool wants_items(const struct attempt *a)
{
	const struct exchange *x = a->x;
	const struct endpoint *e = x->endpoint;

	if (a->lane || x->skim.unstored || e->wire->format != WIRE_OPENAI_RESPONSES ||
	    !(pinned_is_apart(x) || x->phi || (x->pinned && x->pinned->several)))
		return false;
	return e->operation == OP_CHAT ||
	       (e->operation == OP_STORED && !str_eq(e->suffix, STR("/input_items")));
}

/* An id that a provider gives twice tells nobody apart (Ollama's are random numbers up to
 * a million). */
static void remember_item(struct attempt *a, struct json_value item)
{
	struct exchange *x = a->x;
	struct pinned_name name;
	struct pin known;
	char room[KEPT_ROOM];
	bool is_known;
	str id;

	if (!kept_id(json_get(item, STR("id")), room, &id))
		return;
	name = pinned_name(x->worker, PIN_ITEM, id);
	is_known = pinned_look(x, &name, &known);
	remember_as(a, &name, is_known ? &known : NULL,
	            is_known && known.key != x->key ? PIN_OF_MANY : x->key);
}

/* An item's id stands in the output's array, those of calls and parts elsewhere. */
static void remember_items(struct attempt *a, struct json_value output)
{
	struct json_member m;
	size_t left = 0;

	for (struct json_iter it = json_iter(output); json_next(&it, &m);)
		left++;
	for (struct json_iter it = json_iter(output); json_next(&it, &m); left--) {
		if (left <= ITEMS_MOST)
			remember_item(a, m.value);
	}
}

void pinned_look_at_whole(struct attempt *a, str json)
{
	struct json_value root, response;

	if (!wants_items(a))
		return;
	root = chat_root(json);
	response = json_get(root, STR("response")); /* of the stream's last event */
	remember_items(a, json_get(response.type == JSON_OBJECT ? response : root,
	                           STR("output")));
}

void pinned_look_at_item(struct attempt *a, str json)
{
	if (wants_items(a))
		remember_item(a, json_get(chat_root(json), STR("item")));
}

/* The container in which a text breaks off, if it stands behind `name`, quotes included
 * (in an array: behind nothing). */
static struct json_value find_broken(struct json_value within, str name)
{
	struct json_iter it = json_iter(within), before = it;
	struct json_member m;
	str behind, rest;

	while (json_next(&it, &m))
		before = it;
	behind = str_of(before.at, (size_t)(it.at - before.at));
	rest = str_of(it.at, (size_t)(it.end - it.at));
	while (behind.len && str_find(STR(" \t\r\n,:"), *behind.ptr) < 6)
		behind = str_from(behind, 1);
	while (behind.len && str_find(STR(" \t\r\n,:"), behind.ptr[behind.len - 1]) < 6)
		behind.len--;
	if (!str_eq(behind, name) || !rest.len || (*rest.ptr != '[' && *rest.ptr != '{'))
		return (struct json_value){ 0 };
	return (struct json_value){ *rest.ptr == '[' ? JSON_ARRAY : JSON_OBJECT, rest };
}

void pinned_look_at_part(struct attempt *a, str json)
{
	struct json_value root = { JSON_OBJECT, json }, output;

	if (a->lane || a->x->endpoint->wire->format != WIRE_OPENAI_RESPONSES)
		return;
	if (a->x->endpoint->operation == OP_CHAT)
		remember_response(a, json_get(root, STR("id")));
	if (!wants_items(a))
		return;
	output = find_broken(root, STR("\"output\""));
	if (output.type == JSON_NONE)
		output = json_get(root, STR("output"));
	remember_items(a, output);
	remember_item(a, find_broken(output, STR_NONE));
}
