#include "gateway/token.h"

#include "tests/check.h"
#include "tests/unit/codec/rsa.h"

static struct token_answer read_answer(const struct service_account *of, int status,
                                       const char *body, struct arena *keep)
{
	struct token_answer a;

	token_read_answer(of, status, str_from_z(body), keep, &a);
	return a;
}

TEST(token_answers_are_tokens_or_reasons)
{
	static const struct {
		int status;
		const char *body, *token, *why;
		int64_t seconds;
	} rows[] = {
		{ 200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599}", "ya29.x", "",
		  3599 },
		{ 200, "{\"access_token\":\"ya29.\\u0078\"}", "ya29.x", "", 3600 },
		{ 200, "{\"access_token\":\"t\",\"expires_in\":0}", "t", "", 10 },
		{ 200, "{\"access_token\":\"t\",\"expires_in\":9999999999}", "t", "",
		  86400 },
		{ 200, "{\"access_token\":\"t\",\"expires_in\":-5}", "t", "", 3600 },
		{ 200, "{\"access_token\":\"a b\"}", "",
		  "there is no access token in the answer", 0 },
		{ 200, "{\"access_token\":\"a\\r\\nx: y\"}", "",
		  "there is no access token in the answer", 0 },
		{ 200, "{\"access_token\":7}", "",
		  "there is no access token in the answer", 0 },
		{ 200, "<html>", "", "there is no access token in the answer", 0 },
		{ 200, "[1]", "", "there is no access token in the answer", 0 },
		{ 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"Bad "
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa one\"}",
		  "", "HTTP 400 invalid_grant Bad ... one", 0 },
		{ 500, "oh", "", "HTTP 500", 0 },
		{ 403, "{\"error\":{\"code\":403}}", "", "HTTP 403", 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct arena keep = { 0 };
		struct service_account robot = { 0 };
		struct token_answer a =
		        read_answer(&robot, rows[i].status, rows[i].body, &keep);

		CHECK_STR_EQ(a.token, str_from_z(rows[i].token));
		CHECK_STR_EQ(a.why, str_from_z(rows[i].why));
		CHECK_INT(a.life, rows[i].seconds * USEC_SEC);
		arena_done(&keep);
	}
}

TEST(what_is_said_of_a_persons_secrets_is_hidden)
{
	static const char *const rows[][2] = {
		{ "{\"error\":\"invalid_client\",\"error_description\":"
		  "\"bad secret GOCSPX-abcdefghijklmnopqrstuvwxyz01 given\"}",
		  "HTTP 401 invalid_client bad secret "
		  "*********************************** given" },
		{ "{\"error\":\"GOCSPX-abcdefghijklmnopqrstuvwxyz0\\u0031\"}",
		  "HTTP 401 ***********************************" },
		{ "{\"error_description\":\"1//refresh and 1%2F%2Frefresh and "
		  "1\\/\\/refresh\"}",
		  "HTTP 401 ********** and ************** and **********" },
		{ "{\"error_description\":\"................................"
		  "................................................................"
		  "........................................................ ......... "
		  ".................................. GOCSPX-abcdefghijklmnopqrstuvwxyz01"
		  "\"}",
		  "HTTP 401 ... ......... .................................. **" },
		{ "{\"error\":\"invalid_grant\"}", "HTTP 401 invalid_grant" },
	};
	struct service_account a = {
		.is_user = true,
		.key = { STR("1//refresh") },
		.client_secret = { STR("GOCSPX-abcdefghijklmnopqrstuvwxyz01") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct arena keep = { 0 };

		CHECK_STR_EQ(read_answer(&a, 401, rows[i][0], &keep).why,
		             str_from_z(rows[i][1]));
		arena_done(&keep);
	}
}

TEST(token_question_of_an_account)
{
	struct buf b = BUF_LIMIT(32 * KiB);
	BIO *owner;
	struct service_account a = {
		.email = STR("robot@x"),
		.key_id = STR("k"),
		.key = { test_pem(test_rsa(), &owner) },
		.token_url = STR("https://oauth2.googleapis.com/token"),
		.authority = STR("oauth2.googleapis.com"),
		.path = STR("/token"),
	};

	CHECK(token_write_request(&a, 1700000000 * USEC_SEC, &b));
	CHECK(str_starts(buf_str(&b), STR("POST /token HTTP/1.1\r\n"
	                                  "host: oauth2.googleapis.com\r\n")));
	CHECK(str_has(buf_str(&b),
	              STR("\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%"
	                  "3Ajwt-bearer&assertion=eyJ")));
	/* {"iss":"robot@x","sub":"robot@x","scope... */
	CHECK(str_has(buf_str(&b),
	              STR(".eyJpc3MiOiJyb2JvdEB4Iiwic3ViIjoicm9ib3RAeCIsInNjb3BlIjoi")));
	buf_clear(&b);
	a.key = (struct secret){ STR("none") };
	CHECK(!token_write_request(&a, 1700000000 * USEC_SEC, &b));
	BIO_free(owner);
	buf_free(&b);
}

TEST(token_question_of_a_person)
{
	struct buf b = BUF_LIMIT(32 * KiB);
	struct service_account a = {
		.is_user = true,
		.email = STR("id"),
		.key = { STR("1//r&t") },
		.client_secret = { STR("s=c") },
		.authority = STR("h"),
	};

	CHECK(token_write_request(&a, 0, &b));
	CHECK(str_starts(buf_str(&b), STR("POST / HTTP/1.1\r\nhost: h\r\n")));
	CHECK(str_has(buf_str(&b), STR("content-length: 84\r\n")));
	CHECK(str_ends(buf_str(&b),
	               STR("\r\n\r\ngrant_type=refresh_token&client_id=id&client_secret="
	                   "s%3Dc&refresh_token=1%2F%2Fr%26t")));
	buf_free(&b);
}
