#include "gateway/pinned.h"

#include "codec/json.h"
#include "gateway/lane.h"
#include "meter/pin_record.h"

enum {
	KEPT_MOST = 16, /* names in one request that are looked at */
	ITEMS_MOST = 8, /* of one answer, the last ones, that are remembered */
};
#define KNOWN_WELL (24 * 3600 * USEC_SEC) /* so long a pin is not written again */

/* What a request speaks of, and where it has to go. */
struct pinned {
	const struct provider *provider; /* NULL: anywhere */
	unsigned key_at;
	bool several; /* more than one account could have been asked */
	unsigned kept_count;
	struct {
		enum pin_kind kind;
		uint8_t id[PIN_ID];
	} kept[KEPT_MOST]; /* files and conversations */
	/* of the answer: what was remembered already */
	bool has_response;
	uint8_t seal_len;
	char seal[TAP_SEAL];
};

/* ---- names ---- */

/* Names of different kinds never meet. */
static void make_id(struct worker *w, enum pin_kind kind, str name, uint8_t ret[PIN_ID])
{
	uint8_t mac[KEY_MAC];

	key_hasher_mac(&w->hasher, name, mac);
	mac[0] ^= (uint8_t)kind;
	memcpy(ret, mac, PIN_ID);
}

/* What tells one account from another, without telling the key. */
static uint64_t account_of(struct worker *w, const struct provider *p, unsigned key_at)
{
	str secret = p->key_count > key_at ? secret_reveal(&p->keys[key_at])
	             : p->account          ? p->account->email
	                                   : p->aws.access_key;
	uint8_t mac[KEY_MAC];
	uint64_t account;

	key_hasher_mac(&w->hasher, secret, mac);
	memcpy(&account, mac, sizeof(account));
	account ^= str_hash(p->name);
	return account ? account : 1;
}

