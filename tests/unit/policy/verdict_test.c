#include "policy/verdict.h"
#include "tests/check.h"

TEST(every_status_has_a_verdict)
{
	static const struct {
		int status;
		fault_t want;
	} rows[] = {
		{ 200, NULL },
		{ 204, NULL },
		{ 101, FAULT_UPSTREAM_MALFORMED },
		{ 302, FAULT_UPSTREAM_REDIRECT },
		{ 400, FAULT_UPSTREAM_REFUSED },
		{ 401, FAULT_UPSTREAM_AUTH },
		{ 402, FAULT_UPSTREAM_AUTH },
		{ 403, FAULT_UPSTREAM_AUTH },
		{ 404, FAULT_UPSTREAM_NO_MODEL },
		{ 408, FAULT_UPSTREAM_BUSY },
		{ 409, FAULT_UPSTREAM_BUSY },
		{ 413, FAULT_UPSTREAM_REFUSED },
		{ 422, FAULT_UPSTREAM_REFUSED },
		{ 429, FAULT_UPSTREAM_LIMITED },
		{ 498, FAULT_UPSTREAM_LIMITED },
		{ 500, FAULT_UPSTREAM_FAILED },
		{ 503, FAULT_UPSTREAM_BUSY },
		{ 529, FAULT_UPSTREAM_BUSY },
		{ 530, FAULT_UPSTREAM_FAILED },
		{ 999, FAULT_UPSTREAM_MALFORMED },
	};

	for (size_t i = 0; i < countof(rows); i++)
		CHECK_FAULT(verdict_of_status(rows[i].status), rows[i].want);
}
