#include "main/scout.h"

#include "base/buf.h"
#include "tests/check.h"

static void note(void *arg, str id)
{
	buf_add(arg, id);
	buf_add_char(arg, '|');
}

static void reads(str json, bool is_list, const char *want)
{
	struct buf ids = BUF_LIMIT(4 * KiB);

	CHECK(scout_read(json, note, &ids) == is_list);
	CHECK_STR_EQ(buf_str(&ids), str_from_z(want));
	buf_free(&ids);
}

TEST(lists_of_models_are_read_in_every_shape)
{
	reads(STR("{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":\"b/c\"}]}"),
	      true, "a|b/c|");
	reads(STR("{\"data\":[{\"type\":\"model\",\"id\":\"claude-x\"}],\"has_more\":"
	          "false}"),
	      true, "claude-x|");
	reads(STR("{\"models\":[{\"name\":\"models/gemini-9\"},{\"name\":\"g\"}]}"), true,
	      "gemini-9|g|");
	reads(STR("{\"data\":[]}"), true, "");
	/* What cannot stand in a request is left out. */
	reads(STR("{\"data\":[{\"id\":\"\"},{\"id\":7},{},3,{\"id\":\"a b\"},"
	          "{\"id\":\"\\u001b[2J\"},{\"id\":\"ok\"}]}"),
	      true, "ok|");
	reads(STR("{\"data\":{}}"), false, "");
	reads(STR("[]"), false, "");
	reads(STR("<html>"), false, "");
	reads(STR("{\"data\":[{\"id\":\"a\"}"), false, "");
}

static void next_is(enum wire_format format, str json, const char *want)
{
	struct buf page = BUF_LIMIT(KiB);

	CHECK(scout_next_page(format, json, &page) == (*want != 0));
	CHECK_STR_EQ(buf_str(&page), str_from_z(want));
	buf_free(&page);
}

TEST(the_next_page_of_a_list_is_found)
{
	str more = STR("{\"data\":[],\"has_more\":true,\"last_id\":\"a/b\"}");

	next_is(WIRE_ANTHROPIC, more, "after_id=a%2Fb");
	next_is(WIRE_OPENAI_CHAT, more, "");
	next_is(WIRE_ANTHROPIC, STR("{\"has_more\":false,\"last_id\":\"a\"}"), "");
	next_is(WIRE_ANTHROPIC, STR("{\"has_more\":true,\"last_id\":null}"), "");
	next_is(WIRE_GEMINI, STR("{\"models\":[],\"nextPageToken\":\"t=1&x\"}"),
	        "pageToken=t%3D1%26x");
	next_is(WIRE_GEMINI, STR("{\"models\":[],\"nextPageToken\":\"\"}"), "");
	next_is(WIRE_GEMINI, STR("{\"models\":[]}"), "");
	next_is(WIRE_GEMINI, STR("<"), "");
}
