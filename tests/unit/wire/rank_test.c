/* Rankings between Cohere's words and those of compatible hosts. */
#include "wire/rank.h"

#include "tests/unit/wire/form.h"

static void rank_check(const char *file, int line, const struct wire *from,
                       const struct wire *to, str body, str want, str answer, str back)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = from->format };
	struct chat_target t = { .model = STR("up") };
	struct work_answer a = { .keep = &keep, .id = STR("i"), .model = STR("m") };
	struct buf out = BUF_LIMIT(MiB);
	str detail = STR_NONE;
	fault_t why = from->work[OP_RERANK]->read(body, &r, &detail);

	if (!why)
		why = to->work[OP_RERANK]->write(&r, &t, &out, &detail);
	check_str(file, line, "the request", why ? detail : buf_str(&out), want);
	buf_clear(&out);
	if (!why) {
		why = work_reply(to, from, OP_RERANK, &r, answer, &a, &out);
		check_str(file, line, "the answer", why ? why->name : buf_str(&out),
		          back);
	}
	buf_free(&out);
	arena_done(&keep);
}
#define RANK_CHECK(from, to, body, want, answer, back)                                   \
	rank_check(__FILE__, __LINE__, &wire_##from, &wire_##to, STR(body), STR(want),   \
	           STR(answer), STR(back))

#define DOCUMENTS "\"documents\":[\"a\",\"b\"]"

TEST(rank_crosses)
{
	RANK_CHECK(
	        openai_chat, cohere,
	        "{\"model\":\"x\",\"query\":\"q\",\"documents\":[\"a\",{\"text\":\"b\"}],"
	        "\"top_k\":1,\"return_documents\":true}",
	        "{\"model\":\"up\",\"query\":\"q\"," DOCUMENTS ",\"top_n\":1}",
	        "{\"results\":[{\"index\":1,\"relevance_score\":0.50}],\"meta\":{"
	        "\"billed_units\":{\"search_units\":1}}}",
	        "{\"id\":\"i\",\"model\":\"m\",\"results\":[{\"index\":1,"
	        "\"relevance_score\":0.50,\"document\":{\"text\":\"b\"}}]}");
	RANK_CHECK(
	        cohere, openai_chat, "{\"model\":\"x\",\"query\":\"q\"," DOCUMENTS "}",
	        "{\"model\":\"up\",\"query\":\"q\"," DOCUMENTS "}",
	        "{\"data\":[{\"index\":0,\"score\":1}],\"usage\":{\"total_tokens\":7}}",
	        "{\"id\":\"i\",\"results\":[{\"index\":0,\"relevance_score\":1}],"
	        "\"meta\":{\"api_version\":{\"version\":\"2\"},\"tokens\":{"
	        "\"input_tokens\":7}}}");
}

TEST(rank_refuses)
{
	RANK_CHECK(cohere, openai_chat, "{\"model\":\"x\"," DOCUMENTS "}",
	           "\"query\" must be a text", "", "");
	RANK_CHECK(cohere, openai_chat,
	           "{\"model\":\"x\",\"query\":\"q\",\"documents\":[]}",
	           "\"documents\" must be a list of 1 to 10000", "", "");
	RANK_CHECK(cohere, openai_chat,
	           "{\"model\":\"x\",\"query\":\"q\",\"documents\":[{\"image\":1}]}",
	           "\"documents\" with anything but text cannot be sent to this model's "
	           "provider",
	           "", "");
	RANK_CHECK(cohere, openai_chat, "{\"model\":\"x\",\"query\":\"q\"," DOCUMENTS "}",
	           "{\"model\":\"up\",\"query\":\"q\"," DOCUMENTS "}",
	           "{\"results\":[{\"index\":2,\"relevance_score\":1}]}",
	           "UPSTREAM_MALFORMED");
	RANK_CHECK(cohere, openai_chat, "{\"model\":\"x\",\"query\":\"q\"," DOCUMENTS "}",
	           "{\"model\":\"up\",\"query\":\"q\"," DOCUMENTS "}", "{\"results\":7}",
	           "UPSTREAM_MALFORMED");
}

static uint64_t units(const char *document, unsigned count)
{
	struct buf body = BUF_LIMIT(MiB);
	uint64_t found;

	buf_add(&body, STR("{\"query\":\"q\",\"documents\":["));
	for (unsigned i = 0; i < count; i++)
		buf_addf(&body, "%s\"%s\"", i ? "," : "", document);
	buf_add(&body, STR("]}"));
	found = rank_units_most(buf_str(&body));
	buf_free(&body);
	return found;
}

TEST(rank_knows_the_most_it_is_billed_as)
{
	static char text[1201];

	memset(text, 'x', 1200);
	CHECK_INT(units("", 0), 1);
	CHECK_INT(units("a", 1), 1);
	CHECK_INT(units("a", 100), 1);
	CHECK_INT(units("a", 101), 2);
	/* Three chunks each, as long as a token is a byte. */
	CHECK_INT(units(text, 33), 1);
	CHECK_INT(units(text, 34), 2);
	/* What nobody knows may be as many documents as there is room for. */
	CHECK_INT(rank_units_most(STR("{}")), 1);
	CHECK_INT(rank_units_most(str_of(text, 1200)), 5);
}
