/* Requests of the chat format: what they mean, and how they are written again. */
#include "tests/check.h"
#include "tests/unit/wire/form.h"

#include <stdio.h>

struct rig {
	struct arena keep;
	struct chat_request r;
	struct buf out;
	str detail;
	fault_t why;
};

static void read(struct rig *g, str body)
{
	*g = (struct rig){ .keep = { .ceiling = 4 * MiB }, .out = BUF_LIMIT(1 * MiB) };
	g->r = (struct chat_request){ .keep = &g->keep, .from = WIRE_OPENAI_CHAT };
	g->why = wire_openai_chat.read_request(body, &g->r, &g->detail);
}

static void write(struct rig *g, const char *provider, const char *model)
{
	struct chat_target t = { .model = str_from_z(model),
		                 .provider = str_from_z(provider),
		                 .stream = g->r.stream,
		                 .ask_usage = g->r.stream };

	buf_clear(&g->out);
	g->why = wire_openai_chat.write_request(&g->r, &t, &g->out, &g->detail);
}

static void done(struct rig *g)
{
	buf_free(&g->out);
	arena_done(&g->keep);
}

static struct json_value parsed(struct rig *g)
{
	struct json_value v = { 0 };

	CHECK_OK(json_check(buf_str(&g->out), &json_limits_default, &v));
	return v;
}

/* Where a member of what was written stands; empty: there is none. */
static str at(struct rig *g, const char *path)
{
	return json_path(parsed(g), path).raw;
}

/* The n-th message as it was written. */
static str message_at(struct rig *g, unsigned n)
{
	struct json_member m = { 0 };
	struct json_iter it = json_iter(json_get(parsed(g), STR("messages")));

	for (unsigned i = 0; i <= n; i++) {
		if (!json_next(&it, &m))
			return STR_NONE;
	}
	return m.value.raw;
}

static bool is_dropped(const struct rig *g, const char *name)
{
	for (unsigned i = 0; i < g->r.dropped_count; i++) {
		if (str_eq(g->r.dropped[i], str_from_z(name)))
			return true;
	}
	return false;
}

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

/* Read and written for that provider; messages and model are the same. */
static void write_with(struct rig *g, const char *members, const char *provider)
{
	static char body[4096];
	int n = snprintf(body, sizeof(body), "{\"model\":\"m\"," USER ",%s}", members);

	read(g, str_of(body, (size_t)n));
	CHECK_OK(g->why);
	write(g, provider, "m");
}

TEST(chat_options_come_into_the_neutral_form)
{
	struct rig g;

	read(&g, STR("{\"model\":\"a\\/b\"," USER ",\"stream\":true,\"stream_options\":"
	             "{\"include_usage\":true},\"max_tokens\":5,\"max_completion_"
	             "tokens\":7,\"temperature\":0.50,\"seed\":null,\"stop\":\"x\","
	             "\"n\":2,\"logprobs\":true,\"top_logprobs\":3,\"user\":\"u\","
	             "\"reasoning_effort\":\"low\",\"parallel_tool_calls\":false,"
	             "\"store\":true,\"odd\":1,\"x\":null}"));
	CHECK_OK(g.why);
	CHECK_STR(g.r.model, "a\\/b");
	CHECK(g.r.stream && g.r.stream_usage);
	CHECK_INT(g.r.max_tokens, 7);
	CHECK_STR(g.r.options[CONCEPT_TEMPERATURE].raw, "0.50");
	CHECK_INT(g.r.options[CONCEPT_SEED].type, JSON_NONE);
	CHECK_INT(g.r.stop_count, 1);
	CHECK_STR(g.r.stops[0], "x");
	CHECK(chat_is_marked(&g.r, CONCEPT_CHOICES));
	CHECK_STR(g.r.options[CONCEPT_TOP_LOGPROBS].raw, "3");
	CHECK_STR(g.r.options[CONCEPT_USER].raw, "\"u\"");
	CHECK_INT(g.r.effort, EFFORT_LOW);
	CHECK_INT(g.r.parallel, TRI_NO);
	CHECK(chat_is_marked(&g.r, CONCEPT_STORE));
	CHECK_INT(g.r.dropped_count, 1);
	CHECK(is_dropped(&g, "odd"));
	done(&g);
}

TEST(what_changes_nothing_is_not_marked)
{
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\"," USER ",\"n\":1,\"logprobs\":false,\"store\":false,"
	         "\"parallel_tool_calls\":true,\"service_tier\":\"auto\","
	         "\"response_format\":{\"type\":\"text\"},\"tools\":[],"
	         "\"modalities\":[\"text\"],\"reasoning_effort\":\"default\"}"));
	CHECK_OK(g.why);
	for (unsigned i = 0; i < CONCEPTS; i++)
		CHECK(!chat_is_marked(&g.r, (enum concept)i));
	CHECK_INT(g.r.dropped_count, 0);
	done(&g);
}

