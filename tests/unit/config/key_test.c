#include "config/key.h"

#include "base/usec.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "tests/check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_new_key_has_the_form_it_promises)
{
	char one[KEY_TEXT], two[KEY_TEXT];
	uint64_t id, id_two, parsed = 0;

	key_generate(one, &id);
	key_generate(two, &id_two);
	CHECK(str_starts(str_of(one, KEY_TEXT), STR("sk-sl-")));
	CHECK(key_parse_id(str_of(one, KEY_TEXT), &parsed));
	CHECK_INT(parsed, id);
	CHECK(id != 0 && id >> 48 == 0);
	CHECK(memcmp(one + 19, two + 19, 43) != 0);
	CHECK(id != id_two);
}

TEST(other_texts_are_no_keys)
{
	static const char *const texts[] = {
		"",
		"sk-sl-",
		"sk-proj-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
		"sk-sl-0123456789AB-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
		"sk-sl-0123456789ag-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
		"sk-sl-000000000000-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
		"sk-sl-0123456789ab_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
		"sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
		"sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
		"sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP=",
		"sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP ",
	};
	uint64_t id = 7;

	for (size_t i = 0; i < countof(texts); i++)
		if (key_parse_id(str_from_z(texts[i]), &id))
			check_failed(__FILE__, __LINE__, "%s is taken for a key",
			             texts[i]);
	CHECK_INT(id, 7);
	CHECK(key_parse_id(
	        STR("sk-sl-0123456789ab-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"),
	        &id));
	CHECK_INT(id, 0x0123456789ab);
}

TEST(keys_are_found_and_hidden_wherever_they_stand)
{
	static const struct {
		const char *text, *hidden;
	} cases[] = {
		{ "", NULL },
		{ "sl-", NULL },
		{ "curl/8 sk-sl-0123456789ab", NULL },
		{ "sk-sl-0123456789ab- x", NULL },
		{ "sk-sl-0123456789a-abc", NULL },
		{ "sk-sl-0123456789abc-abc", NULL },
		{ "sk-sl-0123456789AB-abc", NULL },
		{ "sl-sl-sl-0123456789ab-a", "sl-sl-sl-0123456789ab-*" },
		{ "a sk-sl-0123456789ab-aZ_-9 b", "a sk-sl-0123456789ab-***** b" },
		{ "sl-admin-0123456789ab-xy\"", "sl-admin-0123456789ab-**\"" },
		{ "sk-sl-0123456789ab-x,sk-sl-ffffffffffff-y/",
		  "sk-sl-0123456789ab-*,sk-sl-ffffffffffff-*/" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		str text = str_from_z(cases[i].text);
		char copy[64];

		memcpy(copy, text.ptr, text.len);
		key_hide(copy, text.len);
		CHECK_INT(key_stands_in(text), cases[i].hidden != NULL);
		CHECK_STR_EQ(str_of(copy, text.len),
		             cases[i].hidden ? str_from_z(cases[i].hidden) : text);
	}
}

TEST(the_mac_is_hmac_sha256)
{
	uint8_t pepper[PEPPER], mine[KEY_MAC], again[KEY_MAC], theirs[KEY_MAC];
	struct key_hasher h;
	char text[300];
	unsigned size = KEY_MAC;

	for (int i = 0; i < PEPPER; i++)
		pepper[i] = (uint8_t)(i * 7 + 1);
	key_hasher_init(&h, pepper);
	for (size_t n = 0; n <= sizeof(text); n++) {
		memset(text, 'a' + (int)(n % 26), sizeof(text));
		HMAC(EVP_sha256(), pepper, PEPPER, (unsigned char *)text, n, theirs,
		     &size);
		key_hasher_mac(&h, str_of(text, n), mine);
		key_mac(pepper, str_of(text, n), again);
		CHECK(memcmp(mine, theirs, KEY_MAC) == 0);
		CHECK(memcmp(again, theirs, KEY_MAC) == 0);
	}
	key_hasher_done(&h);
}

/* On the hot path of every request with a key; SLUICE_TIMES says how long it takes. */
TEST(the_hasher_may_be_used_again_and_again)
{
	enum { ROUNDS = 100000 };
	uint8_t pepper[PEPPER] = { 1 }, mac[KEY_MAC], first[KEY_MAC];
	char text[KEY_TEXT];
	struct key_hasher h;
	uint64_t id;
	usec began;

	key_generate(text, &id);
	key_hasher_init(&h, pepper);
	began = sys_now();
	for (int i = 0; i < ROUNDS; i++)
		key_hasher_mac(&h, str_of(text, KEY_TEXT), mac);
	began = sys_now() - began;
	if (getenv("SLUICE_TIMES"))
		printf("key_hasher_mac: %.3f us\n", (double)began / ROUNDS);
	key_mac(pepper, str_of(text, KEY_TEXT), first);
	CHECK(memcmp(mac, first, KEY_MAC) == 0);
	key_hasher_done(&h);
}

TEST(the_pepper_is_made_once_and_kept_private)
{
	uint8_t one[PEPPER], two[PEPPER];
	struct buf why = BUF_LIMIT(KiB);
	str dir = str_from_z(test_dir());
	char path[512];
	struct stat st;

	CHECK(pepper_load(dir, one, &why));
	CHECK(pepper_load(dir, two, &why));
	CHECK(memcmp(one, two, PEPPER) == 0);
	snprintf(path, sizeof(path), "%.*s/pepper", STR_ARG(dir));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 &&
	      st.st_size == PEPPER);

	chmod(path, 0644);
	CHECK(!pepper_load(dir, two, &why) && str_has(buf_str(&why), STR("chmod 600")));
	chmod(path, 0600);
	CHECK(truncate(path, 31) == 0);
	buf_clear(&why);
	CHECK(!pepper_load(dir, two, &why) && str_has(buf_str(&why), STR("32 bytes")));
	CHECK(truncate(path, 33) == 0);
	CHECK(!pepper_load(dir, two, &why));
	unlink(path);
	CHECK(symlink("/etc/passwd", path) == 0);
	CHECK(!pepper_load(dir, two, &why));
	unlink(path);
	CHECK(!pepper_load(STR("/nowhere/at/all"), two, &why));
	buf_free(&why);
}
