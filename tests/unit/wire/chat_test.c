#include "tests/check.h"
#include "wire/chat.h"

static struct json_value value_of(const char *text)
{
	struct json_value v = { 0 };

	CHECK(json_check(str_from_z(text), &json_limits_default, &v) == NULL);
	return v;
}

TEST(lone_surrogates_are_replaced)
{
	struct arena keep = { 0 };

	CHECK_STR(chat_text_in(&keep, value_of("\"a\\ud83d\"")), "a\\ufffd");
	CHECK_STR(chat_text_in(&keep, value_of("\"\\ude00b\"")), "\\ufffdb");
	CHECK_STR(chat_text_in(&keep, value_of("\"\\ud83d\\ude00\\\\ud83d\"")),
	          "\\ud83d\\ude00\\\\ud83d");
	CHECK_STR(chat_text_in(&keep, value_of("\"\\ud83d\\ud83d\\ude00\"")),
	          "\\ufffd\\ud83d\\ude00");
	arena_done(&keep);
}

TEST(arguments_become_an_object)
{
	struct arena keep = { 0 };
	struct chat_request r = { .keep = &keep };

	CHECK_STR(chat_args(&r, STR("")), "{}");
	CHECK_STR(chat_args(&r, STR("{\\\"a\\\": 1}")), "{\"a\": 1}");
	CHECK_STR(chat_args(&r, STR("[1]")), "{\"_raw\":\"[1]\"}");
	CHECK_STR(chat_args(&r, STR("{\\\"a\\\":")), "{\"_raw\":\"{\\\"a\\\":\"}");
	arena_done(&keep);
}

TEST(lost_names_are_said_once_and_fit_a_header)
{
	struct arena keep = { 0 };
	struct chat_request r = { .keep = &keep };

	chat_drop(&r, STR("seed"));
	chat_drop(&r, STR("seed"));
	chat_drop(&r, STR("a\r\nb,c"));
	CHECK_INT(r.dropped_count, 2);
	CHECK_STR(r.dropped[1], "a??b?c");
	for (int i = 0; i < 100; i++)
		chat_dropf(&r, "n%d", i);
	CHECK_INT(r.dropped_count, CHAT_DROPS);
	CHECK_INT(r.dropped_more, 102 - CHAT_DROPS);
	arena_done(&keep);
}

TEST(what_the_target_has_no_word_for_is_dropped_or_refused)
{
	struct arena keep = { 0 };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	str detail = STR_NONE;

	CHECK(chat_read_option(&r, WIRE_OPENAI_CHAT, STR("seed"), value_of("7")));
	CHECK(!chat_read_option(&r, WIRE_OPENAI_CHAT, STR("sed"), value_of("7")));
	CHECK(chat_cross(&r, WIRE_OPENAI_CHAT, &detail) == NULL);
	CHECK_INT(r.dropped_count, 0);
	CHECK(chat_cross(&r, WIRE_ANTHROPIC, &detail) == NULL);
	CHECK_STR(r.dropped[0], "seed");
	chat_mark(&r, CONCEPT_LOGPROBS);
	CHECK(chat_cross(&r, WIRE_ANTHROPIC, &detail) == FAULT_NOT_OFFERED);
	CHECK(str_has(detail, STR("logprobs")));
	arena_done(&keep);
}

TEST(options_go_where_the_format_has_them)
{
	struct arena keep = { 0 };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	struct buf out = BUF_LIMIT(4096);
	struct json_writer w = { .to = &out };

	chat_read_option(&r, WIRE_OPENAI_CHAT, STR("temperature"), value_of("1.50"));
	chat_read_option(&r, WIRE_OPENAI_CHAT, STR("top_p"), value_of("0.10"));
	CHECK(chat_has_options(&r, WIRE_GEMINI, "generationConfig."));
	CHECK(!chat_has_options(&r, WIRE_GEMINI, ""));
	json_open(&w, '{');
	chat_write_options(&r, WIRE_GEMINI, "generationConfig.", NULL, &w);
	json_close(&w, '}');
	CHECK_STR(buf_str(&out), "{\"temperature\":1.50,\"topP\":0.10}");
	buf_clear(&out);
	w = (struct json_writer){ .to = &out };
	json_open(&w, '{');
	chat_write_options(&r, WIRE_ANTHROPIC, "", NULL, &w);
	json_close(&w, '}');
	CHECK_STR(buf_str(&out), "{\"temperature\":1,\"top_p\":0.10}");
	CHECK_STR(r.dropped[0], "temperature>1");
	buf_free(&out);
	arena_done(&keep);
}