TEST(dialects_ways_to_ask_for_reasoning_are_understood)
{
	static const struct {
		const char *members;
		enum chat_effort effort;
		uint64_t budget;
	} rows[] = {
		{ "\"reasoning\":{\"effort\":\"high\"}", EFFORT_HIGH, 0 },
		{ "\"reasoning\":{\"max_tokens\":900}", EFFORT_UNSET, 900 },
		{ "\"reasoning\":{\"enabled\":false}", EFFORT_NONE, 0 },
		{ "\"thinking\":{\"type\":\"disabled\"}", EFFORT_NONE, 0 },
		{ "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}",
		  EFFORT_UNSET, 2048 },
		{ "\"thinking\":{\"type\":\"enabled\"}", EFFORT_HIGH, 0 },
		{ "\"enable_thinking\":true,\"thinking_budget\":50", EFFORT_UNSET, 50 },
		{ "\"enable_thinking\":false", EFFORT_NONE, 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		write_with(&g, rows[i].members, "openai");
		CHECK_INT(g.r.effort, rows[i].effort);
		CHECK_INT(g.r.budget, rows[i].budget);
		done(&g);
	}
}

TEST(messages_become_parts)
{
	struct chat_message *m;
	struct chat_part *p;
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"messages\":["
	         "{\"role\":\"developer\",\"content\":\"be short\"},"
	         "{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\","
	         "\"text\":\"look\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	         "\"data:image\\/png;base64,AAAA\",\"detail\":\"low\"}},"
	         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.jpg\"}},"
	         "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"BBBB\","
	         "\"format\":\"mp3\"}},{\"type\":\"file\",\"file\":{\"filename\":\"a."
	         "pdf\","
	         "\"file_data\":\"data:application/pdf;base64,CCCC\"}},"
	         "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}},"
	         "{\"type\":\"hologram\",\"x\":1}]},"
	         "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\","
	         "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
	         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
	         "\"{\\\"a\\\":1}\"}},{\"id\":\"c2\",\"type\":\"custom\",\"custom\":"
	         "{\"name\":\"g\",\"input\":\"a\\nb\"}}]},"
	         "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"one\"},"
	         "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":"
	         "\"text\",\"text\":\"two\"}]}]}"));
	CHECK_OK(g.why);
	m = g.r.messages;
	CHECK(m->role == CHAT_SYSTEM && m->is_developer);
	m = m->next;
	CHECK_INT(m->role, CHAT_USER);
	p = m->parts->next;
	CHECK_INT(p->source, SOURCE_BASE64);
	CHECK_STR(p->data, "AAAA");
	CHECK_STR(p->detail, "low");
	p = p->next;
	CHECK_INT(p->source, SOURCE_URL);
	p = p->next;
	CHECK_INT(p->kind, CHAT_AUDIO);
	CHECK_STR(p->media_type, "audio/mpeg");
	p = p->next;
	CHECK_STR(p->name, "a.pdf");
	CHECK_STR(p->media_type, "application/pdf");
	p = p->next;
	CHECK_INT(p->source, SOURCE_ID);
	CHECK_INT(p->next->kind, CHAT_FOREIGN);
	m = m->next;
	p = m->parts;
	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_STR(p->text, "hm");
	p = p->next;
	CHECK_INT(p->kind, CHAT_REFUSAL);
	p = p->next;
	CHECK_STR(p->args, "{\"a\":1}");
	p = p->next;
	CHECK(p->is_custom);
	CHECK_STR(p->args, "a\\nb");
	m = m->next;
	CHECK_INT(m->role, CHAT_TOOL);
	CHECK(m->next == NULL);
	CHECK_STR(m->parts->next->id, "c2");
	CHECK_STR(m->parts->next->parts->text, "two");
	CHECK(chat_is_marked(&g.r, CONCEPT_FILE_ID));
	CHECK(chat_is_marked(&g.r, CONCEPT_AUDIO_IN));
	CHECK(chat_is_marked(&g.r, CONCEPT_MESSAGE_NAME));
	CHECK(chat_is_marked(&g.r, CONCEPT_FOREIGN_PART));
	CHECK_STR(chat_call_name(&g.r, STR("c2")), "g");
	done(&g);
}

TEST(functions_as_they_were_before_tools)
{
	struct chat_part *call;
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
	         "\"function_call\":{\"name\":\"f\"},\"messages\":[{\"role\":\"user\","
	         "\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null,"
	         "\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":"
	         "\"function\",\"name\":\"f\",\"content\":\"r\"}]}"));
	CHECK_OK(g.why);
	CHECK_STR(g.r.tools->name, "f");
	CHECK_INT(g.r.choose, CHOOSE_ONE);
	call = g.r.messages->next->parts;
	CHECK(call->id.len > 0);
	CHECK_STR_EQ(g.r.last_message->parts->id, call->id);
	CHECK(!is_dropped(&g, "messages[].name"));
	done(&g);
}

