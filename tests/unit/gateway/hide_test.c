#include "gateway/hide.h"

#include "tests/check.h"

static struct secret keys[] = { { STR_INIT("sk-first-key") },
	                        { STR_INIT("abc/def/ghi") },
	                        { STR_INIT("short") } };
static const struct provider provider = {
	.keys = keys,
	.key_count = countof(keys),
	.aws = { .secret_key = { STR_INIT("wJalrXUtnFEMI/K7") } },
};

TEST(what_a_provider_says_of_our_keys_is_hidden)
{
	static const char *const rows[][2] = {
		{ "bad key sk-first-key!", "bad key ************!" },
		{ "sk-first-keysk-first-key", "************************" },
		{ "abc\\/def\\/ghi and abc/def/ghi", "************* and ***********" },
		{ "wJalrXUtnFEMI\\/K7", "*****************" },
		{ "token-0123456789", "****************" },
		{ "cut: sk-first-ke", "cut: ***********" },
		{ "sk-first-ke, said it", "sk-first-ke, said it" },
		{ "cut: sk-fir", "cut: sk-fir" },
		{ "short is a word", "short is a word" },
		{ "", "" },
	};
	struct target t = { .provider = &provider };
	struct attempt a = { .target = &t, .token = { STR("token-0123456789"), 1 } };

	for (size_t i = 0; i < countof(rows); i++) {
		str before = str_from_z(rows[i][0]), after = str_from_z(rows[i][1]);
		char text[64];

		memcpy(text, before.ptr, before.len);
		if (hide_finds(&a, before))
			CHECK(!str_eq(before, after));
		hide_secrets(&a, text, before.len);
		CHECK_STR_EQ(str_of(text, before.len), after);
	}
}

/* However a text is cut, what may begin a secret waits for the rest. */
TEST(a_secret_that_is_cut_is_known_by_its_beginning)
{
	static const char *const texts[] = {
		"bad key sk-first-key!", "abc\\/def\\/ghi",  "x abc/def/ghi",
		"wJalrXUtnFEMI\\/K7",    "token-0123456789", "ssk-first-key"
	};
	struct target t = { .provider = &provider };
	struct attempt a = { .target = &t, .token = { STR("token-0123456789"), 1 } };

	for (size_t i = 0; i < countof(texts); i++) {
		str text = str_from_z(texts[i]);

		for (size_t cut = 0; cut <= text.len; cut++) {
			size_t waits = hide_begins(&a, str_first(text, cut));

			CHECK(waits <= cut);
			/* What has passed without it has nothing that it needs. */
			CHECK(hide_finds(&a, str_first(text, cut)) ||
			      hide_finds(&a, str_from(text, cut - waits)));
		}
	}
	CHECK_INT(hide_begins(&a, STR("nothing else")), 0);
	CHECK_INT(hide_begins(&a, STR("bad key sk-first-ke")), 11);
	CHECK_INT(hide_begins(&a, STR("abc\\")), 4);
	CHECK_INT(hide_begins(&a, STR("shor")), 0);
}
