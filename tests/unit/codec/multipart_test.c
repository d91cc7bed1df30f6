#include "base/buf.h"
#include "codec/multipart.h"
#include "tests/check.h"

#include <stdlib.h>

TEST(multipart_boundary_is_found)
{
	static const struct {
		str type, want;
	} types[] = {
		{ STR_INIT("multipart/form-data; boundary=abc"), STR_INIT("abc") },
		{ STR_INIT("Multipart/Form-Data;BOUNDARY=abc"), STR_INIT("abc") },
		{ STR_INIT("multipart/form-data; boundary=\"a b:c\""),
		  STR_INIT("a b:c") },
		{ STR_INIT("multipart/form-data; charset=utf-8; boundary=----x==; a=b"),
		  STR_INIT("----x==") },
		{ STR_INIT("multipart/form-data ; boundary = abc ; "), STR_INIT("abc") },
		{ STR_INIT("multipart/form-data; boundary='()+_,-./:=?"),
		  STR_INIT("'()+_,-./:=?") },
		{ STR_INIT("multipart/form-data; boundary="
		           "1234567890123456789012345678901234567890123456789012345678901"
		           "234567890"),
		  STR_INIT("1234567890123456789012345678901234567890123456789012345678901"
		           "234567890") },
	};

	for (size_t i = 0; i < countof(types); i++) {
		str got = STR("");

		CHECK(multipart_boundary(types[i].type, &got));
		CHECK_STR_EQ(got, types[i].want);
	}
}

TEST(multipart_boundary_is_refused)
{
	static const str types[] = {
		STR_INIT(""),
		STR_INIT("application/json"),
		STR_INIT("multipart/mixed; boundary=abc"),
		STR_INIT("multipart/form-data"),
		STR_INIT("multipart/form-data; boundary"),
		STR_INIT("multipart/form-data; boundary="),
		STR_INIT("multipart/form-data; boundary=\"\""),
		STR_INIT("multipart/form-data; boundary=\"abc"),
		STR_INIT("multipart/form-data; boundary=\"abc\"x"),
		STR_INIT("multipart/form-data; boundary=\"abc \""),
		STR_INIT("multipart/form-data; boundary=\"a\\bc\""),
		STR_INIT("multipart/form-data; boundary=a*c"),
		STR_INIT("multipart/form-data; boundary=a\"c"),
		STR_INIT("multipart/form-data; boundary=a\0c"),
		STR_INIT("multipart/form-data; boundary=abc; boundary=abc"),
		STR_INIT("multipart/form-data; boundary=abc; junk"),
		STR_INIT("multipart/form-data; boundary=abc; boundary*=utf-8''xyz"),
		STR_INIT(
		        "multipart/form-data; Boundary*0=x; Boundary*1=yz; boundary=abc"),
		STR_INIT("multipart/form-data; boundary="
		         "123456789012345678901234567890123456789012345678901234567890123"
		         "45678901"),
	};

	for (size_t i = 0; i < countof(types); i++) {
		str got = STR("untouched");

		if (!CHECK(!multipart_boundary(types[i], &got)))
			check_failed(__FILE__, __LINE__, "%.*s", STR_ARG(types[i]));
		CHECK_STR(got, "untouched");
	}
}

#define PART(headers, content) "--B\r\n" headers "\r\n\r\n" content "\r\n"
#define FIELD(name, content)                                                             \
	PART("Content-Disposition: form-data; name=\"" name "\"", content)
#define FILE_PART                                                                        \
	PART("Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"     \
	     "Content-Type: audio/wav",                                                  \
	     "\0\xff--B\r\r\n-B\r\n--A")
#define END "--B--\r\n"