TEST(bad_requests_say_what_is_wrong)
{
	static const struct {
		str body;
		const char *detail;
	} rows[] = {
		{ STR_INIT("{\"model\":\"m\"}"), "\"messages\" must be a list" },
		{ STR_INIT("{\"messages\":[]}"), "\"messages\" must not be empty" },
		{ STR_INIT("{\"messages\":[7]}"),
		  "messages[0]: a message must be an object" },
		{ STR_INIT("{\"messages\":[{\"role\":\"cat\"}]}"),
		  "messages[0]: role must be system, developer, user, assistant, tool or "
		  "function" },
		{ STR_INIT("{\"messages\":[{\"role\":\"user\",\"content\":7}]}"),
		  "messages[0]: content must be a string or a list of parts" },
		{ STR_INIT("{\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}"),
		  "messages[0]: a part of the content has no type" },
		{ STR_INIT("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}"),
		  "messages[0]: a tool's message needs tool_call_id" },
		{ STR_INIT("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]"
		           "}"),
		  "messages[0]: a tool call needs function.name" },
		{ STR_INIT("{" USER ",\"stop\":7}"),
		  "\"stop\" must be a string or a list of strings" },
		{ STR_INIT("{" USER ",\"tools\":[{\"type\":\"function\"}]}"),
		  "a tool needs a type and its object" },
		{ STR_INIT("{" USER ",\"tool_choice\":\"maybe\"}"),
		  "\"tool_choice\" must be none, auto, required or name a tool" },
		{ STR_INIT("{" USER ",\"response_format\":{\"type\":\"json_schema\"}}"),
		  "\"response_format\" needs json_schema.schema" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		read(&g, rows[i].body);
		CHECK_FAULT(g.why, FAULT_BAD_REQUEST);
		CHECK_STR_EQ(g.detail, str_from_z(rows[i].detail));
		done(&g);
	}
	struct rig g;
	read(&g, STR("{\"messages\":[{\"role\":\"user\",\"role\":\"system\"}]}"));
	CHECK_FAULT(g.why, FAULT_JSON_DUPLICATE);
	done(&g);
}

TEST(a_full_arena_is_a_limit_and_no_crash)
{
	struct buf body = BUF_LIMIT(1 * MiB);
	str detail = STR_NONE;

	buf_add(&body, STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
	                   "\"content\":["));
	for (int i = 0; i < 4000; i++)
		buf_add(&body, STR("{\"type\":\"text\",\"text\":\"x\"},"));
	buf_add(&body, STR("{\"type\":\"text\",\"text\":\"x\"}]}]}"));
	for (size_t ceiling = 64; ceiling < 1 * MiB; ceiling *= 2) {
		struct arena keep = { .ceiling = ceiling };
		struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };

		CHECK_FAULT(wire_openai_chat.read_request(buf_str(&body), &r, &detail),
		            FAULT_JSON_LIMIT);
		arena_done(&keep);
	}
	buf_free(&body);
}

/* ---- writing ---- */

TEST(requests_are_written_as_openai_has_them)
{
	struct rig g;

	read(&g,
	     STR("{\"model\":\"x\",\"messages\":[{\"role\":\"developer\",\"content\":"
	         "\"be short\"},{\"role\":\"user\",\"content\":\"hi\"}],"
	         "\"max_tokens\":9,\"temperature\":1.5,\"n\":2,"
	         "\"logprobs\":true,\"top_logprobs\":2,\"user\":\"u\",\"verbosity\":"
	         "\"low\","
	         "\"service_tier\":\"flex\",\"response_format\":{\"type\":\"json_"
	         "schema\","
	         "\"json_schema\":{\"name\":\"s\",\"strict\":true,\"schema\":{\"type\":"
	         "\"object\"}}},\"reasoning_effort\":\"high\",\"tools\":[{\"type\":"
	         "\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
	         "\"parameters\":{\"type\":\"object\"},\"strict\":true}}],\"tool_"
	         "choice\":"
	         "{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
	         "\"parallel_tool_calls\":false,\"stream\":true}"));
	CHECK_OK(g.why);
	write(&g, "openai", "gpt-5");
	CHECK_OK(g.why);
	CHECK_STR(
	        buf_str(&g.out),
	        "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"developer\",\"content\":"
	        "\"be short\"},{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,"
	        "\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":9,"
	        "\"temperature\":1.5,\"verbosity\":\"low\",\"n\":"
	        "2,"
	        "\"logprobs\":true,\"top_logprobs\":2,\"user\":\"u\",\"service_tier\":"
	        "\"flex\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
	        "{\"name\":\"s\",\"schema\":{\"type\":\"object\"},\"strict\":true}},"
	        "\"reasoning_effort\":\"high\",\"tools\":[{\"type\":\"function\","
	        "\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":"
	        "{\"type\":\"object\"},\"strict\":true}}],\"tool_choice\":{\"type\":"
	        "\"function\",\"function\":{\"name\":\"f\"}},\"parallel_tool_calls\":"
	        "false}");
	CHECK_INT(g.r.dropped_count, 0);
	done(&g);
}