/* Which key of that provider is the account's; false: none. */
static bool find_key(struct worker *w, const struct provider *p, uint64_t account,
                     unsigned *ret)
{
	for (unsigned i = 0; i < max_of(p->key_count, 1u); i++) {
		if (account_of(w, p, i) != account)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

static const struct provider *find_account(const struct exchange *x, uint64_t account,
                                           unsigned *ret_key)
{
	const struct config *c = x->plan->config;

	for (unsigned i = 0; i < c->provider_count; i++) {
		if (find_key(x->worker, &c->providers[i], account, ret_key))
			return &c->providers[i];
	}
	return NULL;
}

static bool look(const struct exchange *x, enum pin_kind kind, str name, struct pin *ret)
{
	struct worker *w = x->worker;
	uint8_t id[PIN_ID];

	make_id(w, kind, name, id);
	return pins_find(w->gateway->pins, kind, id, w->loop.wall, ret);
}

/* ---- what a request speaks of ---- */

/* The value of the next string member of that quoted name, raw.  Inside a string the
 * quotes would be escaped, so this finds members alone. */
static bool next_member(str *rest, str quoted, str *ret)
{
	for (;;) {
		size_t at = str_find_str(*rest, quoted);

		if (at == rest->len)
			return false;
		*rest = str_from(*rest, at + quoted.len);
		while (rest->len && str_find(STR(" \t\r\n:"), *rest->ptr) < 5)
			*rest = str_from(*rest, 1);
		if (!str_skip(rest, STR("\"")))
			continue;
		*ret = str_first(*rest, str_find(*rest, '"'));
		return true;
	}
}

static void speaks_of(struct exchange *x, enum pin_kind kind, str name)
{
	struct pinned *p = x->pinned;
	uint8_t id[PIN_ID];

	if (!name.len || p->kept_count == KEPT_MOST)
		return;
	make_id(x->worker, kind, name, id);
	for (unsigned i = 0; i < p->kept_count; i++) {
		if (!memcmp(p->kept[i].id, id, PIN_ID))
			return;
	}
	memcpy(p->kept[p->kept_count].id, id, PIN_ID);
	p->kept[p->kept_count++].kind = kind;
}

static void find_kept(struct exchange *x)
{
	bool is_gemini = x->endpoint->wire->format == WIRE_GEMINI;
	str rest = retained_str(&x->body), name;

	speaks_of(x, PIN_CONVERSATION, x->skim.conversation);
	while (next_member(&rest, is_gemini ? STR("\"fileUri\"") : STR("\"file_id\""),
	                   &name)) {
		/* Any other address means the same to everybody. */
		if (!is_gemini || str_has(name, STR("generativelanguage")))
			speaks_of(x, PIN_KEPT, name);
	}
}

/* The id in the newest reference to an item of an earlier answer.  References are flat
 * objects. */
static str last_reference(const struct exchange *x)
{
	str body = retained_str(&x->body), rest = body, type, last = STR_NONE, id;

	while (next_member(&rest, STR("\"type\""), &type)) {
		if (!str_eq(type, STR("item_reference")))
			continue;
		str before = str_first(body, (size_t)(type.ptr - body.ptr));
		str object = str_from(body, str_find_last(before, '{'));

		object = str_first(object, str_find(object, '}'));
		if (next_member(&object, STR("\"id\""), &id))
			last = id;
	}
	return last;
}

/* The newest encrypted item: where it was made, those before it were too. */
static str last_seal(const struct exchange *x)
{
	str rest = retained_str(&x->body), seal, last = STR_NONE;

	while (next_member(&rest, STR("\"encrypted_content\""), &seal))
		last = seal;
	return str_from(last, last.len - min_of(last.len, (size_t)TAP_SEAL));
}

/* ---- candidates ---- */

static const struct target *candidate(const struct exchange *x, unsigned i)
{
	return &x->candidates.list[x->order[i]];
}

static bool speaks_natively(const struct exchange *x, const struct provider *p)
{
	return !p->disabled.len && lane_wire(x, p) == x->endpoint->wire;
}

/* Could more than one account be asked in the client's own format? */
static bool has_several(const struct exchange *x)
{
	const struct provider *first = NULL;

	for (unsigned i = 0; i < x->candidates.count; i++) {
		const struct provider *p = candidate(x, i)->provider;

		if (!speaks_natively(x, p))
			continue;
		if (p->key_count > 1 || (first && p != first))
			return true;
		first = p;
	}
	return false;
}

/* Leaves the account's own candidates; and, where `others`, those of other formats
 * behind them.  False: nothing would be left, and all stay. */
static bool keep_only(struct exchange *x, uint64_t account, bool others)
{
	struct pinned *p = x->pinned;
	uint8_t order[TARGETS_MOST];
	unsigned count = 0, key_at;

	for (unsigned i = 0; i < x->candidates.count; i++) {
		const struct provider *at = candidate(x, i)->provider;

		if (speaks_natively(x, at) && find_key(x->worker, at, account, &key_at)) {
			p->provider = at;
			p->key_at = key_at;
			order[count++] = x->order[i];
		}
	}
	for (unsigned i = 0; others && i < x->candidates.count; i++) {
		if (!speaks_natively(x, candidate(x, i)->provider))
			order[count++] = x->order[i];
	}
	if (!count)
		return false;
	memcpy(x->order, order, count);
	x->candidates.count = count;
	return true;
}

/* Why there is no candidate. */
static str explain(struct exchange *x, const char *what, uint64_t account)
{
	unsigned key_at;
	const struct provider *p = find_account(x, account, &key_at);

	if (!p)
		return arena_printf(&x->arena,
		                    "%s: the provider or the provider's key that made it "
		                    "is not in the configuration any more",
		                    what);
	if (p->disabled.len)
		return arena_printf(&x->arena,
		                    "%s: provider %.*s keeps it and is disabled", what,
		                    STR_ARG(p->name));
	if (!speaks_natively(x, p))
		return arena_printf(&x->arena,
		                    "%s: provider %.*s keeps it and does not speak this "
		                    "format any more",
		                    what, STR_ARG(p->name));
	return arena_printf(
	        &x->arena, "%s: provider %.*s keeps it, and \"%.*s\" does not lead there",
	        what, STR_ARG(p->name), STR_ARG(str_first(x->skim.model, 128)));
}

static fault_t pin_to(struct exchange *x, const char *what, uint64_t account, bool others,
                      str *ret_detail)
{
	x->pinned->provider = NULL;
	if (keep_only(x, account, others))
		return NULL;
	*ret_detail = explain(x, what, account);
	return FAULT_PINNED;
}

static fault_t route_previous(struct exchange *x, struct pin *pin, bool *ret_found,
                              str *ret_detail)
{
	const char *what = "previous_response_id";
	bool found = x->skim.previous.len && look(x, PIN_RESPONSE, x->skim.previous, pin);

	if (!found && x->pinned->several &&
	    x->endpoint->wire->format == WIRE_OPENAI_RESPONSES) {
		str reference = last_reference(x);

		what = "item_reference";
		found = reference.len && look(x, PIN_ITEM, reference, pin);
	}
	*ret_found = found;
	if (!found)
		return NULL;
	x->param = str_from_z(what);
	/* Whose it is, is nobody else's to know. */
	if (pin->key != x->key)
		return FAULT_PREVIOUS_UNKNOWN;
	fault_t why = pin_to(x, what, pin->account, false, ret_detail);
	if (!why)
		x->param = STR_NONE;
	return why;
}

/* All that are known must be of one account. */
static fault_t route_kept(struct exchange *x, bool is_pinned, uint64_t account,
                          bool *ret_found, str *ret_detail)
{
	struct worker *w = x->worker;
	struct pin pin;

	*ret_found = is_pinned;
	for (unsigned i = 0; i < x->pinned->kept_count; i++) {
		if (!pins_find(w->gateway->pins, x->pinned->kept[i].kind,
		               x->pinned->kept[i].id, w->loop.wall, &pin))
			continue;
		if (*ret_found && pin.account != account) {
			*ret_detail = STR("files, conversation and previous response are "
			                  "not all of one provider and key");
			return FAULT_PINNED;
		}
		*ret_found = true;
		account = pin.account;
	}
	if (!*ret_found || is_pinned)
		return NULL;
	return pin_to(x, "a file or conversation", account, false, ret_detail);
}

fault_t pinned_route(struct exchange *x, str *ret_detail)
{
	bool is_chat = x->endpoint->operation == OP_CHAT;
	bool several = is_chat && has_several(x), found;
	struct pin pin = { 0 };
	fault_t why;

	if (!is_chat && x->endpoint->operation != OP_COUNT)
		return NULL;
	if (!several && !x->skim.previous.len)
		return NULL;
	x->pinned = arena_new(&x->arena, struct pinned);
	x->pinned->several = several;
	why = route_previous(x, &pin, &found, ret_detail);
	if (why || !several)
		return why;
	find_kept(x);
	why = route_kept(x, found, pin.account, &found, ret_detail);
	if (why || found || x->endpoint->wire->format != WIRE_OPENAI_RESPONSES)
		return why;
	str seal = last_seal(x);
	if (!seal.len || !look(x, PIN_SEAL, seal, &pin))
		return NULL;
	return pin_to(x, "an encrypted item", pin.account, true, ret_detail);
}

bool pinned_is_key_fixed(const struct exchange *x, const struct provider *p)
{
	return x->pinned && x->pinned->provider == p;
}

unsigned pinned_key_at(const struct exchange *x, const struct provider *p)
{
	return pinned_is_key_fixed(x, p) ? x->pinned->key_at : 0;
}

/* ---- a stored response ---- */

/* Nobody remembers it: there may be but one who could have it. */
static const struct provider *only_native(const struct exchange *x)
{
	const struct config *c = x->plan->config;
	const struct provider *only = NULL;

	for (unsigned i = 0; i < c->provider_count; i++) {
		if (!speaks_natively(x, &c->providers[i]))
			continue;
		if (only)
			return NULL;
		only = &c->providers[i];
	}
	return only;
}

fault_t pinned_stored(struct exchange *x, str *ret_detail)
{
	const struct provider *p;
	struct target *t;
	struct pin pin;

	x->pinned = arena_new(&x->arena, struct pinned);
	if (look(x, PIN_RESPONSE, x->path_model, &pin)) {
		if (pin.key != x->key)
			return FAULT_NO_SUCH_RESPONSE;
		p = find_account(x, pin.account, &x->pinned->key_at);
		if (!p || !speaks_natively(x, p)) {
			*ret_detail = explain(x, "the response", pin.account);
			return FAULT_NO_SUCH_RESPONSE;
		}
	} else if (!(p = only_native(x))) {
		*ret_detail = STR("it was not made through this gateway in the last 30 "
		                  "days, and it is not clear which provider to ask");
		return FAULT_NO_SUCH_RESPONSE;
	}
	x->pinned->provider = p;
	t = arena_new(&x->arena, struct target);
	*t = (struct target){ .provider = p, .weight = 1 };
	x->candidates = (struct candidates){
		.list = t,
		.count = 1,
		.on_empty = ON_EMPTY_PASS,
		.comments = true,
		.limits = &x->plan->config->defaults,
	};
	x->order[0] = 0;
	return NULL;
}

/* ---- what an answer brings ---- */

static void put(struct exchange *x, struct pin_row *row)
{
	struct worker *w = x->worker;
	struct pin_row gone;
	bool is_full;

	row->made_wall = w->loop.wall;
	is_full = pins_put(w->gateway->pins, row, &gone);
	if (!pin_record_write(w->journal, row) ||
	    (is_full && !pin_record_write(w->journal, &gone)))
		COUNT(w->counts.lost_pins);
}

/* For that key. */
static void remember(struct attempt *a, enum pin_kind kind, uint64_t key,
                     const uint8_t id[PIN_ID])
{
	struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	struct pin_row row = {
		.kind = kind,
		.key = key,
		.account = account_of(x->worker, p, a->place.key_at),
		.provider = p->name,
	};

	memcpy(row.id, id, PIN_ID);
	put(x, &row);
}

static void remember_name(struct attempt *a, enum pin_kind kind, str name)
{
	uint8_t id[PIN_ID];

	make_id(a->x->worker, kind, name, id);
	remember(a, kind, a->x->key, id);
}

/* It was taken with these: they are of this account. */
static void remember_kept(struct attempt *a)
{
	struct worker *w = a->x->worker;
	struct pinned *p = a->x->pinned;
	struct pin known;

	for (unsigned i = 0; i < p->kept_count; i++) {
		bool is_known = pins_find(w->gateway->pins, p->kept[i].kind,
		                          p->kept[i].id, w->loop.wall, &known);

		if (!is_known || known.made_wall + KNOWN_WELL < w->loop.wall)
			remember(a, p->kept[i].kind, is_known ? known.key : a->x->key,
			         p->kept[i].id);
	}
	p->kept_count = 0;
}

static void forget(struct exchange *x)
{
	struct pin_row row = { .kind = PIN_RESPONSE, .is_gone = true };
	struct pin known;

	if (!look(x, PIN_RESPONSE, x->path_model, &known))
		return;
	make_id(x->worker, PIN_RESPONSE, x->path_model, row.id);
	put(x, &row);
}

static void remember_chat(struct attempt *a)
{
	struct exchange *x = a->x;
	struct pinned *p = x->pinned;
	const struct tap_names *t = a->tap.names;

	if (p)
		remember_kept(a);
	if (x->endpoint->wire->format != WIRE_OPENAI_RESPONSES || !t)
		return;
	if (t->id_len && !x->skim.unstored && !(p && p->has_response)) {
		if (!p)
			p = x->pinned = arena_new(&x->arena, struct pinned);
		p->has_response = true;
		remember_name(a, PIN_RESPONSE, str_of(t->id, t->id_len));
	}
	if (p && p->several && t->seal_len &&
	    !str_eq(str_of(p->seal, p->seal_len), str_of(t->seal, t->seal_len))) {
		memcpy(p->seal, t->seal, t->seal_len);
		p->seal_len = t->seal_len;
		remember_name(a, PIN_SEAL, str_of(t->seal, t->seal_len));
	}
}

/* An item's id stands in the output's array, those of calls and parts elsewhere. */
static void remember_items(struct attempt *a, struct json_value response)
{
	struct json_value output = json_get(response, STR("output")), id;
	struct json_member m;
	size_t left = 0;

	for (struct json_iter it = json_iter(output); json_next(&it, &m);)
		left++;
	for (struct json_iter it = json_iter(output); json_next(&it, &m); left--) {
		id = json_get(m.value, STR("id"));
		if (left <= ITEMS_MOST && id.type == JSON_STRING && id.raw.len > 2 &&
		    id.raw.len <= 2 + TAP_TEXT * 2)
			remember_name(a, PIN_ITEM,
			              str_of(id.raw.ptr + 1, id.raw.len - 2));
	}
}

void pinned_look_at_whole(struct attempt *a, str json)
{
	const struct exchange *x = a->x;
	struct json_value root, response;

	if (a->lane || x->endpoint->operation != OP_CHAT || !x->pinned ||
	    !x->pinned->several || x->skim.unstored ||
	    x->endpoint->wire->format != WIRE_OPENAI_RESPONSES ||
	    json_check(json, &json_limits_default, &root))
		return;
	response = json_get(root, STR("response")); /* of the stream's last event */
	remember_items(a, response.type == JSON_OBJECT ? response : root);
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
}
