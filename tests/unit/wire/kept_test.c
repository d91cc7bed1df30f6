/* JSON stands here with ' for ". */
#include "wire/kept.h"
#include "tests/check.h"

static struct arena keep;

static str quoted(const char *text)
{
	str s = str_from_z(text);
	char *room = arena_alloc(&keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(room, s.len);
}

/* ---- files ---- */

static void check_files(enum wire_format format, const char *body, const char *wanted)
{
	struct buf seen = BUF_LIMIT(4 * KiB);
	struct kept_files f;
	char room[KEPT_ROOM];
	str name;

	kept_files_init(&f, format, quoted(body));
	while (kept_files_next(&f, room, &name))
		buf_addf(&seen, "%.*s ", STR_ARG(name));
	CHECK_STR_EQ(buf_str(&seen), str_from_z(wanted));
	buf_free(&seen);
}

TEST(kept_files_are_found_where_they_are_said)
{
	check_files(
	        WIRE_OPENAI_RESPONSES,
	        " {'tools':[{'parameters':{'examples':[{'file_id':'f0'}]}}],'input':["
	        "{'content':[{'file_id':'f1'},{'\\u0066ile_id' : '\\u0066\\/2'}]},"
	        "{'file_id':['f3'],'x':'file_id'},{'x':'\\'file_id\\':\\'f4\\''},"
	        "{'file_id':null},{'file_id':''},{'file_id':'a b'},{'file_id':'f5'}]} ",
	        "f1 f/2 f5 ");
	check_files(WIRE_OPENAI_RESPONSES, "{'input':'file_id'}", "");
	check_files(WIRE_OPENAI_RESPONSES, "{'messages':[{'file_id':'f1'}]}", "");
	check_files(
	        WIRE_OPENAI_CHAT,
	        "{'messages':[{'content':[{'type':'file','file':{'file_id':'f1'}}]}]}",
	        "f1 ");
	check_files(WIRE_ANTHROPIC, "{'messages':[{'source':{'file_id':'f1'}}]}", "f1 ");
	check_files(WIRE_GEMINI, "{'contents':[{'fileUri':'https:\\/\\/a/b'}]}",
	            "https://a/b ");
	check_files(WIRE_COHERE, "{'messages':[{'file_id':'f1'}]}", "");
	arena_done(&keep);
}

/* ---- items ---- */

static fault_t add(void *arg, enum kept_item how, str id)
{
	buf_addf(arg, "%c:%.*s ", "rab"[how], STR_ARG(id));
	return str_eq(id, STR("stop")) ? FAULT_PINNED : NULL;
}

static void check_items(const char *input, const char *wanted)
{
	struct buf seen = BUF_LIMIT(4 * KiB);
	str body = arena_printf(&keep, "{\"input\":%.*s}", STR_ARG(quoted(input)));

	CHECK_OK(kept_items(body, add, &seen));
	CHECK_STR_EQ(buf_str(&seen), str_from_z(wanted));
	buf_free(&seen);
}

TEST(kept_items_are_what_a_provider_looks_up)
{
	check_items("'item_reference'", "");
	check_items("[]", "");
	check_items("[{'type':'item_reference','id':'m1'},{'id':'m2'},{'id':'m3','type':"
	            "null},"
	            "{'type':'item_referenc\\u0065','\\u0069d':'m\\u0034'},"
	            "{'id':'m5','role':'user'},{'id':'m6','content':'x'},"
	            "{'id':'m7','role':'user','content':null},{'id':'m8','type':''}]",
	            "r:m1 r:m2 r:m3 r:m4 r:m5 r:m6 r:m7 r:m8 ");
	/* They say what they mean. */
	check_items(
	        "[{'role':'user','content':'x','id':'m'},'x',7,{'type':'item_reference'},"
	        "{'type':'message','role':'assistant','content':[],'id':'m'},"
	        "{'type':'function_call','arguments':'','id':'m'},"
	        "{'type':'function_call_output','output':'x','id':'m'},"
	        "{'type':'reasoning','encrypted_content':'g','id':'m'},"
	        "{'type':'image_generation_call','result':'AA','id':'m'},"
	        "{'type':'custom_tool_call','input':'x','id':null}]",
	        "");
	check_items("[{'type':'message','id':'a1'},{'type':'message','content':null,'id':"
	            "'a2'},"
	            "{'type':'image_generation_call','id':'a3','result':null},"
	            "{'type':'reasoning','id':'a4'},"
	            "{'type':'reasoning','id':'a5','summary':[],'content':null,"
	            "'encrypted_content':''},"
	            "{'type':'reasoning','id':'b1','summary':[{'text':'x'}]},"
	            "{'type':'reasoning','id':'b2','content':[{'text':'x'}]},"
	            "{'type':'web_search_call','id':'b3'},{'type':'new','id':'b4'},"
	            "{'type':'mcp_approval_response','approval_request_id':'b5'},"
	            "{'type':'function_call','id':'b6'},{'type':'new','id':'no id'}]",
	            "a:a1 a:a2 a:a3 a:a4 a:a5 b:b1 b:b2 b:b3 b:b4 b:b5 b:b6 ");
	arena_done(&keep);
}

TEST(kept_items_that_could_be_read_in_two_ways_are_refused)
{
	struct buf seen = BUF_LIMIT(4 * KiB);

	CHECK_FAULT(
	        kept_items(quoted("{'input':[{'id':'a','\\u0069d':'b'}]}"), add, &seen),
	        FAULT_JSON_DUPLICATE);
	CHECK_FAULT(kept_items(quoted("{'input':[{'type':'message','Type':'x'}]}"), add,
	                       &seen),
	            FAULT_JSON_DUPLICATE);
	CHECK_FAULT(kept_items(quoted("{'input':[{'id':'a '}]}"), add, &seen),
	            FAULT_BAD_REQUEST);
	CHECK_FAULT(kept_items(quoted("{'input':[{'id':7}]}"), add, &seen),
	            FAULT_BAD_REQUEST);
	CHECK(seen.len == 0);
	CHECK_FAULT(
	        kept_items(quoted("{'input':[{'id':'stop'},{'id':'b'}]}"), add, &seen),
	        FAULT_PINNED);
	CHECK_STR(buf_str(&seen), "r:stop ");
	buf_free(&seen);
	arena_done(&keep);
}