TEST(what_is_written_reads_as_the_same)
{
	static const char *const bodies[] = {
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\\u00e9 "
		"\\\"q\\\"\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
		"\"data:image/gif;base64,R0lG\"}},{\"type\":\"file\",\"file\":"
		"{\"filename\":\"a\",\"file_data\":\"data:text/csv;base64,QQ==\"}},"
		"{\"type\":\"file\",\"file\":{\"file_id\":\"file-9\"}},"
		"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUFB\",\"format\":"
		"\"wav\"}},{\"type\":\"new\",\"x\":[1]}]}]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"go\"},"
		"{\"role\":\"assistant\",\"content\":\"ok\",\"refusal\":\"no\","
		"\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":"
		"{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\\\"\\\\n\\\"}\"}},{\"id\":"
		"\"call_2\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":"
		"\"raw\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":"
		"\"1\"},{\"role\":\"tool\",\"tool_call_id\":\"call_2\",\"content\":\"2\"}"
		"],"
		"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
		"{\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"format\":{\"type\":"
		"\"grammar\",\"grammar\":{\"definition\":\"start: "
		"x\",\"syntax\":\"lark\"}}"
		"}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":"
		"{\"mode\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":"
		"{\"name\":\"f\"}},{\"type\":\"custom\",\"custom\":{\"name\":\"g\"}}]}}}",
		"{\"model\":\"m\"," USER
		",\"response_format\":{\"type\":\"json_object\"},"
		"\"metadata\":{\"a\":\"b\"},\"logit_bias\":{\"5\":-100},\"seed\":-3,"
		"\"web_search_options\":{\"search_context_size\":\"low\"},\"modalities\":"
		"[\"text\",\"audio\"],\"prediction\":{\"type\":\"content\",\"content\":"
		"\"x\"}}",
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		struct rig first, second;

		read(&first, str_from_z(bodies[i]));
		CHECK_OK(first.why);
		write(&first, "openai", "m");
		CHECK_OK(first.why);
		CHECK_INT(first.r.dropped_count, 0);
		read(&second, buf_str(&first.out));
		CHECK_OK(second.why);
		write(&second, "openai", "m");
		CHECK_STR_EQ(buf_str(&second.out), buf_str(&first.out));
		done(&second);
		done(&first);
	}
}

TEST(others_get_less_and_it_is_named)
{
	struct rig g;

	write_with(
	        &g,
	        "\"max_completion_tokens\":5,\"store\":true,\"metadata\":{\"a\":\"b\"},"
	        "\"top_k\":4,\"temperature\":3,\"verbosity\":\"low\"",
	        "somebody");
	CHECK_OK(g.why);
	CHECK_STR(buf_str(&g.out),
	          "{\"model\":\"m\"," USER ",\"max_tokens\":5,\"temperature\":2}");
	CHECK(is_dropped(&g, "store"));
	CHECK(is_dropped(&g, "metadata"));
	CHECK(is_dropped(&g, "top_k"));
	CHECK(is_dropped(&g, "verbosity"));
	CHECK(is_dropped(&g, "temperature>2"));
	done(&g);
	write_with(&g, "\"top_k\":4", "vllm");
	CHECK_STR(at(&g, "top_k"), "4");
	done(&g);
}

TEST(facts_of_the_model_bound_what_is_asked)
{
	struct catalog_model facts = { .output = 100, .bits = CATALOG_REASONING };
	struct chat_target t = { .model = STR("o9"),
		                 .provider = STR("openai"),
		                 .facts = &facts };
	struct rig g;

	write_with(&g,
	           "\"max_tokens\":500,\"temperature\":0.1,\"reasoning_effort\":\"low\"",
	           "openai");
	buf_clear(&g.out);
	CHECK_OK(wire_openai_chat.write_request(&g.r, &t, &g.out, &g.detail));
	CHECK_STR(buf_str(&g.out), "{\"model\":\"o9\"," USER
	                           ",\"max_completion_tokens\":100,\"reasoning_effort\":"
	                           "\"low\"}");
	CHECK(is_dropped(&g, "temperature"));
	facts.bits = CATALOG_TEMPERATURE;
	buf_clear(&g.out);
	CHECK_OK(wire_openai_chat.write_request(&g.r, &t, &g.out, &g.detail));
	CHECK_STR(at(&g, "temperature"), "0.1");
	CHECK_INT(at(&g, "reasoning_effort").len, 0);
	CHECK(is_dropped(&g, "reasoning_effort"));
	done(&g);
}

