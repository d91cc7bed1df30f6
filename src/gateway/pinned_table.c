#include "gateway/pinned_private.h"

#include "meter/pin_record.h"

struct pinned_name pinned_name(struct worker *w, enum pin_kind kind, str name)
{
	struct pinned_name ret = { .kind = kind };
	uint8_t mac[KEY_MAC];

	key_hasher_mac(&w->hasher, name, mac);
	mac[0] ^= (uint8_t)kind;
	memcpy(ret.id, mac, PIN_ID);
	return ret;
}

uint64_t pinned_account(struct worker *w, const struct provider *p, unsigned key_at)
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

bool pinned_find_key(struct worker *w, const struct provider *p, uint64_t account,
                     unsigned *ret)
{
	for (unsigned i = 0; i < max_of(p->key_count, 1u); i++) {
		if (pinned_account(w, p, i) != account)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

bool pinned_look(const struct exchange *x, const struct pinned_name *name,
                 struct pin *ret)
{
	const struct worker *w = x->worker;

	return pins_find(w->gateway->pins, name->kind, name->id, w->loop.wall, ret);
}

bool pinned_use(struct exchange *x, const struct pinned_name *name, struct pin *ret)
{
	bool found = pinned_look(x, name, ret);

	x->phi |= found && ret->phi;
	return found;
}

void pinned_use_unknown(struct exchange *x, const struct provider *p)
{
	x->phi |= x->plan->config->has_phi && p->phi == PHI_ALLOWED;
}

void pinned_put(struct exchange *x, const struct pinned_name *name, struct pin_row row)
{
	struct worker *w = x->worker;
	struct pin_row gone;
	bool is_full;

	row.kind = name->kind;
	memcpy(row.id, name->id, PIN_ID);
	row.made_wall = w->loop.wall;
	is_full = pins_put(w->gateway->pins, &row, &gone);
	if (!pin_record_write(w->journal, &row) ||
	    (is_full && !pin_record_write(w->journal, &gone)))
		COUNT(w->counts.lost_pins);
}
