#include "policy/keyring.h"
#include "tests/check.h"

TEST(keyring_knows_active_keys_only)
{
	struct keyring *k = keyring_new();
	struct key_row key = { .id = 0x123456789abc,
		               .name = STR("ci"),
		               .mac = { 1, 2, 3 } };
	uint8_t wrong[32] = { 1, 2, 4 };

	CHECK(!keyring_check(k, key.id, key.mac));
	CHECK(keyring_put(k, &key));
	CHECK(keyring_check(k, key.id, key.mac));
	CHECK(keyring_is_active(k, key.id) && !keyring_is_active(k, key.id + 1));
	CHECK(!keyring_is_active(k, 0));
	CHECK(!keyring_check(k, key.id, wrong));
	CHECK(!keyring_check(k, key.id + 1, key.mac));
	CHECK_STR(keyring_name(k, key.id), "ci");
	keyring_revoke(k, key.id);
	CHECK(!keyring_check(k, key.id, key.mac));
	CHECK(!keyring_is_active(k, key.id));
	keyring_free(&k);
	CHECK(!k);
}

/* An unknown id compares with a mac of zeros, which must not open the door. */
TEST(keyring_refuses_zeros)
{
	struct keyring *k = keyring_new();
	uint8_t zeros[32] = { 0 };

	CHECK(!keyring_check(k, 0, zeros));
	CHECK(!keyring_check(k, 7, zeros));
	keyring_free(&k);
}

TEST(keyring_fills_up_and_says_so)
{
	struct keyring *k = keyring_new();
	struct key_row key = { .name = STR("k") };

	for (uint64_t i = 1; i <= KEYRING_MOST; i++) {
		key.id = i * 7919;
		if (!CHECK(keyring_put(k, &key)))
			break;
	}
	key.id = 1;
	CHECK(!keyring_put(k, &key));
	CHECK_INT(keyring_count(k), KEYRING_MOST);
	key.id = 7919;
	CHECK(keyring_put(k, &key)); /* there already */
	keyring_free(&k);
}