TEST(each_dialect_asks_for_reasoning_in_its_way)
{
	static const struct {
		const char *provider, *members, *path, *want;
	} rows[] = {
		{ "openai", "\"reasoning_effort\":\"max\"", "reasoning_effort",
		  "\"max\"" },
		{ "openai", "\"reasoning\":{\"max_tokens\":3000}", "reasoning_effort",
		  "\"low\"" },
		{ "deepseek", "\"reasoning_effort\":\"medium\"", "reasoning_effort",
		  "\"high\"" },
		{ "deepseek", "\"reasoning_effort\":\"medium\"", "thinking.type",
		  "\"enabled\"" },
		{ "deepseek", "\"reasoning_effort\":\"none\"", "thinking.type",
		  "\"disabled\"" },
		{ "deepseek", "\"reasoning_effort\":\"none\"", "reasoning_effort", "" },
		{ "alibaba-cn", "\"reasoning_effort\":\"low\"", "enable_thinking",
		  "true" },
		{ "alibaba-cn", "\"reasoning_effort\":\"low\"", "thinking_budget",
		  "2048" },
		{ "alibaba", "\"reasoning_effort\":\"none\"", "enable_thinking",
		  "false" },
		{ "openrouter", "\"reasoning_effort\":\"high\"", "reasoning.effort",
		  "\"high\"" },
		{ "openrouter", "\"reasoning\":{\"max_tokens\":99,\"exclude\":true}",
		  "reasoning", "{\"max_tokens\":99,\"exclude\":true}" },
		{ "mistral", "\"reasoning_effort\":\"low\"", "reasoning_effort",
		  "\"high\"" },
		{ "xai", "\"reasoning_effort\":\"minimal\"", "reasoning_effort",
		  "\"low\"" },
		{ "zai", "\"reasoning_effort\":\"low\"", "thinking",
		  "{\"type\":\"enabled\"}" },
		{ "zai", "\"reasoning_effort\":\"low\"", "reasoning_effort", "" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		write_with(&g, rows[i].members, rows[i].provider);
		CHECK_OK(g.why);
		if (!CHECK_STR_EQ(at(&g, rows[i].path), str_from_z(rows[i].want)))
			printf("%s %s\n", rows[i].provider, rows[i].members);
		done(&g);
	}
}

#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"

TEST(each_dialect_has_its_words_for_the_choice_of_tools)
{
	static const struct {
		const char *provider, *choice, *want, *drop;
	} rows[] = {
		{ "openai", "\"required\"", "\"required\"", "" },
		{ "openai", "\"any\"", "\"required\"", "" },
		{ "mistral", "\"required\"", "\"any\"", "" },
		{ "mistral", "\"none\"", "", "" },
		{ "deepseek", "\"required\"", "\"auto\"", "tool_choice" },
		{ "moonshotai", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
		  "\"auto\"", "tool_choice" },
		{ "groq", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
		  "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "" },
		{ "groq",
		  "{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{"
		  "\"name\":"
		  "\"f\"}]}",
		  "\"required\"", "" },
	};
	char members[512];

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		snprintf(members, sizeof(members), TOOL ",\"tool_choice\":%s",
		         rows[i].choice);
		write_with(&g, members, rows[i].provider);
		CHECK_OK(g.why);
		CHECK_STR_EQ(at(&g, "tool_choice"), str_from_z(rows[i].want));
		CHECK(!rows[i].drop[0] || is_dropped(&g, rows[i].drop));
		done(&g);
	}
}

TEST(tools_that_may_not_be_called_are_not_shown_to_those_without_a_word_for_it)
{
	struct rig g;

	write_with(&g,
	           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
	           "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],"
	           "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":"
	           "{\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"function\":"
	           "{\"name\":\"g\"}}]}}",
	           "groq");
	CHECK_STR(at(&g, "tools"),
	          "[{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":"
	          "{\"type\":\"object\",\"properties\":{}}}}]");
	done(&g);
}

TEST(stop_sequences_beyond_a_dialect_s_bound_are_ours)
{
	const char *five = "\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]";
	struct rig g;

	write_with(&g, five, "somebody");
	CHECK_STR(at(&g, "stop"), "[\"1\",\"2\",\"3\",\"4\"]");
	CHECK_INT(g.r.stops_kept, 1 << 4);
	done(&g);
	write_with(&g, five, "deepseek");
	CHECK_INT(g.r.stops_kept, 0);
	done(&g);
}

TEST(models_that_refuse_stops_are_not_told_them)
{
	static const struct {
		const char *provider, *model;
	} rows[] = { { "xai", "grok-4.3" }, { "openai", "gpt-5-mini" } };

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;

		write_with(&g, "\"stop\":[\"X\"]", "openai");
		write(&g, rows[i].provider, rows[i].model);
		CHECK_OK(g.why);
		CHECK_STR(at(&g, "stop"), "");
		CHECK_INT(g.r.stops_kept, 1);
		done(&g);
	}
}

