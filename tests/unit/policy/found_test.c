#include "policy/found.h"

#include "tests/check.h"

#include <stdio.h>

TEST(found_models_are_remembered_once)
{
	struct found *f = found_new();
	str provider, id;
	unsigned at = 0;

	CHECK(!found_has(NULL, STR("a"), STR("m")) && !found_has(f, STR("a"), STR("m")));
	CHECK_INT(found_add(f, STR("a"), STR("m")), FOUND_NEW);
	CHECK_INT(found_add(f, STR("a"), STR("m")), FOUND_OLD);
	CHECK_INT(found_add(f, STR("am"), STR("x")), FOUND_NEW);
	CHECK_INT(found_add(f, STR("a"), STR("mx")), FOUND_NEW);
	CHECK_INT(found_add(f, STR(""), STR("x")), FOUND_OLD);
	CHECK_INT(found_add(f, STR("x"), STR("")), FOUND_OLD);
	CHECK(found_has(f, STR("a"), STR("m")) && !found_has(f, STR("m"), STR("a")));
	CHECK(found_next(f, &at, &provider, &id));
	CHECK_STR(provider, "a");
	CHECK_STR(id, "m");
	CHECK(found_next(f, &at, &provider, &id) && found_next(f, &at, &provider, &id));
	CHECK(!found_next(f, &at, &provider, &id));
	CHECK(!found_next(NULL, &at, &provider, &id));
	found_free(&f);
	found_free(&f);
}

TEST(found_models_have_a_limit)
{
	struct found *f = found_new();
	unsigned added = 0;
	char id[32];

	for (int i = 0; i < FOUND_MOST + 100; i++) {
		int n = snprintf(id, sizeof(id), "m%d", i);

		added += found_add(f, STR("p"), str_of(id, (size_t)n)) == FOUND_NEW;
	}
	CHECK_INT(added, FOUND_SHARE); /* there is room for others */
	CHECK_INT(found_add(f, STR("p"), STR("m0")), FOUND_OLD);
	CHECK_INT(found_add(f, STR("p"), STR("zz")), FOUND_FULL);
	for (unsigned provider = 1; added < FOUND_MOST; provider++) {
		char name[] = { 'p', (char)('a' + provider), 0 };

		for (int i = 0; i < FOUND_SHARE; i++) {
			int n = snprintf(id, sizeof(id), "m%d", i);

			added += found_add(f, str_from_z(name), str_of(id, (size_t)n));
		}
	}
	CHECK_INT(found_add(f, STR("q"), STR("m0")), FOUND_FULL);
	CHECK(found_has(f, STR("p"), STR("m0")) && !found_has(f, STR("p"), STR("zz")));
	found_free(&f);
}
