/* Embeddings from each format to each other, vectors as numbers and packed. */
#include "wire/embed.h"

#include "tests/unit/wire/form.h"

/* What a request becomes; `want` is its body, or what is wrong with it. */
static void embed_check(const char *file, int line, const struct wire *from, str body,
                        const struct wire *to, str model, str want, str lost)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = from->format };
	struct chat_target t = { .model = model };
	struct buf out = BUF_LIMIT(MiB), dropped = BUF_LIMIT(4 * KiB);
	str detail = STR_NONE;
	fault_t why = from->work[OP_EMBEDDINGS]->read(body, &r, &detail);

	if (!why)
		why = to->work[OP_EMBEDDINGS]->write(&r, &t, &out, &detail);
	for (unsigned i = 0; i < r.dropped_count; i++)
		buf_addf(&dropped, "%s%.*s", i ? "," : "", STR_ARG(r.dropped[i]));
	check_str(file, line, "the request", why ? detail : buf_str(&out), want);
	check_str(file, line, "what is lost", buf_str(&dropped), lost);
	buf_free(&out);
	buf_free(&dropped);
	arena_done(&keep);
}
#define EMBED_CHECK(from, body, to, model, want, lost)                                   \
	embed_check(__FILE__, __LINE__, &wire_##from, STR(body), &wire_##to, STR(model), \
	            STR(want), STR(lost))

TEST(embed_requests_of_openai)
{
	EMBED_CHECK(openai_chat,
	            "{\"model\":\"x\",\"input\":\"a\\u00e9\",\"dimensions\":3,\"user\":"
	            "\"u\"}",
	            gemini, "models/g",
	            "{\"requests\":[{\"model\":\"models/"
	            "g\",\"content\":{\"parts\":[{\"text\":"
	            "\"a\\u00e9\"}]},\"outputDimensionality\":3}]}",
	            "user");
	EMBED_CHECK(openai_chat,
	            "{\"model\":\"x\",\"input\":[\"a\",\"b\"],\"input_type\":\"query\"}",
	            cohere, "c",
	            "{\"model\":\"c\",\"texts\":[\"a\",\"b\"],\"input_type\":\"search_"
	            "query\","
	            "\"truncate\":\"NONE\",\"embedding_types\":[\"float\"]}",
	            "");
	EMBED_CHECK(openai_chat, "{\"model\":\"x\",\"input\":[\"a\"],\"odd\":1}", bedrock,
	            "us.amazon.titan-embed-text-v2:0", "{\"inputText\":\"a\"}", "odd");
	EMBED_CHECK(
	        openai_chat, "{\"model\":\"x\",\"input\":[1,2]}", cohere, "c",
	        "\"input\" of token numbers means nothing to this model's provider: send "
	        "text",
	        "");
	EMBED_CHECK(openai_chat, "{\"model\":\"x\",\"input\":{}}", cohere, "c",
	            "\"input\" must be a list of 1 to 2048 texts", "");
	EMBED_CHECK(openai_chat,
	            "{\"model\":\"x\",\"input\":\"a\",\"encoding_format\":\"hex\"}",
	            cohere, "c", "\"encoding_format\" must be \"float\" or \"base64\"",
	            "");
}

TEST(embed_requests_of_gemini)
{
	EMBED_CHECK(
	        gemini,
	        "{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]},\"task_"
	        "type\":"
	        "\"FACT_VERIFICATION\",\"title\":\"t\",\"outputDimensionality\":7}",
	        openai_chat, "o",
	        "{\"model\":\"o\",\"input\":[\"a\\nb\"],\"encoding_format\":\"float\","
	        "\"dimensions\":7}",
	        "taskType,title");
	EMBED_CHECK(gemini,
	            "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
	            "{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
	            cohere, "c",
	            "{\"model\":\"c\",\"texts\":[\"a\",\"b\"],\"input_type\":"
	            "\"search_document\",\"embedding_types\":[\"float\"]}",
	            "");
	EMBED_CHECK(
	        gemini,
	        "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
	        "{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"outputDimensionality\":2}]"
	        "}",
	        cohere, "c",
	        "\"requests\" that differ in taskType or outputDimensionality cannot be "
	        "sent to this model's provider",
	        "");
	EMBED_CHECK(gemini, "{\"content\":{\"parts\":[{\"inlineData\":{}}]}}", cohere,
	            "c",
	            "\"content\" with anything but text cannot be sent to this model's "
	            "provider",
	            "");
	EMBED_CHECK(gemini, "{\"content\":\"a\"}", cohere, "c",
	            "\"content\" must be an object with \"parts\"", "");
	EMBED_CHECK(gemini, "{\"requests\":[]}", cohere, "c",
	            "\"requests\" must be a list of 1 to 2048", "");
}

