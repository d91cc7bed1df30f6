#include "base/fault.h"
#include "tests/check.h"

TEST(ids_names_and_rows_are_one)
{
	CHECK(fault_by_id(FAULT_ID_NONE) == NULL && fault_by_id(FAULT_IDS) == NULL);
	CHECK_INT(fault_id_of(NULL), FAULT_ID_NONE);
	for (unsigned id = 1; id < FAULT_IDS; id++) {
		fault_t fault = fault_by_id((enum fault_id)id);

		CHECK_INT(fault_id_of(fault), id);
		CHECK(fault->name.len && fault->text.len && fault->type.len);
		CHECK(fault->status >= 400 && fault->status < 600);
	}
}

/* Whoever is to be blamed decides what can help. */
TEST(what_follows_fits_whose_fault_it_is)
{
	for (unsigned id = 1; id < FAULT_IDS; id++) {
		fault_t fault = fault_by_id((enum fault_id)id);
		bool ok = true;

		switch (fault->owner) {
		case FAULT_OF_CLIENT: /* asking the same there again cannot help */
			ok = fault->status < 500 || fault == FAULT_HTTP_CODING ||
			     fault == FAULT_HTTP_VERSION;
			ok = ok && fault->next != FAULT_TRY_SAME &&
			     /* but another key may be the account that has it, or
			      * one with more */
			     (fault->next != FAULT_NEXT_KEY ||
			      fault == FAULT_UPSTREAM_LACKS ||
			      fault == FAULT_UPSTREAM_OVER_RATE);
			break;
		case FAULT_OF_KEY:
			ok = fault->next == FAULT_NEXT_KEY && fault->status == 502;
			break;
		case FAULT_OF_CAPACITY:
			ok = fault->status == 429 && fault->again;
			break;
		case FAULT_OF_MODEL:
		case FAULT_OF_PROVIDER:
		case FAULT_OF_NETWORK:
			ok = fault->status >= 502 && fault->next != FAULT_GIVE_UP;
			break;
		case FAULT_OF_US:
			ok = fault->next == FAULT_GIVE_UP ||
			     fault == FAULT_PRICE_UNKNOWN || fault == FAULT_NO_SOCKET ||
			     fault == FAULT_SEAM_UNPROVEN || fault == FAULT_HEDGE_LOST ||
			     fault == FAULT_SUPERSEDED ||
			     fault == FAULT_ANSWER_UNSAID; /* of one attempt among several
			                                    */
			break;
		}
		if (!ok)
			check_failed(__FILE__, __LINE__, "%.*s", STR_ARG(fault->name));
		CHECK_INT(fault_is_upstream(fault),
		          fault->owner != FAULT_OF_CLIENT && fault->owner != FAULT_OF_US);
	}
}
