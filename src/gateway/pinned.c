#include "gateway/pinned_private.h"

#include "gateway/lane.h"
#include "gateway/phi.h"

static const struct provider *find_account(const struct exchange *x, uint64_t account,
                                           unsigned *ret_key)
{
	const struct config *c = x->plan->config;

	for (unsigned i = 0; i < c->provider_count; i++) {
		if (pinned_find_key(x->worker, &c->providers[i], account, ret_key))
			return &c->providers[i];
	}
	return NULL;
}

/* ---- seals ---- */

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

/* How many accounts could be asked in the client's own format: none, one, or more. */
static unsigned count_native(const struct exchange *x)
{
	const struct provider *first = NULL;

	for (unsigned i = 0; i < x->candidates.count; i++) {
		const struct provider *p = candidate(x, i)->provider;

		if (!speaks_natively(x, p))
			continue;
		if (p->key_count > 1 || (first && p != first))
			return 2;
		first = p;
	}
	return first ? 1 : 0;
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

		if (speaks_natively(x, at) &&
		    pinned_find_key(x->worker, at, account, &key_at)) {
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
	x->param = str_from_z(what);
	*ret_detail = explain(x, what, account);
	return FAULT_PINNED;
}

/* All that are known must be of one account; *account is 0 as long as there is none. */
static fault_t route_kept(struct exchange *x, uint64_t *account, str *ret_detail)
{
	bool is_pinned = *account != 0;
	struct pin pin;

	for (unsigned i = 0; i < x->pinned->kept_count; i++) {
		if (!pinned_look(x, &x->pinned->kept[i], &pin))
			continue;
		if (*account && pin.account != *account) {
			*ret_detail = STR("files, conversation and previous response are "
			                  "not all of one provider and key");
			return FAULT_PINNED;
		}
		*account = pin.account;
	}
	if (!*account || is_pinned)
		return NULL;
	fault_t why = pin_to(x, "a file or conversation", *account, false, ret_detail);
	x->param = STR_NONE;
	return why;
}

/* What other formats can do without: they come behind. */
static fault_t route_items(struct exchange *x, const struct pinned_places *at,
                           str *ret_detail)
{
	struct pinned_name name;
	struct pin pin;
	str seal;

	if (x->endpoint->wire->format != WIRE_OPENAI_RESPONSES)
		return NULL;
	/* Of these its provider alone knows whether it needs them. */
	if (at->has_alone && keep_only(x, at->alone.account, true))
		return NULL;
	seal = last_seal(x);
	if (!seal.len)
		return NULL;
	name = pinned_name(x->worker, PIN_SEAL, seal);
	if (!pinned_use(x, &name, &pin))
		return NULL;
	fault_t why = pin_to(x, "an encrypted item", pin.account, true, ret_detail);
	x->param = STR_NONE;
	return why;
}

static fault_t route(struct exchange *x, const struct pinned_places *at, str *ret_detail)
{
	uint64_t account = 0;
	fault_t why = NULL;

	if (at->has_previous) {
		account = at->previous.account;
		why = pin_to(x, "previous_response_id", account, false, ret_detail);
	} else if (at->has_reference && x->pinned->several) {
		account = at->reference.account;
		why = pin_to(x, "item_reference", account, false, ret_detail);
	}
	/* With one account there is nothing to choose. */
	if (why || !x->pinned->several)
		return why;
	why = route_kept(x, &account, ret_detail);
	return why || account ? why : route_items(x, at, ret_detail);
}

fault_t pinned_route(struct exchange *x, str *ret_detail)
{
	bool is_chat = x->endpoint->operation == OP_CHAT;
	bool is_responses = x->endpoint->wire->format == WIRE_OPENAI_RESPONSES;
	struct pinned_places at;
	bool had_phi = x->phi;
	unsigned native;
	fault_t why;

	if (!is_chat && x->endpoint->operation != OP_COUNT)
		return NULL;
	native = count_native(x);
	if (!(is_chat && native > 1) && !pinned_heeds_phi(x) &&
	    !(is_responses &&
	      (pinned_is_apart(x) || x->skim.previous.len || x->skim.conversation.len)))
		return NULL;
	x->pinned = arena_new(&x->arena, struct pinned);
	x->pinned->several = is_chat && native > 1;
	why = pinned_read(x, native > 0, &at, ret_detail);
	why = why ? why : route(x, &at, ret_detail);
	return why || had_phi == x->phi ? why : phi_candidates(x, ret_detail);
}

bool pinned_is_key_fixed(const struct exchange *x, const struct provider *p)
{
	return x->pinned && x->pinned->provider == p;
}

unsigned pinned_key_at(const struct exchange *x, const struct provider *p)
{
	return pinned_is_key_fixed(x, p) ? x->pinned->key_at : 0;
}

bool pinned_names_kept(const struct exchange *x)
{
	return skim_is_kept(&x->skim) || (x->pinned && x->pinned->kept_count);
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
	struct pinned_name name = pinned_name(x->worker, PIN_RESPONSE, x->path_model);
	bool found = pinned_use(x, &name, &pin);

	x->pinned = arena_new(&x->arena, struct pinned);
	x->pinned->several = true; /* as far as is known here */
	if (found ? pin.key != x->key : pinned_is_apart(x)) {
		*ret_detail = STR("this key has made none of that id through this "
		                  "gateway in the last 30 days");
		return FAULT_NO_SUCH_RESPONSE;
	}
	p = found ? find_account(x, pin.account, &x->pinned->key_at) : only_native(x);
	if (!p || !speaks_natively(x, p)) {
		*ret_detail = found ? explain(x, "the response", pin.account)
		                    : STR("it was not made through this gateway in the "
		                          "last 30 days, and it is not clear which "
		                          "provider to ask");
		return FAULT_NO_SUCH_RESPONSE;
	}
	x->pinned->provider = p;
	if (!found)
		pinned_use_unknown(x, p);
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
