/* What a terminal is shown. */
#include "admin/text.h"

#include "admin/tenant_json.h"
#include "tests/check.h"

static const struct {
	const char *text, *shown;
} steering[] = {
	{ "a\x1b[2Jb", "a?[2Jb" },
	{ "a\x7f", "a?" },
	{ "a\xc2\x9b"
	  "2Jb",
	  "a?2Jb" }, /* CSI in C1 */
	{ "\xc2\x80|\xc2\x9f", "?|?" },
	{ "\xe2\x80\xaa|\xe2\x80\xae|\xe2\x81\xa6|\xe2\x81\xa9", "?|?|?|?" },
};
static const char *const harmless[] = {
	"a b",          "caf\xc3\xa9",  "\xc2\xa0",     "\xe2\x80\xa9",
	"\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa", "\xf0\x9f\x98\x80",
};

static void check_shown(const char *text, const char *shown)
{
	struct buf out = BUF_LIMIT(KiB);

	text_safe(&out, str_from_z(text));
	CHECK_STR_EQ(buf_str(&out), str_from_z(shown));
	buf_free(&out);
}

static bool may_be_named(const char *text)
{
	struct buf why = BUF_LIMIT(KiB);
	bool may = tenant_name_check(str_from_z(text), &why);

	buf_free(&why);
	return may;
}

TEST(text_of_others_does_not_steer_a_terminal)
{
	for (size_t i = 0; i < countof(steering); i++) {
		check_shown(steering[i].text, steering[i].shown);
		CHECK(!may_be_named(steering[i].text));
	}
	for (size_t i = 0; i < countof(harmless); i++) {
		check_shown(harmless[i], harmless[i]);
		CHECK(may_be_named(harmless[i]));
	}
	/* C1 of a terminal without UTF-8, and what is cut in the middle */
	check_shown("a\x9b"
	            "2J",
	            "a?2J");
	check_shown("caf\xc3", "caf?");
}
