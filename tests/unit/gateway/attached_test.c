#include "base/buf.h"
#include "gateway/attached.h"
#include "tests/check.h"

#include <stdio.h>

enum { UNBOUNDED = -1 };

static const struct {
	const char *body;
	int pictures;
} rows[] = {
	{ "", 0 },
	{ "{'messages':[{'role':'user','content':'see http://x or an image/png'}]}", 0 },
	/* addresses, however they are written */
	{ "{'url':'https://x/y.png'}", UNBOUNDED },
	{ "{'url':'HTTPS://x/y.png'}", UNBOUNDED },
	{ "{'url':'\\u0068ttps://x/y.png'}", UNBOUNDED },
	{ "{'url':'ht\\u0054p:\\/\\/x/y.png'}", UNBOUNDED },
	{ "{'url':' \\t\\u0000http://x/y.png'}", UNBOUNDED },
	{ "{'url':'ht\\ntp://x/y.png'}", UNBOUNDED },
	{ "{'uri':'gs://x/y.png'}", UNBOUNDED },
	{ "{'uri':'S3://x/y.png'}", UNBOUNDED },
	{ "{'$schema':'http://json-schema.org/draft-07/schema#'}", 0 },
	{ "{'content':'\\n\\nhello'}", 0 },
	{ "{'content':'http is a protocol'}", 0 },
	{ "{'content':'\\\"https://x\\\" is an address'}", 0 },
	/* what providers keep */
	{ "{'file_id':'file_1'}", UNBOUNDED },
	{ "{'f\\u0069le_id' : 'file_1'}", UNBOUNDED },
	{ "{'fileData':{'fileUri':'files/1'}}", UNBOUNDED },
	{ "{'container':'c'}", UNBOUNDED },
	{ "{'cachedContent':'cachedContents/1'}", UNBOUNDED },
	{ "{'cached_content':'cachedContents/1'}", UNBOUNDED },
	{ "{'input':[{'type':'item_reference','id':'msg_1'}]}", UNBOUNDED },
	{ "{'required':['file_id','container']}", 0 },
	/* documents, films, sounds */
	{ "{'type':'document','source':{'type':'base64','data':'JVBERi0='}}", UNBOUNDED },
	{ "{'document':{'format':'pdf','name':'n','source':{'bytes':'JVBE'}}}",
	  UNBOUNDED },
	{ "{\n 'document' :\r\n {\n\t'format' : 'pdf',\n 'name':'n'}}", UNBOUNDED },
	{ "{'type' :\n 'document'}", UNBOUNDED },
	{ "{'video':{'format':'mp4','source':{'bytes':'AAAA'}}}", UNBOUNDED },
	{ "{'type':'input_file','filename':'a.pdf'}", UNBOUNDED },
	{ "{'type':'input_audio','input_audio':{'data':'UklG','format':'wav'}}",
	  UNBOUNDED },
	{ "{'url':'data:application/pdf;base64,JVBE'}", UNBOUNDED },
	{ "{'url':'DATA:video/mp4;base64,AAAA'}", UNBOUNDED },
	{ "{'url':'data:;base64,AAAA'}", UNBOUNDED },
	{ "{'inlineData':{'mimeType':'video/mp4','data':'AAAA'}}", UNBOUNDED },
	{ "{'content':'data: {1}'}", 0 },
	{ "{'properties':{'document':{'type':'string'},'image':{'type':'string'}}}", 0 },
	/* pictures: one in each */
	{ "{'type':'image_url','image_url':{'url':'data:image/png;base64,iVBO'}}", 1 },
	{ "{'type':'image_url','image_url':'d\\u0061ta:IMAGE\\/png;base64,iVBO'}", 1 },
	{ "{'type':'input_image','image_url':'data:image/png;base64,iVBO'}", 1 },
	{ "{'type':'image','source':{'type':'base64','media_type':'image/png'}}", 1 },
	{ "{'type':'image','source':{'type':'base64','data':'iVBO'}}", 1 },
	{ "{'inlineData':{'mimeType':'image/png','data':'iVBO'}}", 1 },
	{ "{'inline_data':{'mime_type':'image/png','data':'iVBO'}}", 1 },
	{ "{ 'image' : { 'format' : 'png', 'source':{'bytes':'iVBO'}}}", 1 },
	{ "{'image':{'source':{'bytes':'iVBO'}}}", 1 },
	{ "[{'type':'image','source':{'media_type':'image/png'}},"
	  "{'type':'image','source':{'media_type':'image/jpeg'}}]",
	  2 },
};

TEST(attached_is_what_bytes_do_not_tell_of)
{
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf body = BUF_LIMIT(KiB);
		struct attached got;

		for (const char *c = rows[i].body; *c; c++)
			buf_add_char(&body, *c == '\'' ? (char)'"' : *c);
		attached_find(buf_str(&body), &got);
		if (!CHECK_INT(got.is_unbounded ? UNBOUNDED : (int)got.pictures,
		               rows[i].pictures))
			printf("in %s\n", rows[i].body);
		buf_free(&body);
	}
}

TEST(attached_reads_nothing_behind_the_end)
{
	str body = STR("{\"url\":\"\\u0068ttps://x\",\"image\" : { \"source\"");

	for (size_t len = 0; len <= body.len; len++) {
		struct buf cut = BUF_LIMIT(KiB);
		struct attached got;

		buf_add(&cut, str_first(body, len));
		attached_find(buf_str(&cut), &got);
		CHECK(!got.is_unbounded || len > 15);
		buf_free(&cut);
	}
}

/* One of the first characters of a word written in another way. */
enum { FIRST_LETTERS = 5 };
enum { AS_CAPITAL, AS_ESCAPE, BEHIND_BLANK, WAYS };

static void add_word(struct buf *body, str word, size_t at, int way)
{
	buf_add(body, STR("{\"url\":\""));
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];

		if (i == at && way == BEHIND_BLANK)
			buf_add(body, STR("\\n"));
		if (i == at && way == AS_ESCAPE)
			buf_addf(body, "\\u%04x", (unsigned)c);
		else if (i == at && way == AS_CAPITAL && c >= 'a' && c <= 'z')
			buf_add_char(body, (char)(c - 'a' + 'A'));
		else
			buf_add_char(body, c);
	}
	buf_add(body, STR("\"}"));
}

TEST(attached_knows_a_word_however_each_of_its_letters_is_written)
{
	static const str words[] = { STR_INIT("http://x/"), STR_INIT("gs://x/y"),
		                     STR_INIT("s3://x/y"),
		                     STR_INIT("data:application/pdf;base64,") };

	for (size_t i = 0; i < countof(words); i++)
		for (size_t at = 0; at < FIRST_LETTERS; at++)
			for (int way = 0; way < WAYS; way++) {
				struct buf body = BUF_LIMIT(KiB);
				struct attached got;

				add_word(&body, words[i], at, way);
				attached_find(buf_str(&body), &got);
				if (!CHECK(got.is_unbounded))
					printf("in %s\n", buf_z(&body));
				buf_free(&body);
			}
}