TEST(embed_requests_of_cohere)
{
	EMBED_CHECK(
	        cohere,
	        "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":\"classification\","
	        "\"truncate\":\"END\"}",
	        bedrock, "amazon.nova-2-multimodal-embeddings-v1:0",
	        "{\"taskType\":\"SINGLE_EMBEDDING\",\"singleEmbeddingParams\":{"
	        "\"embeddingPurpose\":\"CLASSIFICATION\",\"text\":{\"truncationMode\":"
	        "\"END\",\"value\":\"a\"}}}",
	        "");
	EMBED_CHECK(
	        cohere,
	        "{\"model\":\"x\",\"inputs\":[{\"content\":[{\"type\":\"text\",\"text\":"
	        "\"a\"}]}],\"input_type\":\"search_query\",\"output_dimension\":256,"
	        "\"truncate\":\"END\"}",
	        openai_chat, "o",
	        "{\"model\":\"o\",\"input\":[\"a\"],\"encoding_format\":\"float\","
	        "\"dimensions\":256}",
	        "input_type,truncate");
	EMBED_CHECK(
	        cohere,
	        "{\"model\":\"x\",\"texts\":[\"a\"],\"input_type\":\"search_query\","
	        "\"embedding_types\":[\"float\",\"int8\"]}",
	        gemini, "g",
	        "\"embedding_types\" \"int8\" cannot be had from this model's provider",
	        "");
}

TEST(embed_bedrock_families)
{
	EMBED_CHECK(openai_chat, "{\"model\":\"x\",\"input\":[\"a\",\"b\"]}", bedrock,
	            "amazon.titan-embed-text-v1",
	            "2 inputs: this model takes one a request", "");
	EMBED_CHECK(openai_chat, "{\"model\":\"x\",\"input\":\"a\",\"dimensions\":2}",
	            bedrock, "amazon.titan-embed-text-v1",
	            "\"dimensions\": this model's vectors have one size only", "");
	EMBED_CHECK(
	        openai_chat, "{\"model\":\"x\",\"input\":\"a\",\"dimensions\":2}",
	        bedrock, "amazon.titan-embed-image-v1",
	        "{\"inputText\":\"a\",\"embeddingConfig\":{\"outputEmbeddingLength\":2}}",
	        "");
	EMBED_CHECK(openai_chat, "{\"model\":\"x\",\"input\":[\"a\",\"b\"]}", bedrock,
	            "cohere.embed-english-v3",
	            "{\"texts\":[\"a\",\"b\"],\"input_type\":\"search_document\","
	            "\"truncate\":\"NONE\"}",
	            "");
}

/* What an answer becomes for a request of so many inputs. */
static fault_t turn(const struct wire *from, const struct wire *to, str request, str body,
                    uint64_t said, struct buf *out)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = to->format };
	struct work_answer a = {
		.keep = &keep, .id = STR("i"), .model = STR("m"), .said = said
	};
	str detail;
	fault_t why = to->work[OP_EMBEDDINGS]->read(request, &r, &detail);

	buf_clear(out);
	if (!why)
		why = work_reply(from, to, OP_EMBEDDINGS, &r, body, &a, out);
	arena_done(&keep);
	return why;
}

#define ONE_FLOAT "{\"model\":\"x\",\"input\":\"a\"}"
#define ONE_PACKED "{\"model\":\"x\",\"input\":\"a\",\"encoding_format\":\"base64\"}"
#define USAGE(n) "\"usage\":{\"prompt_tokens\":" n ",\"total_tokens\":" n "}"

