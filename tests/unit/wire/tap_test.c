#include "wire/tap.h"

#include "tests/check.h"

static struct tap images_of(str body)
{
	struct tap t = { .operation = OP_IMAGES };
	str message;

	CHECK_OK(wire_tap_answer(&wire_openai_chat, &t, body, &message, NULL));
	return t;
}

TEST(pictures_are_counted_as_they_come)
{
	struct tap t = images_of(STR("{\"created\":1,\"data\":[{\"b64_json\":\"aa\"},"
	                             "{\"url\":\"x\",\"data\":[1,2]}]}"));

	CHECK_INT(t.images, 2);
	CHECK(!t.has_usage);
	t = images_of(
	        STR("{\"data\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":0}}"));
	CHECK_INT(t.images, 0);
	CHECK_INT(t.usage.input, 7);
}

TEST(partial_pictures_are_not_counted)
{
	struct tap t = { .operation = OP_IMAGES };
	struct tap_event e;

	wire_tap_event(
	        &wire_openai_chat, &t, STR_NONE,
	        STR("{\"type\":\"image_generation.partial_image\",\"b64_json\":\"a\"}"),
	        &e, NULL);
	CHECK_INT(t.images, 0);
	wire_tap_event(
	        &wire_openai_chat, &t, STR_NONE,
	        STR("{\"type\":\"image_generation.completed\",\"b64_json\":\"a\"}"), &e,
	        NULL);
	CHECK_INT(t.images, 1);
}

TEST(only_image_operations_make_pictures)
{
	struct tap t = { .operation = OP_EMBEDDINGS };
	str message;

	CHECK_OK(wire_tap_answer(&wire_openai_chat, &t,
	                         STR("{\"data\":[{}],\"usage\":{\"prompt_tokens\":1}}"),
	                         &message, NULL));
	CHECK_INT(t.images, 0);
}

static str behind_usage(str body, bool *ret_empty)
{
	struct tap t = { .operation = OP_COMPLETIONS };
	str message;

	CHECK_OK(wire_tap_answer(&wire_openai_chat, &t, body, &message, NULL));
	*ret_empty = t.usage_is_empty;
	return t.usage_end ? str_from(body, (size_t)(t.usage_end - body.ptr)) : STR_NONE;
}

#define SAID "{\"choices\":[{\"text\":\"x\",\"finish_reason\":\"stop\"}],"

TEST(the_end_of_usage_is_found_where_there_is_no_cost)
{
	bool empty;

	CHECK_STR(behind_usage(STR(SAID "\"usage\":{\"prompt_tokens\":1 },\"id\":1}"),
	                       &empty),
	          "},\"id\":1}");
	CHECK(!empty);
	CHECK_STR(behind_usage(STR(SAID "\"usage\":{}}"), &empty), "}}");
	CHECK(empty);
	CHECK_STR(behind_usage(STR(SAID "\"usage\":{\"cost\":0.1}}"), &empty), "");
	CHECK_STR(behind_usage(STR(SAID "\"usage\":null}"), &empty), "");
	CHECK_STR(behind_usage(STR(SAID "\"id\":1}"), &empty), "");
}

TEST(input_that_is_told_first_is_known_without_the_output)
{
	struct chat_reader reader = { .operation = OP_CHAT };
	struct tap t = { .operation = OP_CHAT, .reader = &reader };
	struct tap_event e;

	wire_tap_event(
	        &wire_anthropic, &t, STR("message_start"),
	        STR("{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":"
	            "{\"input_tokens\":1000,\"cache_read_input_tokens\":500,"
	            "\"cache_creation_input_tokens\":20,\"output_tokens\":1}}}"),
	        &e, NULL);
	CHECK(t.has_input && !t.has_usage);
	CHECK_INT(t.usage.input, 1520);
	CHECK_INT(t.usage.cache_read, 500);
	CHECK_INT(t.usage.cache_write, 20);
	CHECK_INT(t.usage.output, 0);
	wire_tap_event(&wire_anthropic, &t, STR("message_delta"),
	               STR("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	                   "\"end_turn\"},\"usage\":{\"output_tokens\":7}}"),
	               &e, NULL);
	wire_tap_event(&wire_anthropic, &t, STR("message_stop"),
	               STR("{\"type\":\"message_stop\"}"), &e, NULL);
	CHECK(t.has_usage);
	CHECK_INT(t.usage.input, 1520);
	CHECK_INT(t.usage.output, 7);
}

