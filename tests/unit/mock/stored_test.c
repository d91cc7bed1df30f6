#include "tests/unit/mock/talk.h"

static const char a[] = "content-type: application/json\r\nauthorization: Bearer a\r\n";
static const char b[] = "content-type: application/json\r\nauthorization: Bearer b\r\n";

/* The path of a response that was just made. */
static void make(struct talk *t, const char *ask, char path[200])
{
	talk_with(t, "POST", "/v1/responses", a, str_from_z(ask));
	CHECK_INT(t->heard.status, 200);
	snprintf(path, 200, "/v1/responses/%.*s", STR_ARG(talk_get(t, "id")));
}

static int get(struct talk *t, const char *method, const char *path, const char *account)
{
	talk_with(t, method, path, account, STR_NONE);
	return t->heard.status;
}

TEST(mock_keeps_responses_for_their_account)
{
	char path[200], more[300];
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	make(&t, "{\"model\":\"echo\",\"input\":\"hi\"}", path);
	CHECK_INT(get(&t, "GET", path, a), 200);
	CHECK_STR(talk_get(&t, "status"), "completed");
	CHECK_STR_EQ(talk_get(&t, "id"), str_from_z(path + strlen("/v1/responses/")));
	CHECK_INT(get(&t, "GET", path, b), 404);
	CHECK_INT(get(&t, "DELETE", path, b), 404);
	snprintf(more, sizeof(more), "%s/input_items", path);
	CHECK_INT(get(&t, "GET", more, a), 200);
	CHECK_INT(get(&t, "DELETE", more, a), 405);
	snprintf(more, sizeof(more), "%s/cancel", path);
	CHECK_INT(get(&t, "POST", more, a), 200);
	CHECK_INT(get(&t, "DELETE", path, a), 200);
	CHECK_STR(talk_get(&t, "deleted"), "true");
	CHECK_INT(get(&t, "GET", path, a), 404);
	make(&t, "{\"model\":\"echo\",\"input\":\"hi\",\"store\":false}", path);
	CHECK_INT(get(&t, "GET", path, a), 404);
	talk_end(&t);
}

TEST(mock_knows_a_previous_response)
{
	char path[200], ask[300];
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	make(&t, "{\"model\":\"echo\",\"input\":\"hi\"}", path);
	snprintf(ask, sizeof(ask),
	         "{\"model\":\"echo\",\"previous_response_id\":\"%s\",\"input\":\"on\"}",
	         path + strlen("/v1/responses/"));
	talk_with(&t, "POST", "/v1/responses", a, str_from_z(ask));
	CHECK_INT(t.heard.status, 200);
	CHECK(str_has(t.heard.body, STR("You said: on")));
	talk_with(&t, "POST", "/v1/responses", b, str_from_z(ask));
	CHECK_INT(t.heard.status, 400);
	CHECK(str_has(t.heard.body, STR("Previous response not found.")));
	talk_end(&t);
}
