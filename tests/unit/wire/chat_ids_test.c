/* Ids of calls: what fits stays, what does not is another one, the same everywhere. */
#include "tests/unit/wire/form.h"

TEST(ids_that_fit_stay_and_others_become_one_each)
{
	static const str odd[] = { STR_INIT("functions.get:0"), STR_INIT("a.b"),
		                   STR_INIT("a:b"), STR_INIT("\\u00e9"), STR_INIT("") };
	char first[CHAT_ID_ROOM], second[CHAT_ID_ROOM];
	str sixty_five = STR("12345678901234567890123456789012345678901234567890123456789"
	                     "012345");

	CHECK_STR_EQ(chat_fit_id(STR("toolu_01-a"), 64, first), STR("toolu_01-a"));
	CHECK_STR_EQ(chat_fit_id(sixty_five, SIZE_MAX, first), sixty_five);
	CHECK(chat_is_id(chat_fit_id(sixty_five, 64, first), 64));
	for (size_t i = 0; i < countof(odd); i++) {
		str id = chat_fit_id(odd[i], SIZE_MAX, first);

		CHECK(chat_is_id(id, CHAT_ID_ROOM));
		CHECK_STR_EQ(chat_fit_id(odd[i], 64, second), id);
		CHECK(!str_eq(chat_fit_id(odd[(i + 1) % countof(odd)], 64, second), id));
	}
}

static void check_same(const struct form *f, const char *call, const char *result)
{
	str id = chat_text_in(NULL, form_member(f, call));

	CHECK(chat_is_id(id, 64));
	CHECK_STR_EQ(chat_text_in(NULL, form_member(f, result)), id);
}

TEST(ids_of_a_history_fit_where_the_vendor_looks_at_them)
{
	struct arena keep = { .ceiling = MiB };
	struct form f;

	CHECK_OK(form_read(
	        &f, &wire_openai_chat,
	        form_quoted(&keep,
	                    "{'model':'m','messages':[{'role':'user','content':'a'},"
	                    "{'role':'assistant','tool_calls':[{'id':'f.g:0','type':"
	                    "'function','function':{'name':'f','arguments':'{}'}}]},"
	                    "{'role':'tool','tool_call_id':'f.g:0','content':'r'}]}")));
	CHECK_OK(form_write(&f, &wire_anthropic, STR("claude-sonnet-4-5")));
	check_same(&f, "messages.1.content.0.id", "messages.2.content.0.tool_use_id");
	CHECK_OK(form_write(&f, &wire_bedrock, STR("us.amazon.nova-pro-v1:0")));
	check_same(&f, "messages.1.content.0.toolUse.toolUseId",
	           "messages.2.content.0.toolResult.toolUseId");
	form_done(&f);
	arena_done(&keep);
}

static str id_for(const struct wire *client, struct buf *out, struct emitter *e)
{
	struct chat_event open = { .kind = CHAT_OPEN,
		                   .what = CHAT_CALL,
		                   .id = STR("functions.get:0"),
		                   .name = STR("get") };

	emit_init(e, client->emit, out, true);
	e->format = client->format;
	e->seed = STR("abc");
	e->sink.take(&e->sink, &open);
	return e->choices[0].first->id;
}

TEST(clients_get_ids_that_their_format_can_hold)
{
	static const struct {
		const struct wire *client;
		bool stays;
	} rows[] = {
		{ &wire_anthropic, false },       { &wire_bedrock, false },
		{ &wire_openai_chat, true },      { &wire_gemini, true },
		{ &wire_openai_responses, true },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf out = BUF_LIMIT(64 * KiB);
		struct emitter e;
		str id = id_for(rows[i].client, &out, &e);

		CHECK_INT(str_eq(id, STR("functions.get:0")), rows[i].stays);
		CHECK(rows[i].stays || chat_is_id(id, 64));
		emit_done(&e);
		buf_free(&out);
	}
}