/* Cohere's two counts: what there was, and what is paid. */
static struct tap cohere_of(const char *usage)
{
	struct chat_reader reader = { .operation = OP_CHAT };
	struct tap t = { .operation = OP_CHAT, .reader = &reader };
	struct buf body = BUF_LIMIT(KiB);
	str message;

	buf_addf(&body,
	         "{\"id\":\"c\",\"message\":{\"content\":[{\"text\":\"hi\"}]},"
	         "\"finish_reason\":\"COMPLETE\",\"usage\":%s}",
	         usage);
	CHECK_OK(wire_tap_answer(&wire_cohere, &t, buf_str(&body), &message, NULL));
	buf_free(&body);
	t.reader = NULL;
	return t;
}

TEST(what_is_billed_is_the_usage_where_it_is_another_count)
{
	struct tap t = cohere_of("{\"billed_units\":{\"input_tokens\":25,"
	                         "\"output_tokens\":10},\"tokens\":{\"input_tokens\":91,"
	                         "\"output_tokens\":12},\"cached_tokens\":40}");

	CHECK(t.has_usage);
	CHECK_INT(t.usage.input, 25);
	CHECK_INT(t.usage.cache_read, 25);
	CHECK_INT(t.usage.output, 10);
	t = cohere_of("{\"tokens\":{\"input_tokens\":91,\"output_tokens\":12}}");
	CHECK_INT(t.usage.input, 91);
	CHECK_INT(t.usage.output, 12);
	t = cohere_of("{\"billed_units\":{\"search_units\":1},\"tokens\":{"
	              "\"input_tokens\":91,\"output_tokens\":12}}");
	CHECK_INT(t.usage.input, 91);
	t = cohere_of("{\"billed_units\":{\"input_tokens\":25,\"output_tokens\":10}}");
	CHECK_INT(t.usage.input, 25);
}

TEST(sound_from_the_cache_is_not_counted_as_heard)
{
	struct chat_reader reader = { .operation = OP_CHAT };
	struct tap t = { .operation = OP_CHAT, .reader = &reader };
	struct tap_event e;

	wire_tap_event(
	        &wire_gemini, &t, STR_NONE,
	        STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}],"
	            "\"usageMetadata\":{\"promptTokenCount\":10000,"
	            "\"cachedContentTokenCount\":9900,\"candidatesTokenCount\":2,"
	            "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":90},"
	            "{\"modality\":\"AUDIO\",\"tokenCount\":9910}],"
	            "\"cacheTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":9900}"
	            "]}}"),
	        &e, NULL);
	CHECK(t.has_usage);
	CHECK_INT(t.usage.cache_read, 9900);
	CHECK_INT(t.usage.audio_input, 10);
	/* What is told once stays. */
	wire_tap_event(&wire_gemini, &t, STR_NONE,
	               STR("{\"usageMetadata\":{\"promptTokenCount\":10000,"
	                   "\"candidatesTokenCount\":3}}"),
	               &e, NULL);
	CHECK_INT(t.usage.audio_input, 10);
}

static void take_nothing(struct chat_sink *sink, const struct chat_event *e)
{
}

static bool is_other(const struct wire *wire, bool as_events, const char *body)
{
	struct chat_reader reader = { .operation = OP_CHAT };
	struct tap t = { .operation = OP_CHAT, .reader = as_events ? &reader : NULL };
	struct chat_sink next = { .take = take_nothing };
	struct buf text = BUF_LIMIT(KiB);
	str message;

	buf_add(&text, str_from_z(body));
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\'')
			text.ptr[i] = '"';
	CHECK_OK(wire_tap_answer(wire, &t, buf_str(&text), &message,
	                         as_events ? &next : NULL));
	buf_free(&text);
	return t.other_tier;
}

#define TIER_CHAT(more)                                                                  \
	"{'choices':[{'message':{'content':'hi'},'finish_reason':'stop'}],'usage':{"     \
	"'prompt_tokens':1}" more "}"
#define CLAUDE(more)                                                                     \
	"{'type':'message','content':[{'type':'text','text':'hi'}],'stop_reason':"       \
	"'end_turn','usage':{'input_tokens':1,'output_tokens':1" more "}}"
