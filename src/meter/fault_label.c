/* fault_label.c - see fault_label.h. */
#include "meter/fault_label.h"

#include "base/assert.h"

#include <stdio.h>

static const char *domain_of(fault_t fault)
{
	bool is_rule =
	        fault->status == 402 || fault->status == 403 || fault->status == 429;

	switch (fault->owner) {
	case FAULT_OF_CLIENT:
		return is_rule ? "policy" : "caller";
	case FAULT_OF_US:
		return is_rule ? "policy" : "gateway";
	case FAULT_OF_KEY:
	case FAULT_OF_MODEL:
	case FAULT_OF_PROVIDER:
	case FAULT_OF_NETWORK:
	case FAULT_OF_CAPACITY:
		break;
	}
	return "provider";
}

str fault_label(fault_t fault, char *room)
{
	int n = snprintf(room, FAULT_LABEL_MOST, "%s_%.*s", domain_of(fault),
	                 STR_ARG(fault->name));

	assert(n > 0 && n < FAULT_LABEL_MOST);
	for (int i = 0; i < n; i++)
		room[i] = char_lower(room[i]);
	return str_of(room, (size_t)n);
}

str fault_label_of(str name, char *room)
{
	for (unsigned id = FAULT_ID_NONE + 1; id < FAULT_IDS; id++) {
		fault_t fault = fault_by_id((enum fault_id)id);

		if (str_eq(fault->name, name))
			return fault_label(fault, room);
	}
	return STR("gateway_other");
}
