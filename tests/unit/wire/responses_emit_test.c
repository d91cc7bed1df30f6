/* Answers of openai-responses, written: what the events of a stream are, and that the
 * whole answer says the same.  JSON stands here with ' for ". */
#include "tests/check.h"
#include "wire/responses.h"

#include <stdio.h>

static struct arena keep;
static struct emitter e;
static struct buf out = BUF_LIMIT(MiB);

static str quoted(const char *text)
{
	str s = str_from_z(text);
	char *room = arena_alloc(&keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(room, s.len);
}

static void begin(bool streams)
{
	buf_clear(&out);
	emit_init(&e, wire_openai_responses.emit, &out, streams);
	e.format = WIRE_OPENAI_RESPONSES;
	e.seed = STR("5eed");
	e.model = STR("m");
	e.created = 7;
}

static void end(void)
{
	emit_done(&e);
	arena_done(&keep);
}

static void push(struct chat_event ev)
{
	chat_push(&e.sink, &ev);
}

static void say(unsigned block, enum chat_kind what, const char *text)
{
	push((struct chat_event){ .kind = CHAT_OPEN, .block = block, .what = what });
	push((struct chat_event){ .kind = CHAT_PIECE,
	                          .block = block,
	                          .what = what,
	                          .text = str_from_z(text) });
}

static void call(unsigned block, const char *id, const char *args, bool is_custom)
{
	push((struct chat_event){ .kind = CHAT_OPEN,
	                          .block = block,
	                          .what = CHAT_CALL,
	                          .id = str_from_z(id),
	                          .name = STR("f"),
	                          .is_custom = is_custom });
	push((struct chat_event){
	        .kind = CHAT_PIECE, .block = block, .text = str_from_z(args) });
	push((struct chat_event){ .kind = CHAT_CLOSE, .block = block });
}

static void finish(enum chat_finish why)
{
	push((struct chat_event){ .kind = CHAT_FINISH, .finish = why });
	push((struct chat_event){
	        .kind = CHAT_USAGE,
	        .usage = { .input = 10, .cache_read = 4, .output = 6, .reasoning = 2 } });
	push((struct chat_event){ .kind = CHAT_END });
}

/* The n-th event's data; also checks its frame, its name and its number. */
static str event(unsigned n)
{
	str rest = buf_str(&out);
	struct json_value root;
	uint64_t number = 99;

	for (unsigned i = 0;; i++) {
		size_t length = str_find_str(rest, STR("\n\n"));
		str block = str_first(rest, length), name;

		if (rest.len == 0)
			return STR_NONE;
		rest = str_from(rest, length + 2);
		if (i < n)
			continue;
		CHECK(str_skip(&block, STR("event: ")));
		name = str_cut(&block, '\n');
		CHECK(str_skip(&block, STR("data: ")));
		if (!CHECK_OK(json_check(block, &json_limits_default, &root)))
			return STR_NONE;
		CHECK(json_text_is(json_get(root, STR("type")), name));
		json_u64(json_get(root, STR("sequence_number")), &number);
		CHECK_INT(number, n);
		return block;
	}
}

static struct json_value at(unsigned n, const char *path)
{
	struct json_value root = { JSON_OBJECT, event(n) };

	return json_path(root, path);
}

/* The names of all events, without "response.". */
static str names(void)
{
	struct buf text = BUF_LIMIT(64 * KiB);

	for (unsigned i = 0; event(i).len; i++) {
		str type = at(i, "type").raw;

		type = str_of(type.ptr + 1, type.len - 2);
		str_skip(&type, STR("response."));
		buf_addf(&text, "%s%.*s", i ? " " : "", STR_ARG(type));
	}
	str kept = arena_copy(&keep, buf_str(&text));
	buf_free(&text);
	return kept;
}

static struct json_value last(const char *path)
{
	unsigned n = 0;

	while (event(n + 1).len)
		n++;
	return at(n, path);
}

TEST(responses_emit_text)
{
	begin(true);
	say(0, CHAT_TEXT, "a\\\"");
	push((struct chat_event){ .kind = CHAT_PIECE, .text = STR("b") });
	finish(FINISH_STOP);
	CHECK_STR(names(), "created in_progress output_item.added content_part.added "
	                   "output_text.delta output_text.delta output_text.done "
	                   "content_part.done output_item.done completed");
	CHECK_STR_EQ(
	        at(0, "response").raw,
	        quoted("{'id':'resp_5eed','object':'response','created_at':7,'status':"
	               "'in_progress','error':null,'incomplete_details':null,'model':'m',"
	               "'output':[],'background':false,'instructions':null,"
	               "'max_output_tokens':null,'max_tool_calls':null,'metadata':{},"
	               "'parallel_tool_calls':true,'previous_response_id':null,"
	               "'prompt_cache_key':null,'reasoning':{'effort':null,'summary':"
	               "null},"
	               "'safety_identifier':null,'service_tier':'default','temperature':"
	               "null,'text':{'format':{'type':'text'}},'tool_choice':'auto',"
	               "'tools':[],'top_logprobs':0,'top_p':null,'truncation':'disabled',"
	               "'user':null,'store':false,'usage':null}"));
	CHECK_STR_EQ(
	        event(2),
	        quoted("{'type':'response.output_item.added','sequence_number':2,"
	               "'output_index':0,'item':{'id':'msg_5eed0000','type':'message',"
	               "'status':'in_progress','role':'assistant','content':[]}}"));
	CHECK_STR_EQ(event(5),
	             quoted("{'type':'response.output_text.delta','sequence_number':5,"
	                    "'item_id':'msg_5eed0000','output_index':0,'content_index':0,"
	                    "'delta':'b','logprobs':[]}"));
	CHECK_STR_EQ(at(6, "text").raw, quoted("'a\\'b'"));
	CHECK_STR_EQ(at(8, "item").raw,
	             quoted("{'id':'msg_5eed0000','type':'message','status':'completed',"
	                    "'role':'assistant','content':[{'type':'output_text','text':"
	                    "'a\\'b','annotations':[],'logprobs':[]}]}"));
	CHECK_STR_EQ(
	        last("response.usage").raw,
	        quoted("{'input_tokens':10,'input_tokens_details':{'cached_tokens':4,"
	               "'cache_write_tokens':0},'output_tokens':6,"
	               "'output_tokens_details':{'reasoning_tokens':2},"
	               "'total_tokens':16}"));
	CHECK_STR_EQ(last("response.status").raw, quoted("'completed'"));
	end();
}

TEST(responses_emit_reasoning_and_calls)
{
	begin(true);
	say(0, CHAT_REASONING, "hm");
	push((struct chat_event){
	        .kind = CHAT_SEALED,
	        .seal = { .origin = WIRE_ANTHROPIC, .blob = STR("SIG") } });
	say(1, CHAT_TEXT, "look");
	/* Gemini: nothing but a seal before a call. */
	push((struct chat_event){
	        .kind = CHAT_OPEN, .block = 2, .what = CHAT_REASONING });
	push((struct chat_event){
	        .kind = CHAT_SEALED,
	        .block = 2,
	        .seal = { .origin = WIRE_OPENAI_RESPONSES, .blob = STR("OWN") } });
	call(3, "call_1", "{\\\"a\\\":1}", false);
	call(4, "call_2", "", false);
	call(5, "call_3", "+x", true);
	finish(FINISH_STOP);
	CHECK_STR(
	        names(),
	        "created in_progress "
	        "output_item.added reasoning_summary_part.added "
	        "reasoning_summary_text.delta reasoning_summary_text.done "
	        "reasoning_summary_part.done output_item.done "
	        "output_item.added content_part.added output_text.delta output_text.done "
	        "content_part.done output_item.done "
	        "output_item.added output_item.done "
	        "output_item.added function_call_arguments.delta "
	        "function_call_arguments.done output_item.done "
	        "output_item.added function_call_arguments.delta "
	        "function_call_arguments.done output_item.done "
	        "output_item.added custom_tool_call_input.delta "
	        "custom_tool_call_input.done output_item.done completed");
	CHECK_STR_EQ(
	        last("response.output").raw,
	        quoted("[{'id':'rs_5eed0000','type':'reasoning','summary':[{'type':"
	               "'summary_text','text':'hm'}],'encrypted_content':"
	               "'sluice1.anthropic.SIG'},{'id':'msg_5eed0001','type':'message',"
	               "'status':'completed','role':'assistant','content':[{'type':"
	               "'output_text','text':'look','annotations':[],'logprobs':[]}]},"
	               "{'id':'rs_5eed0002','type':'reasoning','summary':[],"
	               "'encrypted_content':'OWN'},{'id':'fc_5eed0003','type':"
	               "'function_call','status':'completed','call_id':'call_1','name':"
	               "'f','arguments':'{\\'a\\':1}'},{'id':'fc_5eed0004','type':"
	               "'function_call','status':'completed','call_id':'call_2','name':"
	               "'f','arguments':'{}'},{'id':'ctc_5eed0005','type':"
	               "'custom_tool_call','status':'completed','call_id':'call_3',"
	               "'name':'f','input':'+x'}]"));
	CHECK_STR_EQ(
	        at(16, "item").raw,
	        quoted("{'id':'fc_5eed0003','type':'function_call','status':"
	               "'in_progress','call_id':'call_1','name':'f','arguments':''}"));
	CHECK_STR_EQ(at(18, "name").raw, quoted("'f'"));
	CHECK_STR_EQ(at(21, "delta").raw, quoted("'{}'"));
	end();
}

TEST(responses_emit_texts_that_follow_are_one_part)
{
	begin(true);
	say(0, CHAT_TEXT, "f\\u00fcr \\ud83d\\ude00 ");
	say(1, CHAT_TEXT, "m\xc3\xbc");
	push((struct chat_event){
	        .kind = CHAT_CITE,
	        .block = 1,
	        .cite = { .url = STR("https://a"), .title = STR("A") } });
	push((struct chat_event){
	        .kind = CHAT_CITE,
	        .block = 1,
	        .cite = { .url = STR("https://b"), .start = 0, .end = 1 } });
	say(2, CHAT_REFUSAL, "no");
	say(3, CHAT_TEXT, "but");
	finish(FINISH_STOP);
	CHECK_STR(names(),
	          "created in_progress output_item.added content_part.added "
	          "output_text.delta output_text.delta "
	          "output_text.annotation.added output_text.annotation.added "
	          "output_text.done content_part.done "
	          "content_part.added refusal.delta refusal.done content_part.done "
	          "content_part.added output_text.delta output_text.done "
	          "content_part.done output_item.done completed");
	CHECK_STR_EQ(at(6, "annotation").raw,
	             quoted("{'type':'url_citation','url':'https://a','title':'A',"
	                    "'start_index':6,'end_index':8}"));
	CHECK_INT(at(7, "annotation.end_index").raw.ptr[0], '7');
	CHECK_STR(at(15, "content_index").raw, "2");
	CHECK_STR_EQ(
	        last("response.output").raw,
	        quoted("[{'id':'msg_5eed0000','type':'message','status':'completed','"
	               "role':"
	               "'assistant','content':[{'type':'output_text','text':"
	               "'f\\u00fcr \\ud83d\\ude00 m\xc3\xbc','annotations':[{'type':"
	               "'url_citation','url':'https://a','title':'A','start_index':6,"
	               "'end_index':8},{'type':'url_citation','url':'https://"
	               "b','title':'',"
	               "'start_index':6,'end_index':7}],'logprobs':[]},{'type':'refusal',"
	               "'refusal':'no'},{'type':'output_text','text':'but','annotations':"
	               "[],"
	               "'logprobs':[]}]}]"));
	end();
}

TEST(responses_emit_adopted_citations_are_told_once)
{
	const struct emit_mark mark = { .number = 5, .items = 1 };
	str text;

	begin(true);
	e.adopts = e.same_format = true;
	say(0, CHAT_TEXT, "The quick fox");
	push((struct chat_event){
	        .kind = CHAT_CITE,
	        .cite = { .url = STR_INIT("u"), .start = 4, .end = 9 } });
	CHECK(emit_adopted(&e, &mark));
	buf_clear(&out);
	push((struct chat_event){ .kind = CHAT_PIECE, .text = STR(" jumped") });
	push((struct chat_event){ .kind = CHAT_CITE, .cite = { .url = STR_INIT("v") } });
	finish(FINISH_STOP);
	text = buf_str(&out);
	CHECK(str_has(text, quoted("'annotation_index':1,'annotation':{'type':"
	                           "'url_citation','url':'v','title':'','start_index':0,"
	                           "'end_index':20}")));
	CHECK(!str_has(text, quoted("'annotation_index':0")));
	CHECK(str_has(text, quoted("'url':'u','title':'','start_index':4,"
	                           "'end_index':9}")));
	end();
}

TEST(responses_emit_each_finish)
{
	static const struct {
		enum chat_finish finish;
		const char *type, *reason;
	} rows[] = {
		{ FINISH_STOP, "'response.completed'", "" },
		{ FINISH_SEQUENCE, "'response.completed'", "" },
		{ FINISH_LENGTH, "'response.incomplete'", "'max_output_tokens'" },
		{ FINISH_CONTEXT, "'response.incomplete'", "'max_output_tokens'" },
		{ FINISH_PAUSE, "'response.incomplete'", "'max_output_tokens'" },
		{ FINISH_FILTER, "'response.incomplete'", "'content_filter'" },
		{ FINISH_REFUSAL, "'response.incomplete'", "'content_filter'" },
		{ FINISH_ERROR, "'response.failed'", "" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		begin(true);
		say(0, CHAT_TEXT, "x");
		finish(rows[i].finish);
		CHECK_STR_EQ(last("type").raw, quoted(rows[i].type));
		CHECK_STR_EQ(last("response.incomplete_details.reason").raw,
		             quoted(rows[i].reason));
		if (rows[i].reason[0])
			CHECK(str_has(last("response.output").raw,
			              quoted("'status':'incomplete'")));
		end();
	}
	begin(true);
	say(0, CHAT_REFUSAL, "no");
	finish(FINISH_REFUSAL);
	CHECK_STR_EQ(last("type").raw, quoted("'response.completed'"));
	end();
}

TEST(responses_emit_a_fault)
{
	begin(true);
	say(0, CHAT_TEXT, "half");
	emit_fault(&e, FAULT_UPSTREAM_CUT, STR("it \"broke\""));
	CHECK_STR(names(), "created in_progress output_item.added content_part.added "
	                   "output_text.delta error failed");
	CHECK_STR_EQ(last("response.error").raw,
	             quoted("{'code':'server_error','message':'it \\'broke\\''}"));
	CHECK_STR_EQ(last("response.status").raw, quoted("'failed'"));
	end();
}

TEST(responses_emit_calls_with_their_namespace)
{
	begin(true);
	e.echo = quoted(
	        "'tools':[{'type':'function','name':'mcp__fs__read'},{'type':"
	        "'namespace','name':'mcp__fs__','tools':[{'type':'function','name':"
	        "'write'},{'type':'function','name':'read'},{'type':'custom','name':"
	        "'patch'}]}],'store':false");
	push((struct chat_event){ .kind = CHAT_OPEN,
	                          .what = CHAT_CALL,
	                          .id = STR("c"),
	                          .name = STR("mcp__fs__read") });
	push((struct chat_event){ .kind = CHAT_OPEN,
	                          .block = 1,
	                          .what = CHAT_CALL,
	                          .id = STR("d"),
	                          .name = STR("mcp__fs__patch"),
	                          .is_custom = true });
	finish(FINISH_STOP);
	CHECK_STR_EQ(
	        last("response.output").raw,
	        quoted("[{'id':'fc_5eed0000','type':'function_call','status':'completed',"
	               "'call_id':'c','name':'read','namespace':'mcp__fs__',"
	               "'arguments':'{}'},{'id':'ctc_5eed0001','type':"
	               "'custom_tool_call','status':'completed','call_id':'d','name':"
	               "'patch','namespace':'mcp__fs__','input':''}]"));
	end();
}

TEST(responses_emit_media_and_foreign_items)
{
	static const char item[] = "{\"type\":\"web_search_call\",\n\"id\":\"ws_1\"}";

	begin(true);
	e.same_format = true;
	push((struct chat_event){ .kind = CHAT_OPEN,
	                          .what = CHAT_FOREIGN,
	                          .raw = { JSON_OBJECT, str_from_z(item) } });
	push((struct chat_event){ .kind = CHAT_OPEN,
	                          .block = 1,
	                          .what = CHAT_IMAGE,
	                          .text = STR("AAAA"),
	                          .media_type = STR("image/webp") });
	push((struct chat_event){ .kind = CHAT_OPEN, .block = 2, .what = CHAT_AUDIO });
	finish(FINISH_STOP);
	CHECK_STR(names(), "created in_progress output_item.added output_item.done "
	                   "output_item.added output_item.done completed");
	CHECK_STR_EQ(
	        last("response.output").raw,
	        quoted("[{'type':'web_search_call','id':'ws_1'},{'id':'ig_5eed0001',"
	               "'type':'image_generation_call','status':'completed','result':"
	               "'AAAA','output_format':'webp'}]"));
	CHECK_INT(e.left_out, 1);
	end();
}

TEST(responses_emit_logprobs)
{
	struct json_value list = { JSON_ARRAY,
		                   STR("[{\"token\":\"a\",\n\"logprob\":-1}]") };

	for (int streams = 0; streams < 2; streams++) {
		str all = quoted("[{'token':'a','logprob':-1},"
		                 "{'token':'a','logprob':-1}]");

		begin(streams);
		push((struct chat_event){ .kind = CHAT_OPEN, .what = CHAT_TEXT });
		for (int i = 0; i < 2; i++)
			push((struct chat_event){
			        .kind = CHAT_PIECE, .text = STR("a"), .logprobs = list });
		finish(FINISH_STOP);
		if (streams) {
			CHECK_STR_EQ(at(4, "logprobs").raw,
			             quoted("[{'token':'a','logprob':-1}]"));
			CHECK_STR_EQ(at(6, "type").raw,
			             quoted("'response.output_text.done'"));
			CHECK_STR_EQ(at(6, "logprobs").raw, all);
			CHECK_STR_EQ(at(7, "part.logprobs").raw, all);
			CHECK(str_has(last("response.output").raw, all));
		} else {
			wire_openai_responses.write_reply(&e);
			CHECK(str_has(buf_str(&out), all));
		}
		end();
	}
}

TEST(responses_write_reply_is_the_last_event)
{
	str stream, reply;

	for (int streams = 1; streams >= 0; streams--) {
		begin(streams);
		e.echo = STR("\"instructions\":\"be brief\",\"store\":false");
		say(0, CHAT_REASONING, "hm");
		say(1, CHAT_TEXT, "a");
		say(2, CHAT_TEXT, "b");
		call(3, "c", "{}", false);
		finish(FINISH_CALLS);
		if (streams) {
			stream = arena_copy(&keep, last("response").raw);
			emit_done(&e);
			continue;
		}
		wire_openai_responses.write_reply(&e);
		reply = buf_str(&out);
		CHECK_STR_EQ(reply, stream);
		CHECK(str_has(reply, STR("\"model\":\"m\"")) == true);
		CHECK(str_has(reply, STR("\"instructions\":\"be brief\"")));
		end();
	}
}

TEST(responses_emit_an_empty_answer)
{
	begin(true);
	finish(FINISH_STOP);
	CHECK_STR(names(), "created in_progress completed");
	CHECK_STR(last("response.output").raw, "[]");
	end();
	buf_free(&out);
}

TEST(responses_count_characters)
{
	CHECK_INT(responses_count(STR("")), 0);
	CHECK_INT(responses_count(STR("a\\n\\\\b")), 4);
	CHECK_INT(responses_count(STR("\\u00fc\\ud83d\\ude00")), 2);
	CHECK_INT(responses_count(STR("\xc3\xbc\xf0\x9f\x98\x80x")), 3);
	CHECK_INT(responses_count(STR("\\u12")), 3); /* cut: never past the end */
}