#define RESPONSE(more)                                                                   \
	"{'object':'response','status':'completed','output':[{'type':'message',"         \
	"'role':'assistant','content':[{'type':'output_text','text':'hi'}]}],'usage':{"  \
	"'input_tokens':1,'output_tokens':1}" more "}"
#define CONVERSE(more)                                                                   \
	"{'output':{'message':{'content':[{'text':'hi'}]}},'stopReason':'end_turn',"     \
	"'usage':{'inputTokens':1,'outputTokens':1}" more "}"
TEST(tiers_with_prices_of_their_own_are_known)
{
	static const struct {
		const struct wire *wire;
		const char *usual[3], *other[3];
	} rows[] = {
		{ &wire_openai_chat,
		  { TIER_CHAT(""), TIER_CHAT(",'service_tier':null"),
		    TIER_CHAT(",'service_tier':'default'") },
		  { TIER_CHAT(",'service_tier':'priority'"),
		    TIER_CHAT(",'service_tier':'flex'"), NULL } },
		{ &wire_anthropic,
		  { CLAUDE(""), CLAUDE(",'service_tier':'standard'"),
		    CLAUDE(",'speed':'standard','inference_geo':'not_available'") },
		  { CLAUDE(",'service_tier':'priority'"), CLAUDE(",'speed':'fast'"),
		    CLAUDE(",'inference_geo':'us'") } },
		{ &wire_openai_responses,
		  { RESPONSE(""), RESPONSE(",'service_tier':'default'"), NULL },
		  { RESPONSE(",'service_tier':'priority'"), NULL } },
		{ &wire_bedrock,
		  { CONVERSE(""), CONVERSE(",'serviceTier':{'type':'default'}"), NULL },
		  { CONVERSE(",'serviceTier':{'type':'flex'}"), NULL } },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		for (int k = 0; k < 3; k++) {
			if (rows[i].usual[k])
				CHECK(!is_other(rows[i].wire, true, rows[i].usual[k]));
			if (rows[i].other[k])
				CHECK(is_other(rows[i].wire, true, rows[i].other[k]));
		}
	}
	/* the format's own tap */
	CHECK(!is_other(&wire_openai_chat, false,
	                TIER_CHAT(",'service_tier':'default'")));
	CHECK(is_other(&wire_openai_chat, false, TIER_CHAT(",'service_tier':'flex'")));
}

static struct tap heard(const char *body)
{
	struct tap t = { .operation = OP_TRANSCRIPTIONS };
	str message;

	CHECK_OK(
	        wire_tap_answer(&wire_openai_chat, &t, str_from_z(body), &message, NULL));
	CHECK(!t.bad_usage);
	return t;
}

TEST(seconds_of_a_recording_are_no_tokens)
{
	struct tap t = heard("{\"text\":\"hi\",\"usage\":{\"type\":\"duration\","
	                     "\"seconds\":90}}");

	CHECK(!t.has_usage);
	t = heard("{\"text\":\"hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,"
	          "\"input_token_details\":{\"text_tokens\":2,\"audio_tokens\":12},"
	          "\"output_tokens\":45,\"total_tokens\":59}}");
	CHECK(t.has_usage);
	CHECK_INT(t.usage.input, 14);
	CHECK_INT(t.usage.audio_input, 12);
	CHECK_INT(t.usage.output, 45);
}

TEST(search_units_of_a_compatible_host_are_usage)
{
	struct tap t = { .operation = OP_RERANK };
	str message;

	CHECK_OK(wire_tap_answer(
	        &wire_openai_chat, &t,
	        STR("{\"results\":[],\"meta\":{\"billed_units\":{\"search_units\":2}}}"),
	        &message, NULL));
	CHECK(t.has_usage);
	CHECK_INT(t.usage.searches, 2);
	t = (struct tap){ .operation = OP_RERANK };
	CHECK_OK(wire_tap_answer(&wire_openai_chat, &t,
	                         STR("{\"results\":[],\"usage\":{\"total_tokens\":7}}"),
	                         &message, NULL));
	CHECK_INT(t.usage.input, 7);
	CHECK_INT(t.usage.searches, 0);
}