TEST(what_a_dialect_cannot_do_is_refused)
{
	static const struct {
		const char *provider, *members, *detail;
	} rows[] = {
		{ "deepseek", "\"n\":2", "n" },
		{ "mistral", "\"logprobs\":true", "logprobs" },
		{ "somebody", "\"web_search_options\":{}", "web_search_options" },
		{ "deepseek",
		  "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
		  "{\"schema\":{},\"strict\":true}}",
		  "response_format.json_schema (strict)" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		write_with(&g, rows[i].members, rows[i].provider);
		CHECK_FAULT(g.why, FAULT_NOT_OFFERED);
		CHECK_STR_EQ(g.detail, str_from_z(rows[i].detail));
		done(&g);
	}
}

/* Codex edits files through one, and not only at OpenAI. */
TEST(custom_tools_are_functions_where_the_dialect_has_none)
{
	static const char body[] =
	        "{'model':'m','input':[{'type':'message','role':'user','content':'a'},"
	        "{'type':'custom_tool_call','call_id':'c','name':'p','input':'x'},"
	        "{'type':'custom_tool_call_output','call_id':'c','output':'y'}],"
	        "'tools':[{'type':'custom','name':'p','description':'d'}]}";
	struct arena keep = { .ceiling = MiB };
	struct form f;

	FORM_SOME(&wire_openai_responses, body, &wire_openai_chat, "deepseek/m",
	          "'function':{'name':'p','arguments':'{\\'input\\':\\'x\\'}'}", "");
	FORM_SOME(&wire_openai_responses, body, &wire_openai_chat, "openrouter/m",
	          "'function':{'name':'p','description':'d','parameters':{'type':", "");
	FORM_SOME(&wire_openai_responses, body, &wire_openai_chat, "openai/m",
	          "'custom':{'name':'p','input':'x'}", "");
	CHECK_OK(form_read(&f, &wire_openai_responses, form_quoted(&keep, body)));
	CHECK_OK(form_write(&f, &wire_openai_chat, STR("vllm/m")));
	CHECK(chat_is_wrapped(&f.written, STR("p")));
	CHECK_INT(f.r.tools->kind, TOOL_CUSTOM);
	form_done(&f);
	arena_done(&keep);
}

TEST(a_schema_is_told_in_words_where_there_is_no_other_way)
{
	struct rig g;

	write_with(&g,
	           "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
	           "{\"name\":\"s\",\"schema\":{\"type\":\"object\"}}}",
	           "deepseek");
	CHECK_STR(at(&g, "response_format"), "{\"type\":\"json_object\"}");
	CHECK(str_has(message_at(&g, 0), STR("{\\\"type\\\":\\\"object\\\"}")));
	CHECK(is_dropped(&g, "response_format.json_schema"));
	/* Another attempt is not told twice. */
	write(&g, "openai", "m");
	CHECK_STR(message_at(&g, 0), "{\"role\":\"user\",\"content\":\"hi\"}");
	done(&g);
}

#define AFTER_CALL                                                                       \
	"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"go\"},"         \
	"{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\","         \
	"\"tool_calls\":[{\"id\":\"call_abc\",\"type\":\"function\",\"function\":"       \
	"{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"  \
	"\"call_abc\",\"content\":\"r\"},{\"role\":\"user\",\"content\":\"and?\"}]}"

TEST(mistral_has_ids_of_nine_and_an_assistant_before_the_user)
{
	struct json_value call;
	struct rig g;
	str id;

	read(&g, STR(AFTER_CALL));
	write(&g, "mistral", "m");
	CHECK_OK(g.why);
	call = json_path((struct json_value){ JSON_OBJECT, message_at(&g, 2) },
	                 "tool_call_id");
	id = str_of(call.raw.ptr + 1, call.raw.len - 2);
	CHECK_INT(id.len, 9);
	CHECK(str_has(message_at(&g, 1), id));
	CHECK(str_has(message_at(&g, 1),
	              STR("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
	                  "\"text\",\"text\":\"hm\"}]}]")));
	CHECK_STR(message_at(&g, 3), "{\"role\":\"assistant\",\"content\":\"OK\"}");
	CHECK_STR(message_at(&g, 4), "{\"role\":\"user\",\"content\":\"and?\"}");
	done(&g);
}

TEST(thoughts_go_back_where_they_are_wanted)
{
	static const struct {
		const char *provider, *want;
	} rows[] = {
		{ "deepseek", "\"reasoning_content\":\"hm\"" },
		{ "cerebras", "\"reasoning\":\"hm\"" },
		{ "openrouter",
		  "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\","
		  "\"index\":0}]" },
	};
	struct rig g;

	for (size_t i = 0; i < countof(rows); i++) {
		read(&g, STR(AFTER_CALL));
		write(&g, rows[i].provider, "m");
		CHECK(str_has(message_at(&g, 1), str_from_z(rows[i].want)));
		CHECK(!is_dropped(&g, "reasoning"));
		done(&g);
	}
	read(&g, STR(AFTER_CALL));
	write(&g, "openai", "m");
	CHECK(!str_has(message_at(&g, 1), STR("hm")));
	CHECK(is_dropped(&g, "reasoning"));
	done(&g);
}

/* A result with a picture, as only other formats can have it. */
TEST(pictures_of_results_follow_in_a_users_message)
{
	struct chat_part *result, *p;
	struct rig g;

	read(&g, STR(AFTER_CALL));
	result = g.r.messages->next->next->parts;
	result->is_error = true;
	p = chat_add_inner(&g.r, result, CHAT_IMAGE);
	p->source = SOURCE_BASE64;
	p->media_type = STR("image/png");
	p->data = STR("AAAA");
	write(&g, "openai", "m");
	CHECK_OK(g.why);
	CHECK_STR(message_at(&g, 2), "{\"role\":\"tool\",\"tool_call_id\":\"call_abc\","
	                             "\"content\":\"Error: r\"}");
	CHECK_STR(message_at(&g, 3),
	          "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	          "\"Result of tool call call_abc:\"},{\"type\":\"image_url\","
	          "\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}");
	CHECK_STR(message_at(&g, 4), "{\"role\":\"user\",\"content\":\"and?\"}");
	done(&g);
}

TEST(one_system_message_where_templates_allow_no_more)
{
	struct rig g;

	read(&g, STR("{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
	             "\"a\"},{\"role\":\"system\",\"content\":\"b\"},{\"role\":\"user\","
	             "\"content\":\"x\"},{\"role\":\"system\",\"content\":\"c\"}]}"));
	write(&g, "vllm", "m");
	CHECK_STR(message_at(&g, 0), "{\"role\":\"system\",\"content\":\"a\\n\\nb\"}");
	CHECK_STR(message_at(&g, 2),
	          "{\"role\":\"user\",\"content\":\"<system>c</system>\"}");
	write(&g, "openai", "m");
	CHECK_STR(message_at(&g, 1), "{\"role\":\"system\",\"content\":\"b\"}");
	done(&g);
}

TEST(seals_of_others_come_back_through_a_chat_client)
{
	struct chat_part *p;
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":"
	         "\"text\",\"reasoning_content\":\"\\u00e4b\\ncd\",\"reasoning_details\":"
	         "[{\"type\":\"reasoning.encrypted\",\"data\":\"sluice1.anthropic.AA\","
	         "\"id\":\"think-0-0-3\",\"format\":\"anthropic\",\"index\":0},{\"type\":"
	         "\"reasoning.encrypted\",\"data\":\"sluice1.anthropic.BB\",\"id\":"
	         "\"think-1-3-2\",\"index\":1}],\"tool_calls\":[{\"id\":\"c\",\"type\":"
	         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}]}"));
	CHECK_OK(g.why);
	p = g.r.messages->parts;
	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_STR(p->text, "\\u00e4b\\n");
	CHECK_INT(p->seal.origin, WIRE_ANTHROPIC);
	CHECK_STR(p->seal.blob, "AA");
	p = p->next;
	CHECK_STR(p->text, "text");
	p = p->next;
	CHECK_STR(p->text, "cd");
	CHECK_STR(p->seal.blob, "BB");
	CHECK_INT(p->next->kind, CHAT_CALL);
	done(&g);
}

