#include "policy/access.h"
#include "policy/resolve.h"
#include "tests/check.h"

#include <string.h>

static struct provider providers[] = {
	{ .name = STR_INIT("openai"), .index = 0 },
	{ .name = STR_INIT("local"), .index = 1 },
	{ .name = STR_INIT("off"), .index = 2, .disabled = STR_INIT("no key") },
};
static struct target targets[] = {
	{ .provider = &providers[1], .model = STR_INIT("a"), .weight = 1 },
	{ .provider = &providers[1], .model = STR_INIT("b"), .weight = 3 },
};
static struct route routes[] = {
	{ .name = STR_INIT("fast"), .targets = targets, .target_count = 2 },
};
static struct config config = {
	.providers = providers,
	.provider_count = 3,
	.routes = routes,
	.route_count = 1,
};
static struct arena keep;

TEST(a_name_is_a_route_a_target_or_a_bare_id)
{
	struct candidates c;

	CHECK_OK(resolve_model(&config, STR("fast"), &keep, &c));
	CHECK_STR(c.route, "fast");
	CHECK_INT(c.count, 2);
	CHECK_OK(resolve_model(&config, STR("local/some/model"), &keep, &c));
	CHECK_STR(c.list[0].model, "some/model");
	CHECK_INT(c.route.len, 0);
	CHECK_OK(resolve_model(&config, STR("local::m"), &keep, &c));
	CHECK_STR(c.list[0].model, "m");
	CHECK_OK(resolve_model(&config, STR("local:m"), &keep, &c));
	CHECK_OK(resolve_model(&config, STR("gpt-4o-mini"), &keep, &c));
	CHECK_STR(c.list[0].provider->name, "openai");
	CHECK(c.list[0].is_known);
	CHECK_FAULT(resolve_model(&config, STR("off/m"), &keep, &c), FAULT_NO_TARGET);
	CHECK_FAULT(resolve_model(&config, STR("nobody/m"), &keep, &c),
	            FAULT_NO_SUCH_MODEL);
	CHECK_FAULT(resolve_model(&config, STR("local/"), &keep, &c),
	            FAULT_NO_SUCH_MODEL);
	arena_done(&keep);
}

TEST(a_name_with_control_bytes_leads_nowhere)
{
	static const str names[] = { STR_INIT("local/a\r\nx-evil: 1"),
		                     STR_INIT("local/a\nb"), STR_INIT("local/\x7f"),
		                     STR_INIT("local/a\0b") };
	struct candidates c;

	for (unsigned i = 0; i < countof(names); i++)
		CHECK_FAULT(resolve_model(&config, names[i], &keep, &c),
		            FAULT_NO_SUCH_MODEL);
	CHECK_OK(resolve_model(&config, STR("local/with blank \xc3\xa4"), &keep, &c));
	arena_done(&keep);
}

TEST(a_bare_id_has_at_most_as_many_candidates_as_a_route)
{
	struct provider many[TARGETS_MOST + 8];
	struct config wide = { .providers = many, .provider_count = countof(many) };
	struct candidates c;

	for (unsigned i = 0; i < countof(many); i++)
		many[i] = (struct provider){ .name = STR("openai"), .index = i };
	CHECK_OK(resolve_model(&wide, STR("gpt-4o-mini"), &keep, &c));
	CHECK_INT(c.count, TARGETS_MOST);
	CHECK_INT(c.list[TARGETS_MOST - 1].provider->index, TARGETS_MOST - 1);
	arena_done(&keep);
}

TEST(nearest_names_are_near)
{
	const struct access all = { .count = 0 };
	str names[NEAREST];
	unsigned n = resolve_nearest(&config, &all, STR("fasst"), &keep, names);

	CHECK_INT(n, NEAREST);
	CHECK_STR(names[0], "fast");
	n = resolve_nearest(&config, &all, STR("gpt4o-mini"), &keep, names);
	CHECK_INT(n, NEAREST);
	CHECK(str_starts(names[0], STR("openai/gpt-4o-mini")));
	arena_done(&keep);
}

TEST(nearest_names_are_those_that_may_be_asked_for)
{
	struct tenant_row row = { .models = STR("openai/gpt-4o-mini") };
	const struct access narrow = { .rows = { &row }, .count = 1 };
	str names[NEAREST];

	CHECK_INT(resolve_nearest(&config, &narrow, STR("fasst"), &keep, names), 1);
	CHECK_STR(names[0], "openai/gpt-4o-mini");
	row = (struct tenant_row){ .routes = STR("fast") };
	CHECK_INT(resolve_nearest(&config, &narrow, STR("fasst"), &keep, names), 1);
	CHECK_STR(names[0], "fast");
	row.routes = STR("other");
	CHECK_INT(resolve_nearest(&config, &narrow, STR("fasst"), &keep, names), 0);
	arena_done(&keep);
}