static struct token_usage usage_read(str body, unsigned quirks, bool as_events)
{
	struct chat_reader reader = { .operation = OP_CHAT, .quirks = quirks };
	struct tap t = { .operation = OP_CHAT,
		         .quirks = quirks,
		         .reader = as_events ? &reader : NULL };
	struct chat_sink next = { .take = take_nothing };
	str message;

	CHECK_OK(wire_tap_answer(&wire_openai_chat, &t, body, &message,
	                         as_events ? &next : NULL));
	CHECK(t.has_usage && !t.bad_usage);
	return t.usage;
}

TEST(a_usage_is_the_same_whoever_reads_it)
{
	static const struct {
		const char *usage;
		unsigned quirks;
		struct token_usage is;
	} rows[] = {
		{ "'prompt_tokens':10,'completion_tokens':10,'total_tokens':120,"
		  "'completion_tokens_details':{'reasoning_tokens':100}",
		  0,
		  { .input = 10, .output = 110, .reasoning = 100 } },
		{ "'prompt_tokens':10,'completion_tokens':110,'total_tokens':120,"
		  "'completion_tokens_details':{'reasoning_tokens':100}",
		  0,
		  { .input = 10, .output = 110, .reasoning = 100 } },
		{ "'prompt_tokens':10,'completion_tokens':10,'total_tokens':125,"
		  "'completion_tokens_details':{'reasoning_tokens':100}",
		  QUIRK_REASONING_BESIDE,
		  { .input = 10, .output = 110, .reasoning = 100 } },
		{ "'prompt_tokens':10,'completion_tokens':10,'total_tokens':120",
		  QUIRK_TOTAL_MINUS_PROMPT,
		  { .input = 10, .output = 110, .reasoning = 100 } },
		{ "'prompt_tokens':1,'completion_tokens':2,'num_search_queries':3",
		  0,
		  { .input = 1, .output = 2, .searches = 3 } },
		{ "'prompt_tokens':1,'completion_tokens':2,'server_tool_use_details':{"
		  "'web_search_requests':4}",
		  0,
		  { .input = 1, .output = 2, .searches = 4 } },
		{ "'prompt_tokens':9,'prompt_cache_hit_tokens':4,'completion_tokens':2,"
		  "'prompt_tokens_details':{'cached_tokens':4,'audio_tokens':3}",
		  0,
		  { .input = 9, .cache_read = 4, .audio_input = 3, .output = 2 } },
		{ "'total_tokens':7", 0, { .input = 7 } },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf body = BUF_LIMIT(KiB);

		buf_addf(&body,
		         "{'choices':[{'message':{'content':'hi'},'finish_reason':"
		         "'stop'}],'usage':{%s}}",
		         rows[i].usage);
		for (size_t k = 0; k < body.len; k++)
			if (body.ptr[k] == '\'')
				body.ptr[k] = '"';
		for (int as_events = 0; as_events < 2; as_events++) {
			struct token_usage got =
			        usage_read(buf_str(&body), rows[i].quirks, as_events);

			if (memcmp(&got, &rows[i].is, sizeof(got)) != 0)
				check_failed(__FILE__, __LINE__, "%s", rows[i].usage);
		}
		buf_free(&body);
	}
}

TEST(an_answer_without_choices_is_no_oddity_of_its_operation)
{
	static const struct {
		enum operation op;
		const char *body;
		unsigned unknown;
	} rows[] = {
		{ OP_MODERATIONS, "{\"id\":\"modr-1\",\"model\":\"m\",\"results\":[]}",
		  0 },
		{ OP_RERANK, "{\"id\":\"r\",\"results\":[]}", 0 },
		{ OP_EMBEDDINGS, "{\"object\":\"list\",\"data\":[]}", 0 },
		{ OP_IMAGES, "{\"created\":1,\"data\":[]}", 0 },
		{ OP_TRANSCRIPTIONS, "{\"text\":\"hi\"}", 0 },
		{ OP_MODERATIONS, "{\"id\":\"modr-1\",\"verdicts\":[]}", 1 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct tap t = { .operation = rows[i].op };
		str message;

		CHECK_OK(wire_tap_answer(&wire_openai_chat, &t, str_from_z(rows[i].body),
		                         &message, NULL));
		CHECK_INT(t.unknown, rows[i].unknown);
	}
}