TEST(a_seal_goes_back_only_to_who_made_it)
{
	struct arena keep = { 0 };
	struct chat_seal s = { .origin = WIRE_GEMINI, .blob = STR("QUJD") }, back;
	jstr shown = chat_seal_show(&keep, &s, WIRE_ANTHROPIC);

	CHECK_STR(shown, "sluice1.gemini.QUJD");
	back = chat_seal_read(shown, WIRE_ANTHROPIC);
	CHECK_INT(back.origin, WIRE_GEMINI);
	CHECK_STR(back.blob, "QUJD");
	CHECK(chat_seal_fits(&back, WIRE_GEMINI));
	CHECK(!chat_seal_fits(&back, WIRE_ANTHROPIC));
	CHECK_STR(chat_seal_show(&keep, &s, WIRE_GEMINI), "QUJD");
	back = chat_seal_read(STR("EqQB"), WIRE_ANTHROPIC);
	CHECK(chat_seal_fits(&back, WIRE_BEDROCK));
	s = (struct chat_seal){ 0 };
	back = chat_seal_read(chat_seal_show(&keep, &s, WIRE_ANTHROPIC), WIRE_ANTHROPIC);
	CHECK_INT(back.origin, WIRE_NONE);
	s = (struct chat_seal){ .origin = WIRE_ANTHROPIC,
		                .redacted = true,
		                .blob = STR("x") };
	back = chat_seal_read(chat_seal_show(&keep, &s, WIRE_OPENAI_CHAT),
	                      WIRE_OPENAI_CHAT);
	CHECK(back.redacted && back.origin == WIRE_ANTHROPIC);
	arena_done(&keep);
}

TEST(efforts_and_budgets)
{
	CHECK_INT(chat_budget_effort(0), EFFORT_NONE);
	CHECK_INT(chat_budget_effort(1024), EFFORT_MINIMAL);
	CHECK_INT(chat_budget_effort(12288), EFFORT_MEDIUM);
	CHECK_INT(chat_budget_effort(50000), EFFORT_XHIGH);
	CHECK_INT(chat_effort_find(STR("high")), EFFORT_HIGH);
	CHECK_INT(chat_effort_find(STR("")), EFFORT_UNSET);
}

TEST(data_urls)
{
	struct chat_part p = { 0 };

	chat_set_url(&p, STR("data:image/png;base64,AAAA"));
	CHECK_INT(p.source, SOURCE_BASE64);
	CHECK_STR(p.media_type, "image/png");
	CHECK_STR(p.data, "AAAA");
	chat_set_url(&p, STR("https://example.com/a.png"));
	CHECK_INT(p.source, SOURCE_URL);
}

TEST(a_full_arena_is_remembered)
{
	struct arena keep = { .ceiling = 512 };
	struct chat_request r = { .keep = &keep };
	struct chat_message *m = chat_add_message(&r, CHAT_USER);

	for (int i = 0; i < 100; i++)
		chat_add_text(&r, m, STR("x"));
	CHECK(r.why == FAULT_JSON_LIMIT);
	arena_done(&keep);
}

TEST(a_search_beside_tools_of_the_client_s_own_is_dropped_by_name)
{
	struct arena keep = { 0 };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_RESPONSES };
	str detail = STR_NONE;

	chat_mark(&r, CONCEPT_WEB_SEARCH);
	chat_add_tool(&r, TOOL_WEB_SEARCH);
	CHECK(chat_cross(&r, WIRE_BEDROCK, &detail) == FAULT_NOT_OFFERED);
	chat_add_tool(&r, TOOL_FUNCTION);
	CHECK(chat_cross(&r, WIRE_BEDROCK, &detail) == NULL);
	CHECK_STR(r.dropped[0], "tools[].web_search");
	arena_done(&keep);
}

TEST(a_body_may_have_any_white_space_around_it)
{
	CHECK_STR(chat_root(STR("\n {\"a\":1}\r\n\t ")).raw, "{\"a\":1}");
	CHECK_INT(chat_root(STR("\n[1]\n")).type, JSON_NONE);
	CHECK_INT(chat_root(STR(" \n")).type, JSON_NONE);
}
