#include "meter/pin_record.h"

#include "meter/record.h"

enum { VERSION = 1, NAME_MOST = 128 };

struct part {
	uint8_t version, kind, is_gone, name_len;
	uint32_t phi;
	uint8_t id[PIN_ID];
	uint64_t key, account;
	int64_t made_wall;
};

_Static_assert(sizeof(struct part) == 48, "layout of version 1");

bool pin_record_write(struct journal *j, const struct pin_row *pin)
{
	str name = str_first(pin->provider, NAME_MOST);
	struct part p = {
		.version = VERSION,
		.kind = (uint8_t)pin->kind,
		.is_gone = pin->is_gone,
		.name_len = (uint8_t)name.len,
		.key = pin->key,
		.account = pin->account,
		.made_wall = pin->made_wall,
		.phi = pin->phi,
	};
	struct iovec iov[] = {
		{ &p, sizeof(p) },
		{ (void *)(uintptr_t)name.ptr, name.len },
	};

	memcpy(p.id, pin->id, PIN_ID);
	return journal_write(j, RECORD_PIN, iov, name.len ? 2 : 1);
}

bool pin_record_read(const struct journal_record *record, struct pin_row *ret)
{
	str rest = record->payload, head = str_take(&rest, sizeof(struct part));
	struct part p;

	if (record->kind != RECORD_PIN || head.len < sizeof(p) || head.ptr[0] != VERSION)
		return false;
	memcpy(&p, head.ptr, sizeof(p));
	if (rest.len != p.name_len || p.kind >= PIN_KINDS)
		return false;
	*ret = (struct pin_row){
		.kind = (enum pin_kind)p.kind,
		.key = p.key,
		.account = p.account,
		.made_wall = p.made_wall,
		.provider = rest,
		.is_gone = p.is_gone != 0,
		.phi = p.phi != 0,
	};
	memcpy(ret->id, p.id, PIN_ID);
	return true;
}
