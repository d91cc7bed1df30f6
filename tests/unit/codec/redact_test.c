#include "codec/redact.h"
#include "tests/check.h"

enum { ALL = REDACT_EMAIL | REDACT_PHONE | REDACT_CARD | REDACT_IBAN | REDACT_SECRET };

static void check_one(unsigned classes, const char *text, const char *want)
{
	struct buf to = BUF_LIMIT(MiB), why = BUF_LIMIT(KiB);
	struct redact *r = redact_new(classes, NULL, &why);

	if (CHECK(r) && CHECK(redact_text(r, str_from_z(text), &to, NULL)))
		CHECK_STR_EQ(buf_str(&to), str_from_z(want));
	redact_free(&r);
	buf_free(&to);
	buf_free(&why);
}

TEST(finds_are_named_and_the_rest_stays)
{
	static const struct {
		unsigned classes;
		const char *text, *want;
	} rows[] = {
		{ ALL, "", "" },
		{ ALL, "nothing to see", "nothing to see" },
		{ REDACT_EMAIL, "mail fred@example.com now", "mail [email] now" },
		{ REDACT_EMAIL, "a.b+c@x-y.co.uk.", "[email]." },
		{ REDACT_EMAIL, "{\"m\":\"Hi\\nfred@example.com\\nbye\"}",
		  "{\"m\":\"Hi\\n[email]\\nbye\"}" },
		{ REDACT_EMAIL, "a@b and @you and x@y.", "a@b and @you and x@y." },
		{ REDACT_EMAIL, "one@a.org,two@b.org", "[email],[email]" },
		{ REDACT_CARD, "card 4111 1111 1111 1111.", "card [card]." },
		{ REDACT_CARD, "5500-0000-0000-0004", "[card]" },
		{ REDACT_CARD, "378282246310005", "[card]" },
		{ REDACT_CARD, "4111111111111112", "4111111111111112" }, /* Luhn */
		{ REDACT_CARD, "0000000000000000", "0000000000000000" },
		{ REDACT_CARD, "x4111111111111111", "x4111111111111111" },
		{ REDACT_CARD, "41111111111111111111111", "41111111111111111111111" },
		{ REDACT_CARD, "\"created\":1700000000", "\"created\":1700000000" },
		{ REDACT_IBAN, "to DE89 3704 0044 0532 0130 00 please",
		  "to [iban] please" },
		{ REDACT_IBAN, "GB82WEST12345698765432", "[iban]" },
		{ REDACT_IBAN, "DE88370400440532013000", "DE88370400440532013000" },
		{ REDACT_PHONE, "call +49 30 901820-12!", "call [phone]!" },
		{ REDACT_PHONE, "(030) 90 18 20", "[phone]" },
		{ REDACT_PHONE, "030/901820", "[phone]" },
		{ REDACT_PHONE, "in 20250101 or 1700000000",
		  "in 20250101 or 1700000000" },
		{ REDACT_SECRET, "use sk-abcdefghijklmnopqrstu", "use [secret]" },
		{ REDACT_SECRET, "task-abcdefghijklmnopqrstuvw",
		  "task-abcdefghijklmnopqrstuvw" },
		{ REDACT_SECRET, "AKIAIOSFODNN7EXAMPLE", "[secret]" },
		{ REDACT_SECRET, "Authorization: Bearer abc.def-123",
		  "Authorization: Bearer [secret]" },
		{ REDACT_SECRET, "{\"password\": \"a \\\"b\\\" c\", \"x\":1}",
		  "{\"password\": \"[secret]\", \"x\":1}" },
		{ REDACT_SECRET, "\"{\\\"token\\\": \\\"xyz\\\", \\\"n\\\":2}\"",
		  "\"{\\\"token\\\": \\\"[secret]\\\", \\\"n\\\":2}\"" },
		{ REDACT_SECRET,
		  "a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE "
		  "KEY----- b",
		  "a [secret] b" },
		{ REDACT_SECRET, "x -----BEGIN PRIVATE KEY-----\nMII", "x [secret]" },
		{ REDACT_SECRET, "-----BEGIN CERTIFICATE-----\nMII",
		  "-----BEGIN CERTIFICATE-----\nMII" },
		{ ALL, "@", "@" },
		{ ALL, "+", "+" },
		{ ALL, "\"", "\"" },
		{ ALL, "DE8", "DE8" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		check_one(rows[i].classes, rows[i].text, rows[i].want);
}

TEST(patterns_of_ones_own)
{
	const char *patterns[] = { "ACME-[0-9]{4}", "x*", "^start", NULL };
	struct buf to = BUF_LIMIT(KiB), why = BUF_LIMIT(KiB);
	struct redact *r = redact_new(REDACT_EMAIL, patterns, &why);
	unsigned count = 0;

	if (!CHECK(r))
		return;
	CHECK(redact_text(r, STR("start ACME-1234 b@c.de ACME-12 xx\nstart"), &to,
	                  &count));
	CHECK_STR(buf_str(&to),
	          "[redacted] [redacted] [email] ACME-12 [redacted]\n[redacted]");
	CHECK_INT(count, 5);
	redact_free(&r);
	patterns[1] = "a(b";
	CHECK(!redact_new(0, patterns, &why));
	CHECK(str_has(buf_str(&why), STR("a(b")));
	buf_free(&to);
	buf_free(&why);
}

TEST(no_more_is_written_than_there_is_room)
{
	struct buf to = BUF_LIMIT(8), why = BUF_LIMIT(KiB);
	struct redact *r = redact_new(REDACT_EMAIL, NULL, &why);

	CHECK(!redact_text(r, STR("longer than eight"), &to, NULL));
	redact_free(&r);
	buf_free(&to);
	buf_free(&why);
}

/* What is said letter by letter is found all the same. */
TEST(finds_in_a_stream_cross_its_events)
{
	static const char said[] = "pay 4111 1111 1111 1111 by fred@example.com, ok";
	struct buf text = BUF_LIMIT(MiB), to = BUF_LIMIT(MiB), why = BUF_LIMIT(KiB);
	struct redact *r = redact_new(ALL, NULL, &why);

	for (size_t step = 1; step < 8; step++) {
		unsigned count = 0;

		buf_clear(&text);
		buf_clear(&to);
		for (size_t i = 0; i < sizeof(said) - 1; i += step)
			buf_addf(
			        &text,
			        "data: {\"choices\":[{\"delta\":{\"content\":\"%.*s\"}}]}"
			        "\n\n",
			        (int)min_of(step, sizeof(said) - 1 - i), said + i);
		buf_add(&text, STR("data: [DONE]\n\n"));
		CHECK(redact_stream(r, buf_str(&text), &to, &count));
		CHECK_INT(count, 2);
		CHECK(str_has(buf_str(&to), STR("[card]")));
		CHECK(str_has(buf_str(&to), STR("[email]")));
		/* Neither the digits nor the name are left, in whatever pieces. */
		str rest = buf_str(&to);
		while (rest.len) {
			str line = str_cut(&rest, '\n');

			CHECK(!str_has(line, STR("1")) && !str_has(line, STR("x")));
		}
	}
	redact_free(&r);
	buf_free(&text);
	buf_free(&to);
	buf_free(&why);
}