static const struct {
	enum multipart_result want;
	str body, value;
} bodies[] = {
	{ MULTIPART_FOUND, STR_INIT(FIELD("model", "gpt") END), STR_INIT("gpt") },
	{ MULTIPART_FOUND, STR_INIT(FILE_PART FIELD("model", "gpt") END),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND, STR_INIT(FIELD("model", "gpt") FILE_PART END),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND, STR_INIT(FIELD("model", "") END), STR_INIT("") },
	{ MULTIPART_FOUND, STR_INIT(FIELD("model", "a\r\n\r\nb\n") END),
	  STR_INIT("a\r\n\r\nb\n") },
	{ MULTIPART_FOUND, STR_INIT("preamble\r\n" FIELD("model", "gpt") END),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND, STR_INIT("\r\n" FIELD("model", "gpt") END "epilogue"),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND,
	  STR_INIT("--B \t\r\nContent-Disposition: form-data; "
	           "name=model\r\n\r\ngpt\r\n--B--"),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND,
	  STR_INIT(PART("Content-Type: text/plain\r\ncontent-disposition:FORM-DATA ;NAME "
	                "= model;x=y",
	                "gpt") END),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND,
	  STR_INIT(PART("Content-Disposition: form-data; name=\"model\"\r\n"
	                "Content-Transfer-Encoding: 8bit",
	                "gpt") END),
	  STR_INIT("gpt") },
	{ MULTIPART_FOUND,
	  STR_INIT(PART(
	          "Content-Disposition: form-data; filename=\"x; name=\\\\\"; name=model",
	          "gpt") END),
	  STR_INIT("gpt") },
	{ MULTIPART_MORE, STR_INIT(FIELD("model", "gpt")), STR_INIT("") },
	{ MULTIPART_MORE, STR_INIT(FILE_PART), STR_INIT("") },
	{ MULTIPART_NONE, STR_INIT(FIELD("modem", "gpt") END), STR_INIT("") },
	{ MULTIPART_NONE, STR_INIT(FILE_PART END), STR_INIT("") },
	{ MULTIPART_NONE, STR_INIT("--B--"), STR_INIT("") },
	{ MULTIPART_NONE,
	  STR_INIT(PART(
	          "Content-Disposition: form-data; name=\"file\"; filename=\"model\"",
	          "x") END),
	  STR_INIT("") },
	{ MULTIPART_NONE, STR_INIT(FIELD("a", "name=\"model\"") END FIELD("model", "x")),
	  STR_INIT("") },
	{ MULTIPART_TWICE, STR_INIT(FIELD("model", "a") FIELD("model", "a")),
	  STR_INIT("") },
	{ MULTIPART_TWICE, STR_INIT(FIELD("model", "a") FILE_PART FIELD("model", "b")),
	  STR_INIT("") },
	/* The same names to some readers, not to others. */
	{ MULTIPART_BAD, STR_INIT(FIELD("model", "a") FIELD("Model", "b")),
	  STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT(FIELD("mo\\del", "a") END), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT(FIELD("x\\\"; name=\\\"model", "a") END),
	  STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT(FIELD("a\"; name=\"model", "a") END), STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: form-data; name=a; name*=UTF-8''model",
	                "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(
	          PART("Content-Disposition: form-data; filename=\"a\\\"; name=\"model\"",
	               "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: form-data; name=a\r\n"
	                "Content-Disposition: form-data; name=model",
	                "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: form-data; name=model\r\n"
	                "Content-Transfer-Encoding: quoted-printable",
	                "=67pt")),
	  STR_INIT("") },
	/* Not well-formed. */
	{ MULTIPART_BAD, STR_INIT(PART("Content-Type: text/plain", "x")), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT(PART("Content-Disposition: form-data", "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: attachment; name=model", "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: form-data; name=\"model", "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition : form-data; name=model", "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT(PART("Content-Disposition: form-data;\r\n name=model", "x")),
	  STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT(PART("junk", "x")), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT("--B\r\n\r\nx\r\n--B\r\n\r\n"), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT("--Bx\r\n"), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT("--B\n"), STR_INIT("") },
	{ MULTIPART_BAD, STR_INIT("x--\n--B\r\n"), STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT("--B\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\nx\r\n--B"),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT("--B\r\nContent-Disposition: form-data; name=model\r\n\r\nx\n--B--"),
	  STR_INIT("") },
	{ MULTIPART_BAD,
	  STR_INIT("--B\r\nContent-Disposition: form-data; name=model\r\n\r\n--B--"),
	  STR_INIT("") },
};

static enum multipart_result find(str body, str *ret)
{
	char *copy = malloc(body.len + 1); /* ASan sees what is read behind it */
	str value = STR("");
	enum multipart_result got;

	memcpy(copy, body.ptr, body.len);
	got = multipart_find(str_of(copy, body.len), STR("B"), STR("model"), &value);
	if (got == MULTIPART_FOUND)
		*ret = str_of(body.ptr + (value.ptr - copy), value.len);
	free(copy);
	return got;
}

TEST(multipart_field_is_found_or_refused)
{
	for (size_t i = 0; i < countof(bodies); i++) {
		str value = STR("");
		enum multipart_result got = find(bodies[i].body, &value);

		if (got != bodies[i].want)
			check_failed(__FILE__, __LINE__, "%d, not %d, for %.*s", got,
			             bodies[i].want, STR_ARG(bodies[i].body));
		CHECK_STR_EQ(value, bodies[i].value);
	}
}

/* While a body comes in the answer is MORE, then what it is in the end; only TWICE and
 * BAD may come after FOUND, from parts behind it. */
TEST(multipart_field_is_the_same_at_every_cut)
{
	for (size_t i = 0; i < countof(bodies); i++) {
		enum multipart_result last = MULTIPART_MORE;

		for (size_t n = 0; n <= bodies[i].body.len; n++) {
			str value = STR("");
			enum multipart_result got =
			        find(str_first(bodies[i].body, n), &value);

			if (got != last)
				CHECK(last == MULTIPART_MORE ||
				      (last == MULTIPART_FOUND && got != MULTIPART_MORE &&
				       got != MULTIPART_NONE));
			if (got == MULTIPART_FOUND && bodies[i].want == MULTIPART_FOUND)
				CHECK_STR_EQ(value, bodies[i].value);
			last = got;
		}
		CHECK_INT(last, bodies[i].want);
	}
}

/* The same, given in pieces of n bytes. */
static enum multipart_result find_in_pieces(str body, size_t n, str *ret)
{
	struct multipart_scan s;
	enum multipart_result got = MULTIPART_MORE;
	str rest = body;

	multipart_begin(&s, STR("B"), STR("model"));
	while (rest.len > 0) {
		str piece = str_take(&rest, n < rest.len ? n : rest.len);
		char *copy = malloc(piece.len); /* ASan sees what is kept of it */

		memcpy(copy, piece.ptr, piece.len);
		got = multipart_next(&s, str_of(copy, piece.len));
		free(copy);
	}
	CHECK_INT(s.taken, body.len);
	if (got == MULTIPART_FOUND)
		*ret = str_of(body.ptr + s.value_at, s.value_len);
	multipart_done(&s);
	return got;
}

TEST(multipart_field_is_the_same_in_pieces)
{
	for (size_t i = 0; i < countof(bodies); i++) {
		for (size_t n = 1; n < bodies[i].body.len; n++) {
			str value = STR("");

			CHECK_INT(find_in_pieces(bodies[i].body, n, &value),
			          bodies[i].want);
			CHECK_STR_EQ(value, bodies[i].value);
		}
	}
}

/* A file as long as n, in which something like a delimiter stands everywhere. */
static void add_file(struct buf *to, size_t n)
{
	buf_add(to, STR("--B\r\nContent-Disposition: form-data; name=file\r\n\r\n"));
	for (size_t i = 0; i < n; i++)
		buf_add(to, i % 7 ? STR("x--B") : STR("\r\n-"));
	buf_add(to, STR("\r\n"));
}

TEST(multipart_second_field_is_found_behind_a_long_file)
{
	static const size_t pieces[] = { 1, 3, 5, 1000, 1024, 4096, 65536, MiB };

	for (size_t i = 0; i < countof(pieces); i++) {
		struct buf b = BUF_LIMIT(MiB);
		str value = STR("");

		buf_add(&b, STR(FIELD("model", "gpt")));
		add_file(&b, 30000);
		size_t before = b.len;
		buf_add(&b, STR(END));
		CHECK_INT(find_in_pieces(buf_str(&b), pieces[i], &value),
		          MULTIPART_FOUND);
		CHECK_STR(value, "gpt");
		b.len = before;
		buf_add(&b, STR(FIELD("model", "dear") END));
		CHECK_INT(find_in_pieces(buf_str(&b), pieces[i], &value),
		          MULTIPART_TWICE);
		buf_free(&b);
	}
}

/* A field behind n parts, or behind a header or a preamble of n bytes. */
static enum multipart_result find_behind(size_t parts, size_t header, size_t preamble)
{
	struct buf b = BUF_LIMIT(MiB);
	str value;
	enum multipart_result got;

	for (size_t i = 0; i < preamble; i++)
		buf_add_char(&b, 'p');
	if (preamble > 0)
		buf_add(&b, STR("\r\n"));
	for (size_t i = 0; i < parts; i++)
		buf_add(&b, STR(FIELD("a", "")));
	buf_add(&b, STR("--B\r\nContent-Disposition: form-data; name=model\r\nX:"));
	for (size_t i =
	             sizeof("Content-Disposition: form-data; name=model\r\nX:\r\n\r\n") -
	             1;
	     i < header; i++)
		buf_add_char(&b, 'h');
	buf_add(&b, STR("\r\n\r\ngpt\r\n--B--"));
	got = find(buf_str(&b), &value);
	for (size_t n = b.len > 200 ? b.len - 200 : 0; n < b.len; n++) {
		enum multipart_result early = find(str_first(buf_str(&b), n), &value);

		CHECK(early == MULTIPART_MORE || early == got);
	}
	for (size_t n = 100; n < 20000; n *= 3)
		CHECK_INT(find_in_pieces(buf_str(&b), n, &value), got);
	buf_free(&b);
	return got;
}

TEST(multipart_has_limits)
{
	CHECK_INT(find_behind(98, 0, 0), MULTIPART_FOUND);
	CHECK_INT(find_behind(99, 0, 0), MULTIPART_FOUND);
	CHECK_INT(find_behind(100, 0, 0), MULTIPART_BAD);
	CHECK_INT(find_behind(0, 16 * KiB - 1, 0), MULTIPART_FOUND);
	CHECK_INT(find_behind(0, 16 * KiB, 0), MULTIPART_FOUND);
	CHECK_INT(find_behind(0, 16 * KiB + 1, 0), MULTIPART_BAD);
	CHECK_INT(find_behind(0, 0, 16 * KiB - 1), MULTIPART_FOUND);
	CHECK_INT(find_behind(0, 0, 16 * KiB), MULTIPART_FOUND);
	CHECK_INT(find_behind(0, 0, 16 * KiB + 1), MULTIPART_BAD);
}

static void check_beside(str body, size_t step, enum multipart_result want, str value,
                         unsigned files)
{
	struct multipart_scan s;
	enum multipart_result got = MULTIPART_MORE;

	multipart_begin(&s, STR("B"), STR("model"));
	s.beside = STR("n");
	for (size_t at = 0; at < body.len; at += step)
		got = multipart_next(&s, str_first(str_from(body, at), step));
	CHECK_INT(got, want);
	CHECK_INT(s.has_beside, value.len > 0 || want == MULTIPART_TWICE);
	CHECK_STR_EQ(str_of(s.beside_value, s.beside_len), value);
	if (want == MULTIPART_FOUND)
		CHECK_INT(s.files, files);
	multipart_done(&s);
}

TEST(multipart_takes_a_short_field_beside)
{
	for (size_t step = 1; step < 100; step++) {
		check_beside(STR(FIELD("n", "4") FIELD("model", "m") FILE_PART END), step,
		             MULTIPART_FOUND, STR("4"), 1);
		check_beside(
		        STR(FILE_PART FIELD("model", "m") FILE_PART FIELD("n", "10") END),
		        step, MULTIPART_FOUND, STR("10"), 2);
		check_beside(STR(FIELD("model", "m") END), step, MULTIPART_FOUND,
		             STR_NONE, 0);
		check_beside(STR(FIELD("n", "4") FIELD("model", "m") FIELD("n", "5") END),
		             step, MULTIPART_TWICE, STR("4"), 0);
		check_beside(STR(FIELD("model", "m") FIELD("N", "4") END), step,
		             MULTIPART_BAD, STR_NONE, 0);
	}
	/* A long one says nothing. */
	struct multipart_scan s;
	multipart_begin(&s, STR("B"), STR("model"));
	s.beside = STR("n");
	CHECK_INT(multipart_next(&s, STR(FIELD("n", "000000000000000000004")
	                                         FIELD("model", "m") END)),
	          MULTIPART_FOUND);
	CHECK(s.has_beside && !s.beside_len);
	multipart_done(&s);
}
