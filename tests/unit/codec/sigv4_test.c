/* The first five are the examples of AWS's own documentation and test suite, the others
 * were computed with a second implementation (Python's hmac and hashlib). */
#include "codec/sigv4.h"

#include "tests/check.h"

#define SECOND ((usec)1000000)

static struct sigv4_request request(const struct sigv4_header *headers, unsigned count)
{
	return (struct sigv4_request){
		.method = STR("GET"),
		.path = STR("/"),
		.headers = headers,
		.header_count = count,
		.region = STR("us-east-1"),
		.service = STR("service"),
		.access_key = STR("AKIDEXAMPLE"),
		.secret = STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
		.wall_now = 1440938160 * SECOND,
	};
}

/* Cut in two: the whole is what is signed. */
static void set_payload(struct sigv4_request *r, struct iovec pieces[2], char *text)
{
	size_t len = strlen(text);

	pieces[0] = (struct iovec){ text, len / 3 };
	pieces[1] = (struct iovec){ text + len / 3, len - len / 3 };
	r->payload = pieces;
	r->payload_count = 2;
}

static void check_signature(const char *file, int line, const struct sigv4_request *r,
                            str want)
{
	struct buf b = BUF_LIMIT(KiB);
	struct sigv4_signature s;

	if (!sigv4_sign(r, &b, &s))
		check_failed(file, line, "not signed");
	check_str(file, line, "the header", buf_str(&b), want);
	buf_free(&b);
}
#define CHECK_SIGNATURE(r, scope, names, signature)                                      \
	check_signature(__FILE__, __LINE__, r,                                           \
	                STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" scope             \
	                    "/aws4_request, SignedHeaders=" names                        \
	                    ", Signature=" signature))

TEST(sigv4_signs_the_documented_example)
{
	static const struct sigv4_header headers[] = {
		{ STR_INIT("Host"), STR_INIT("iam.amazonaws.com") },
		{ STR_INIT("Content-Type"),
		  STR_INIT("application/x-www-form-urlencoded; charset=utf-8") },
	};
	struct sigv4_request r = request(headers, 2);
	struct sigv4_signature s;
	struct buf b = BUF_LIMIT(KiB);

	r.query = STR("Action=ListUsers&Version=2010-05-08");
	r.service = STR("iam");
	CHECK_SIGNATURE(
	        &r, "20150830/us-east-1/iam", "content-type;host;x-amz-date",
	        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
	CHECK(sigv4_sign(&r, &b, &s));
	CHECK_STR(str_from_z(s.date), "20150830T123600Z");
	CHECK_STR(str_from_z(s.content_sha256),
	          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	buf_free(&b);
}

TEST(sigv4_signs_the_test_suite)
{
	static const struct sigv4_header host[] = {
		{ STR_INIT("Host"), STR_INIT("example.amazonaws.com") },
		{ STR_INIT("Content-Type"),
		  STR_INIT("application/x-www-form-urlencoded") },
	};
	static const struct sigv4_header trimmed[] = {
		{ STR_INIT("Host"), STR_INIT("example.amazonaws.com") },
		{ STR_INIT("My-Header2"), STR_INIT("  \"a   b   c\"  ") },
		{ STR_INIT("My-Header1"), STR_INIT("  value1  ") },
	};
	struct sigv4_request r = request(host, 1);
	char text[] = "Param1=value1";
	struct iovec pieces[2];

	CHECK_SIGNATURE(
	        &r, "20150830/us-east-1/service", "host;x-amz-date",
	        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	r.query = STR("Param2=value2&Param1=value1");
	CHECK_SIGNATURE(
	        &r, "20150830/us-east-1/service", "host;x-amz-date",
	        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
	r = request(host, 2);
	r.method = STR("POST");
	set_payload(&r, pieces, text);
	CHECK_SIGNATURE(
	        &r, "20150830/us-east-1/service", "content-type;host;x-amz-date",
	        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
	r = request(trimmed, 3);
	CHECK_SIGNATURE(
	        &r, "20150830/us-east-1/service", "host;my-header1;my-header2;x-amz-date",
	        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST(sigv4_signs_a_call_of_bedrock)
{
	static const struct sigv4_header headers[] = {
		{ STR_INIT("content-type"), STR_INIT("application/json") },
		{ STR_INIT("host"), STR_INIT("bedrock-runtime.us-east-1.amazonaws.com") },
	};
	struct sigv4_request r = request(headers, 2);
	char text[] = "{\"messages\":[]}";
	struct iovec pieces[2];

	r.method = STR("POST");
	r.path = STR("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
	             "converse-stream");
	set_payload(&r, pieces, text);
	r.service = STR("bedrock");
	r.session_token = STR("tok/en+x==");
	r.signs_content = true;
	r.wall_now = 1795645800 * SECOND + 999999;
	CHECK_SIGNATURE(
	        &r, "20261125/us-east-1/bedrock",
	        "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
	        "d711c0323cbdf7810a6150033ea8687c624977d22857a766e75ebf75fe6002eb");
}

TEST(sigv4_encodes_paths_and_sorts_queries)
{
	static const struct sigv4_header host[] = { { STR_INIT("host"), STR_INIT("h") } };
	struct sigv4_request r = request(host, 1);

	r.path = STR("/a%2Fb/~c d");
	r.query = STR("b=2&a=%7e&a-=1&&c&a=1%20x");
	r.region = STR("eu-west-3");
	r.service = STR("bedrock");
	r.wall_now = 0;
	CHECK_SIGNATURE(
	        &r, "19700101/eu-west-3/bedrock", "host;x-amz-date",
	        "b5d32830f829165340d0d1dadd5ca746058968968cbaba910471e3e1b0607920");
}

TEST(sigv4_has_limits)
{
	struct sigv4_header headers[SIGV4_HEADERS_MOST];
	struct sigv4_request r = request(headers, SIGV4_HEADERS_MOST - 1);
	struct sigv4_signature s;
	struct buf b = BUF_LIMIT(KiB), query = BUF_LIMIT(KiB);

	for (unsigned i = 0; i < SIGV4_HEADERS_MOST; i++)
		headers[i] = (struct sigv4_header){ STR("h"), STR("v") };
	CHECK(sigv4_sign(&r, &b, &s));
	r.header_count++;
	CHECK(!sigv4_sign(&r, &b, &s));
	r.header_count = 0;
	r.query = STR("a=%zz");
	CHECK(!sigv4_sign(&r, &b, &s));
	for (unsigned i = 0; i <= SIGV4_QUERY_MOST; i++)
		buf_add(&query, STR("&a=b"));
	r.query = buf_str(&query);
	CHECK(!sigv4_sign(&r, &b, &s));
	r.query = str_from(r.query, 4);
	CHECK(sigv4_sign(&r, &b, &s));
	buf_free(&b);
	b = BUF_LIMIT(100);
	CHECK(!sigv4_sign(&r, &b, &s));
	buf_free(&b);
	buf_free(&query);
}
