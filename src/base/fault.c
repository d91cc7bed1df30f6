#include "base/fault.h"

#define CLIENT FAULT_OF_CLIENT
#define KEY FAULT_OF_KEY
#define MODEL FAULT_OF_MODEL
#define PROVIDER FAULT_OF_PROVIDER
#define NETWORK FAULT_OF_NETWORK
#define CAPACITY FAULT_OF_CAPACITY
#define US FAULT_OF_US
#define GIVE_UP FAULT_GIVE_UP
#define TRY_NEXT FAULT_TRY_NEXT
#define TRY_SAME FAULT_TRY_SAME
#define NEXT_KEY FAULT_NEXT_KEY
#define LARGER FAULT_LARGER
#define IF_ASKED FAULT_IF_ASKED
#define AGAIN true
#define NEVER false

#define FAULT(name, status, type, code, owner, next, again, text)                        \
	const struct fault FAULT_##name[1] = { { STR_INIT(#name), status,                \
		                                 STR_INIT(type), STR_INIT(code), owner,  \
		                                 next, again, STR_INIT(text) } };
#include "base/fault.def"
#undef FAULT

static const fault_t rows[FAULT_IDS] = {
#define FAULT(name, status, type, code, owner, next, again, text)                        \
	[FAULT_ID_##name] = FAULT_##name,
#include "base/fault.def"
#undef FAULT
};

fault_t fault_by_id(enum fault_id id)
{
	return (unsigned)id < FAULT_IDS ? rows[id] : NULL;
}

enum fault_id fault_id_of(fault_t fault)
{
	for (unsigned id = 1; fault && id < FAULT_IDS; id++) {
		if (rows[id] == fault)
			return (enum fault_id)id;
	}
	return FAULT_ID_NONE;
}