TEST(embed_answers)
{
	struct buf out = BUF_LIMIT(MiB);

	/* numbers stay as they were written */
	CHECK_OK(turn(&wire_gemini, &wire_openai_chat, STR(ONE_FLOAT),
	              STR("{\"embeddings\":[{\"values\":[0.10, -1e-7]}],"
	                  "\"usageMetadata\":{\"promptTokenCount\":5}}"),
	              0, &out));
	CHECK_STR(buf_str(&out),
	          "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
	          "\"embedding\":[0.10, -1e-7]}],\"model\":\"m\"," USAGE("5") "}");
	/* 1 and 2, little-endian */
	CHECK_OK(turn(&wire_bedrock, &wire_openai_chat, STR(ONE_PACKED),
	              STR("{\"embedding\":[1,2.0]}"), 9, &out));
	CHECK_STR(buf_str(&out),
	          "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
	          "\"embedding\":\"AACAPwAAAEA=\"}],\"model\":\"m\"," USAGE("9") "}");
	CHECK_OK(
	        turn(&wire_openai_chat, &wire_gemini,
	             STR("{\"content\":{\"parts\":[{\"text\":\"a\"}]}}"),
	             STR("{\"data\":[{\"index\":0,\"embedding\":\"AACA\\u0050wAAAEA=\"}],"
	                 "\"usage\":{\"total_tokens\":3}}"),
	             0, &out));
	CHECK_STR(buf_str(&out), "{\"embedding\":{\"values\":[1,2]},\"usageMetadata\":{"
	                         "\"promptTokenCount\":3}}");
	/* each to its own input */
	CHECK_OK(turn(&wire_openai_chat, &wire_cohere,
	              STR("{\"texts\":[\"a\",\"b\"],\"input_type\":\"search_query\"}"),
	              STR("{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":0,"
	                  "\"embedding\":[0]}]}"),
	              0, &out));
	CHECK_STR(buf_str(&out),
	          "{\"id\":\"i\",\"embeddings\":{\"float\":[[0],[1]]},\"texts\":[\"a\","
	          "\"b\"],"
	          "\"meta\":{\"api_version\":{\"version\":\"2\"}},\"response_type\":"
	          "\"embeddings_by_type\"}");
	CHECK_OK(turn(&wire_bedrock, &wire_openai_chat, STR(ONE_FLOAT),
	              STR("{\"embeddings\":[{\"embedding\":[3]}]}"), 0, &out));
	CHECK(str_has(buf_str(&out), STR("\"embedding\":[3]")));
	CHECK_OK(turn(&wire_bedrock, &wire_openai_chat, STR(ONE_FLOAT),
	              STR("{\"embeddings\":[[4]]}"), 0, &out));
	CHECK_OK(turn(&wire_bedrock, &wire_openai_chat, STR(ONE_FLOAT),
	              STR("{\"embeddings\":{\"float\":[[4]]}}"), 0, &out));
	buf_free(&out);
}

TEST(embed_answers_that_are_none)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{}",
		"{\"data\":[]}",
		"{\"data\":[{\"embedding\":7}]}",
		"{\"data\":[{\"embedding\":[\"x\"]}]}",
		"{\"data\":[{\"embedding\":[1]},{\"embedding\":[2]}]}",
		"{\"data\":[{\"index\":1,\"embedding\":[1]}]}",
		"{\"data\":[{\"index\":0,\"embedding\":\"AACA\"}]}",
		"{\"data\":[{\"index\":0,\"embedding\":\"!\"}]}",
		"{\"data\":[{\"index\":0,\"embedding\":\"AACAfw==\"}]}", /* infinity */
	};
	struct buf out = BUF_LIMIT(MiB);

	for (size_t i = 0; i < countof(bodies); i++)
		CHECK_FAULT(turn(&wire_openai_chat, &wire_gemini,
		                 STR("{\"content\":{\"parts\":[{\"text\":\"a\"}]}}"),
		                 str_from_z(bodies[i]), 0, &out),
		            FAULT_UPSTREAM_MALFORMED);
	CHECK_FAULT(turn(&wire_gemini, &wire_openai_chat, STR(ONE_PACKED),
	                 STR("{\"embedding\":{\"values\":[1e99]}}"), 0, &out),
	            FAULT_UPSTREAM_MALFORMED);
	buf_free(&out);
}

TEST(embed_names_the_model_in_every_request)
{
	struct buf out = BUF_LIMIT(MiB);

	CHECK(wire_gemini.patch(OP_EMBEDDINGS,
	                        STR("{ \"requests\":[{\"model\" : "
	                            "\"models\\/a\"},{},{\"model\":\"b\"}]} "),
	                        STR("x\"y"), &out));
	CHECK_STR(buf_str(&out), "{ \"requests\":[{\"model\" : \"models/x\\\"y\"},{},"
	                         "{\"model\":\"models/x\\\"y\"}]} ");
	buf_clear(&out);
	CHECK(!wire_gemini.patch(OP_EMBEDDINGS,
	                         STR("{\"model\":\"models/x\",\"requests\":[]}"),
	                         STR("models/x"), &out));
	CHECK(!wire_gemini.patch(OP_EMBEDDINGS, STR("{\"content\":{\"model\":\"a\"}}"),
	                         STR("x"), &out));
	CHECK_INT(out.len, 0);
	CHECK(wire_gemini.patch(OP_EMBEDDINGS,
	                        STR("{\"generateContentRequest\":{\"model\":\"a\"}}"),
	                        STR("x"), &out));
	CHECK_STR(buf_str(&out), "{\"generateContentRequest\":{\"model\":\"models/x\"}}");
	buf_free(&out);
}
