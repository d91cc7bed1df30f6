/* The mock provider's own account of what it served. */
#include "tests/unit/mock/talk.h"

#define CHAT "/v1/chat/completions"
#define HEADERS "content-type: application/json\r\nx-client-request-id: "

static void begin(struct talk *t, char path[500])
{
	struct buf why = BUF_LIMIT(1000);
	struct net_addr at;

	*t = (struct talk){ .mock = NULL };
	snprintf(path, 500, "%s/bill", test_dir());
	CHECK(net_parse(STR("127.0.0.1:0"), &at));
	t->mock = mock_start(
	        &(struct mock_options){ .at = &at, .name = STR("us"), .bill = path },
	        &why);
	CHECK(t->mock != NULL);
	buf_free(&why);
}

/* The line of the request with that id; what it says is compared whole. */
static void check_line(const char *path, const char *id, const char *want)
{
	FILE *f = fopen(path, "r");
	char line[1000], start[100];
	bool found = false;

	if (!CHECK(f != NULL))
		return;
	snprintf(start, sizeof(start), "{\"id\":\"%s\",\"mock\":\"us\",", id);
	while (!found && fgets(line, sizeof(line), f))
		found = strncmp(line, start, strlen(start)) == 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	if (!found || strcmp(line + strlen(start), want) != 0)
		check_failed(__FILE__, __LINE__, "%s: %s", id, found ? line : "no line");
}

static void ask(struct talk *t, const char *path, const char *headers, const char *body)
{
	talk_with(t, "POST", path, headers, str_from_z(body));
}

TEST(mock_keeps_its_own_bill)
{
	char path[500];
	struct talk t;

	begin(&t, path);
	ask(&t, CHAT, HEADERS "a1\r\nx-mock-cached: 2\r\n",
	    "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"one two "
	    "three\"}]}");
	CHECK_STR(talk_get(&t, "usage.prompt_tokens_details.cached_tokens"), "2");
	ask(&t, CHAT, HEADERS "a2\r\nx-mock-fault: cut\r\n",
	    "{\"model\":\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\","
	    "\"content\":\"one two three four five six\"}]}");
	ask(&t, CHAT, HEADERS "a3\r\nx-mock-fault: 429\r\n",
	    "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
	ask(&t, "/v1/images/generations", HEADERS "a4\r\n",
	    "{\"model\":\"image\",\"prompt\":\"two words\",\"n\":3}");
	ask(&t, CHAT, HEADERS "a5\r\n",
	    "{\"model\":\"think\",\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"x\"}"
	    "]}");
	str thought = talk_get(&t, "usage.completion_tokens_details.reasoning_tokens");
	str all = talk_get(&t, "usage.completion_tokens");
	char want[300];
	uint64_t n = 0, r = 0;
	CHECK(str_to_u64(all, &n) && str_to_u64(thought, &r) && r > 0 && n > r);
	snprintf(want, sizeof(want),
	         "\"operation\":\"chat\",\"model\":\"think\",\"how\":\"whole\",\"input\":"
	         "1,"
	         "\"cached\":0,\"output\":%llu,\"reasoning\":%llu,\"images\":0,"
	         "\"cost_nano\":%llu}",
	         (unsigned long long)n, (unsigned long long)r,
	         (unsigned long long)((1100001 + 4400003 * (n - r) + 8800007 * r + 500) /
	                              1000));
	talk_end(&t);
	check_line(path, "a5", want);
	check_line(
	        path, "a1",
	        "\"operation\":\"chat\",\"model\":\"echo\",\"how\":\"whole\",\"input\":3,"
	        "\"cached\":2,\"output\":5,\"reasoning\":0,\"images\":0,"
	        "\"cost_nano\":2924}"); /* (137903 + 2 * 13790 + 5 * 551611 + 500) / 1000
	                                 */
	check_line(path, "a2",
	           "\"operation\":\"chat\",\"model\":\"echo\",\"how\":\"broken\","
	           "\"input\":6,"
	           "\"cached\":0,\"output\":4,\"reasoning\":0,\"images\":0,"
	           "\"cost_nano\":3034}");
	check_line(path, "a3",
	           "\"operation\":\"chat\",\"model\":\"echo\",\"how\":\"refused\","
	           "\"input\":0,"
	           "\"cached\":0,\"output\":0,\"reasoning\":0,\"images\":0,\"cost_nano\":"
	           "0}");
	check_line(path, "a4",
	           "\"operation\":\"images\",\"model\":\"image\",\"how\":\"whole\","
	           "\"input\":2,"
	           "\"cached\":0,\"output\":3,\"reasoning\":0,\"images\":3,"
	           "\"cost_nano\":120010000}");
}
