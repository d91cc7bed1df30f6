#include "config/endpoint.h"

#include "tests/check.h"

static const char *why;

static bool parse(struct arena *arena, const char *url, struct endpoint *e)
{
	*e = (struct endpoint){ 0 };
	why = "";
	return endpoint_parse(str_from_z(url), arena, e, &why);
}

TEST(urls_are_taken_apart)
{
	struct arena arena = { 0 };
	struct endpoint e;

	CHECK(parse(&arena, "https://API.openai.com/v1", &e));
	CHECK(e.tls && e.port == 443 && !e.is_private_literal);
	CHECK_STR(e.host, "api.openai.com");
	CHECK_STR(e.authority, "api.openai.com");
	CHECK_STR(e.base_path, "/v1");

	CHECK(parse(&arena, "http://[fd00::1]:9000/a/b//", &e));
	CHECK(!e.tls && e.port == 9000 && e.is_private_literal);
	CHECK_STR(e.host, "fd00::1");
	CHECK_STR(e.authority, "[fd00::1]:9000");
	CHECK_STR(e.base_path, "/a/b");

	CHECK(parse(&arena, "http://127.0.0.1:80", &e));
	CHECK_STR(e.authority, "127.0.0.1");
	CHECK_STR(e.base_path, "");
	CHECK(e.is_private_literal);

	CHECK(parse(&arena, "http://8.8.8.8:8080/", &e) && !e.is_private_literal);
	CHECK(parse(&arena, "http://localhost:8080/v1", &e) && e.is_private_literal);
	CHECK(parse(&arena, "http://my_host-1:8080/v1", &e) && !e.is_private_literal);
	CHECK(parse(&arena, "unix:@name", &e));
	CHECK_STR(e.host, "unix:@name");
	CHECK_STR(e.base_path, "");
	CHECK(parse(&arena, "unix:/run/a.sock:/v1/", &e));
	CHECK_STR(e.host, "unix:/run/a.sock");
	CHECK_STR(e.base_path, "/v1");
	arena_done(&arena);
}

TEST(urls_that_two_programs_could_read_differently_are_refused)
{
	static const char *const urls[] = {
		"",
		"api.openai.com/v1",
		"ftp://x/v1",
		"https://",
		"https:///v1",
		"https://user@host/v1",
		"https://user:pw@host/v1",
		"https://host:0/",
		"https://host:65536/",
		"https://host:/",
		"https://host:8o/",
		"https://host/v1?x=1",
		"https://host/v1#x",
		"https://host?x",
		"https://host/a/../b",
		"https://host/./b",
		"https://host/a//b",
		"https://host/a b",
		"https://host/%2e%2e/",
		"https://host/\\x",
		"https://ho st/",
		"https://-host/",
		"https://host-/",
		"https://ho..st/",
		"https://host./",
		"https://.host/",
		"https://127.1/",
		"https://2130706433/",
		"https://0x7f000001/",
		"https://0177.0.0.1/",
		"https://1.2.3.0x4/",
		"https://[127.0.0.1]/",
		"https://[::1/",
		"https://::1/",
		"https://[fe80::1%25eth0]/",
		"https://[v1.x]/",
		"https://[::1]x/",
		"unix:",
		"unix:relative",
		"unix:/run/x:v1",
		"unix:/run/x:/v1/../y",
	};
	struct arena arena = { 0 };
	struct endpoint e;

	for (size_t i = 0; i < countof(urls); i++)
		if (parse(&arena, urls[i], &e) || !*why)
			check_failed(__FILE__, __LINE__,
			             "%s was accepted, or not explained", urls[i]);
	arena_done(&arena);
}