TEST(seals_of_a_text_that_was_changed_are_not_kept)
{
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":"
	         "\"t\",\"reasoning_content\":\"ab\",\"reasoning_details\":[{\"type\":"
	         "\"reasoning.encrypted\",\"data\":\"sluice1.anthropic.AA\",\"id\":"
	         "\"think-0-0-3\"}]}]}"));
	CHECK_STR(g.r.messages->parts->text, "ab");
	CHECK_INT(g.r.messages->parts->seal.origin, WIRE_NONE);
	CHECK(is_dropped(&g, "messages[].reasoning_details"));
	done(&g);
}

TEST(openrouters_own_details_go_back_to_it_whole)
{
	static const char details[] =
	        "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"ab\","
	        "\"signature\":\"U2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0},"
	        "{\"type\":\"reasoning.summary\",\"summary\":\"cd\",\"format\":"
	        "\"openai-responses-v1\",\"index\":1},{\"type\":\"reasoning.encrypted\","
	        "\"data\":\"gAA=\",\"id\":\"rs_1\",\"format\":\"openai-responses-v1\","
	        "\"index\":2}]";
	struct rig g;
	char body[1024];
	int n = snprintf(body, sizeof(body),
	                 "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
	                 "\"content\":\"x\",\"reasoning\":\"abcd\",%s}]}",
	                 details);

	read(&g, str_of(body, (size_t)n));
	CHECK_OK(g.why);
	write(&g, "openrouter", "m");
	CHECK(str_has(message_at(&g, 0), str_from_z(details)));
	done(&g);
}

