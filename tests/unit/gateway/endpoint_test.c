#include "gateway/endpoint.h"
#include "tests/check.h"

#include <stdio.h>

static const struct endpoint *find(enum http_method method, const char *path)
{
	str rest;
	fault_t why;

	return endpoint_find(method, str_from_z(path), &rest, &why);
}

TEST(paths_are_found_under_the_prefixes_people_paste)
{
	static const char *const paths[] = {
		"/v1/chat/completions",        "/chat/completions",
		"/v1/v1/chat/completions",     "/openai/v1/chat/completions",
		"/openai/chat/completions",    "/anthropic/v1/chat/completions",
		"/gemini/v1/chat/completions", "/api/v1/chat/completions",
	};

	for (size_t i = 0; i < countof(paths); i++) {
		const struct endpoint *e = find(HTTP_POST, paths[i]);

		if (!CHECK(e && e->operation == OP_CHAT))
			printf("at %s\n", paths[i]);
	}
}

TEST(nothing_else_is_found)
{
	static const char *const paths[] = {
		"/v1/chat/completions/",
		"/v1//chat/completions",
		"/v1/./chat/completions",
		"/v1/chat/../chat/completions",
		"/V1/chat/completions",
		"/v1/chat%2fcompletions",
		"/v1/chat/completions;x=1",
		"//v1/chat/completions",
		"/v1/v1/v1/chat/completions",
		"/v1/chat/completionsx",
		"/v1",
		"/",
		"",
		"/admin",
		"/v1/models/",
		"/openaiv1/chat/completions",
	};

	for (size_t i = 0; i < countof(paths); i++) {
		if (!CHECK(!find(HTTP_POST, paths[i])))
			printf("at %s\n", paths[i]);
	}
}

TEST(a_wrong_method_is_told_from_a_wrong_path)
{
	str rest;
	fault_t why;

	CHECK(!endpoint_find(HTTP_GET, STR("/v1/embeddings"), &rest, &why));
	CHECK_FAULT(why, FAULT_HTTP_METHOD);
	CHECK(!endpoint_find(HTTP_GET, STR("/v1/embedding"), &rest, &why));
	CHECK_FAULT(why, FAULT_NO_SUCH_PATH);
	CHECK(endpoint_find(HTTP_GET, STR("/v1/models/openai/gpt-5"), &rest, &why));
	CHECK_STR(rest, "openai/gpt-5");
}

/* Whoever asks at Gemini's path reads Gemini's shape, and says it may be. */
TEST(models_are_told_in_the_shape_of_the_path)
{
	static const struct {
		const char *path, *rest;
		const struct wire *wire;
		enum endpoint_kind kind;
	} rows[] = {
		{ "/v1/models", "", &wire_openai_chat, ENDPOINT_MODELS },
		{ "/models/a/b", "a/b", &wire_openai_chat, ENDPOINT_MODEL },
		{ "/v1beta/models", "", &wire_gemini, ENDPOINT_MODELS },
		{ "/gemini/v1beta/models", "", &wire_gemini, ENDPOINT_MODELS },
		{ "/v1beta/models/a/b", "a/b", &wire_gemini, ENDPOINT_MODEL },
	};
	fault_t why;
	str rest;

	for (size_t i = 0; i < countof(rows); i++) {
		const struct endpoint *e =
		        endpoint_find(HTTP_GET, str_from_z(rows[i].path), &rest, &why);

		if (!CHECK(e && e->wire == rows[i].wire && e->kind == rows[i].kind))
			printf("at %s\n", rows[i].path);
		CHECK_STR_EQ(rest, str_from_z(rows[i].rest));
	}
	CHECK(!endpoint_find(HTTP_POST, STR("/v1beta/models"), &rest, &why));
	CHECK_FAULT(why, FAULT_HTTP_METHOD);
	CHECK(!endpoint_find(HTTP_DELETE, STR("/v1beta/models/a"), &rest, &why));
	CHECK_FAULT(why, FAULT_HTTP_METHOD);
}

TEST(a_stored_response_is_found_by_its_id)
{
	static const struct {
		enum http_method method;
		const char *path, *rest, *suffix;
	} rows[] = {
		{ HTTP_GET, "/v1/responses/resp_1", "resp_1", "" },
		{ HTTP_DELETE, "/openai/v1/responses/resp_1", "resp_1", "" },
		{ HTTP_GET, "/v1/responses/resp_1/input_items", "resp_1",
		  "/input_items" },
		{ HTTP_POST, "/responses/resp_1/cancel", "resp_1", "/cancel" },
	};
	static const char *const others[] = { "/v1/responses/", "/v1/responses/a/b",
		                              "/v1/responses//cancel",
		                              "/v1/responses/a/b/cancel" };
	struct buf methods = BUF_LIMIT(100);
	str rest;
	fault_t why;

	for (size_t i = 0; i < countof(rows); i++) {
		const struct endpoint *e = endpoint_find(
		        rows[i].method, str_from_z(rows[i].path), &rest, &why);

		if (!CHECK(e && e->operation == OP_STORED)) {
			printf("at %s\n", rows[i].path);
			continue;
		}
		CHECK_STR_EQ(rest, str_from_z(rows[i].rest));
		CHECK_STR_EQ(e->suffix, str_from_z(rows[i].suffix));
	}
	for (size_t i = 0; i < countof(others); i++) {
		if (!CHECK(!find(HTTP_GET, others[i]) && !find(HTTP_POST, others[i])))
			printf("at %s\n", others[i]);
	}
	endpoint_methods(STR("/v1/responses/resp_1"), &methods);
	CHECK_STR(buf_str(&methods), "GET, DELETE");
	CHECK(find(HTTP_POST, "/v1/responses/input_tokens")->operation == OP_COUNT);
	buf_free(&methods);
}

TEST(endpoints_have_numbers_and_templates)
{
	static const struct {
		enum http_method method;
		const char *path, *template;
	} rows[] = {
		{ HTTP_POST, "/v1/chat/completions", "/v1/chat/completions" },
		{ HTTP_POST, "/openai/v1/embeddings", "/v1/embeddings" },
		{ HTTP_POST, "/v1beta/models/g:generateContent",
		  "/v1beta/models/{model}:generateContent" },
		{ HTTP_POST, "/model/m/converse", "/model/{model}/converse" },
		{ HTTP_POST, "/v2/chat", "/v2/chat" },
		{ HTTP_DELETE, "/v1/responses/resp_1", "/v1/responses/{id}" },
	};
	struct buf path = BUF_LIMIT(256);

	for (unsigned i = 0; i < countof(rows); i++) {
		str rest;
		fault_t why;
		const struct endpoint *e = endpoint_find(
		        rows[i].method, str_from_z(rows[i].path), &rest, &why);

		if (!CHECK(e))
			continue;
		buf_clear(&path);
		const char *method = endpoint_describe(endpoint_number(e), &path);
		CHECK(method && strcmp(method, i == 5 ? "DELETE" : "POST") == 0);
		CHECK_STR_EQ(buf_str(&path), str_from_z(rows[i].template));
	}
	CHECK(!endpoint_describe(0, &path));
	CHECK(!endpoint_describe(255, &path));
	buf_free(&path);
}
