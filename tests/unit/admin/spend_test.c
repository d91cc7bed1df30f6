#include "admin/spend.h"
#include "tests/check.h"

static struct spend_name names[] = {
	{ .id = 1, .name = STR_INIT("backend"), .kind = TENANT_TEAM },
	{ .id = 2, .name = STR_INIT("backend"), .kind = TENANT_KEY },
	{ .id = 3, .name = STR_INIT("old"), .kind = TENANT_KEY, .is_revoked = true },
	{ .id = 4, .name = STR_INIT("new"), .kind = TENANT_KEY, .is_revoked = true },
	{ .id = 5, .name = STR_INIT("new"), .kind = TENANT_KEY },
	{ .id = 6, .name = STR_INIT("two"), .kind = TENANT_KEY },
	{ .id = 7, .name = STR_INIT("two"), .kind = TENANT_KEY },
};

static uint64_t find(enum tenant_kind kind, const char *text)
{
	const struct spend_names n = { .names = names, .count = countof(names) };
	uint64_t id = 0;

	return spend_find(&n, kind, str_from_z(text), &id) ? id : 0;
}

TEST(spend_finds_whom_is_asked_for)
{
	CHECK_INT(find(TENANT_TEAM, "backend"), 1);
	CHECK_INT(find(TENANT_KEY, "backend"), 2);
	CHECK_INT(find(TENANT_KEY, "old"), 3);
	CHECK_INT(find(TENANT_KEY, "new"), 5);
	CHECK_INT(find(TENANT_KEY, "two"), 0);
	CHECK_INT(find(TENANT_TEAM, "old"), 0);
	CHECK_INT(find(TENANT_KEY, "00000000000a"), 10);
}

TEST(spend_tells_apart_by_one_tag)
{
	struct spend_by by;
	str wrong;

	CHECK(spend_by(STR("tag:a,day,model"), &by, &wrong));
	CHECK_STR(by.tag, "a");
	CHECK(!spend_by(STR("tag:a,tag:b"), &by, &wrong));
	CHECK_STR(wrong, "tag:b");
	CHECK(!spend_by(STR("tag,tag:b"), &by, &wrong));
}
