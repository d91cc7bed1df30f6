#include "gateway/credential.h"

#include "tests/check.h"

static char body[] = "{\"messages\":[]}";

static void check_lines(const char *file, int line, const struct provider *p, unsigned at,
                        const char *want)
{
	struct buf b = BUF_LIMIT(4 * KiB);
	struct iovec pieces[] = { { body, 4 }, { body + 4, sizeof(body) - 5 } };
	struct credential_request r = {
		.target = STR("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
		              "converse-stream"),
		.content_type = STR("application/json"),
		.body = pieces,
		.pieces = 2,
		.is_whole = true,
		.wall = 1795645800 * USEC_SEC + 999999,
	};

	if (credential_add(&b, p, at, STR("tok"), &r))
		check_failed(file, line, "refused");
	check_str(file, line, "the lines", buf_str(&b), str_from_z(want));
	buf_free(&b);
}
#define CHECK_LINES(p, at, want) check_lines(__FILE__, __LINE__, p, at, want)

TEST(credential_keys_travel_in_their_header)
{
	struct secret keys[] = { { STR("k0") }, { STR("k1") } };
	struct provider p = { .keys = keys, .key_count = 2 };

	CHECK_LINES(&p, 0, "");
	p.auth = AUTH_BEARER;
	CHECK_LINES(&p, 0, "authorization: Bearer k0\r\n");
	CHECK_LINES(&p, 1, "authorization: Bearer k1\r\n");
	CHECK_LINES(&p, 7, "authorization: Bearer k1\r\n");
	p.auth = AUTH_API_KEY;
	CHECK_LINES(&p, 0, "api-key: k0\r\n");
	p.auth = AUTH_X_API_KEY;
	CHECK_LINES(&p, 0, "x-api-key: k0\r\n");
	p.auth = AUTH_X_GOOG_API_KEY;
	CHECK_LINES(&p, 0, "x-goog-api-key: k0\r\n");
	p.key_count = 0;
	CHECK_LINES(&p, 0, "");
	p.auth = AUTH_SERVICE_ACCOUNT;
	CHECK_LINES(&p, 0, "authorization: Bearer tok\r\n");
}

/* The value was computed with Python's hmac and hashlib. */
TEST(credential_signs_the_request_as_sent)
{
	struct provider p = {
		.auth = AUTH_SIGV4,
		.region = STR("us-east-1"),
		.authority = STR("bedrock-runtime.us-east-1.amazonaws.com"),
		.aws = { .access_key = STR("AKIDEXAMPLE"),
		         .secret_key = { STR(
		                 "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") },
		         .service = STR("bedrock") },
	};
	struct buf b = BUF_LIMIT(4 * KiB);

	CHECK_LINES(
	        &p, 0,
	        "x-amz-date: 20261125T223000Z\r\n"
	        "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
	        "us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
	        "x-amz-date, "
	        "Signature="
	        "6ace03723410418f527d9c97b149b90c8bde074aad3adb00e8bedc9a915bccd6\r\n");
	struct credential_request streamed = { .target = STR("/") };
	CHECK(credential_add(&b, &p, 0, STR_NONE, &streamed) == FAULT_CANNOT_SIGN);
	CHECK_INT(b.len, 0);
	p.aws.session_token = (struct secret){ STR("session") };
	streamed.is_whole = true;
	CHECK(!credential_add(&b, &p, 0, STR_NONE, &streamed));
	CHECK(str_has(buf_str(&b), STR("\r\nx-amz-security-token: session\r\n")));
	CHECK(str_has(buf_str(&b), STR("host;x-amz-date;x-amz-security-token, ")));
	CHECK(!str_has(buf_str(&b), STR("wJalr")));
	buf_free(&b);
}