TEST(thought_signatures_of_gemini_stand_before_their_calls)
{
	struct chat_part *p;
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":"
	         "\"x\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\","
	         "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},"
	         "\"extra_content\":{\"google\":{\"thought_signature\":\"AV==\"}}}]}]}"));
	CHECK_OK(g.why);
	p = g.r.messages->parts->next;
	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_INT(p->seal.origin, WIRE_GEMINI);
	CHECK_STR(p->seal.blob, "AV==");
	write(&g, "google", "m");
	CHECK(str_has(
	        message_at(&g, 0),
	        STR("\"extra_content\":{\"google\":{\"thought_signature\":\"AV==\"}}")));
	write(&g, "openai", "m");
	CHECK(!str_has(message_at(&g, 0), STR("AV==")));
	done(&g);
}

TEST(long_or_odd_ids_are_made_to_fit_in_the_same_way_everywhere)
{
	struct json_value call, result;
	struct rig g;

	read(&g,
	     STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":"
	         "[{\"id\":\"functions.f:0\",\"type\":\"function\",\"function\":"
	         "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
	         "\"tool_call_id\":\"functions.f:0\",\"content\":\"\"}]}"));
	write(&g, "openai", "m");
	call = (struct json_value){ JSON_OBJECT, message_at(&g, 0) };
	result = (struct json_value){ JSON_OBJECT, message_at(&g, 1) };
	result = json_get(result, STR("tool_call_id"));
	CHECK_INT(result.raw.len, 31);
	CHECK(str_has(call.raw, result.raw));
	done(&g);
}

TEST(media_go_to_the_dialects_that_take_them)
{
	static const struct {
		const char *part, *provider, *want; /* NULL: refused */
	} rows[] = {
		{ "{\"type\":\"document_url\",\"document_url\":\"https://x/a.pdf\"}",
		  "mistral",
		  "{\"type\":\"document_url\",\"document_url\":\"https://x/a.pdf\"}" },
		{ "{\"type\":\"file\",\"file\":{\"file_data\":"
		  "\"data:application/pdf;base64,AA\"}}",
		  "mistral",
		  "{\"type\":\"document_url\",\"document_url\":"
		  "\"data:application/pdf;base64,AA\"}" },
		{ "{\"type\":\"file\",\"file\":{\"file_data\":"
		  "\"data:application/pdf;base64,AA\"}}",
		  "groq", NULL },
		{ "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/v\"}}",
		  "openrouter",
		  "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/v\"}}" },
		{ "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/v\"}}",
		  "openai", NULL },
		{ "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\","
		  "\"format\":\"wav\"}}",
		  "alibaba",
		  "{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
		  "\"data:audio/wav;base64,AA\",\"format\":\"wav\"}}" },
		{ "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\","
		  "\"format\":\"flac\"}}",
		  "openai", NULL },
		{ "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":"
		  "\"ephemeral\",\"ttl\":\"1h\"}}",
		  "openrouter",
		  "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":"
		  "\"ephemeral\",\"ttl\":\"1h\"}}" },
	};
	char body[1024];

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		int n = snprintf(body, sizeof(body),
		                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
		                 "\"content\":[%s]}]}",
		                 rows[i].part);

		read(&g, str_of(body, (size_t)n));
		CHECK_OK(g.why);
		write(&g, rows[i].provider, "m");
		if (rows[i].want)
			CHECK(str_has(message_at(&g, 0), str_from_z(rows[i].want)));
		else
			CHECK_FAULT(g.why, FAULT_NOT_OFFERED);
		done(&g);
	}
}

TEST(chat_paths)
{
	struct buf b = BUF_LIMIT(64);

	wire_openai_chat.write_path(OP_CHAT, STR("m"), true, &b);
	CHECK_STR(buf_str(&b), "/chat/completions");
	buf_free(&b);
}
