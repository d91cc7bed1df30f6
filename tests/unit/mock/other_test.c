#include "codec/text.h"
#include "tests/unit/mock/talk.h"

#include <math.h>
#include <zlib.h>

enum { DIMENSIONS = 256 };

/* The vector of a text, through base64. */
static void embed(struct talk *t, const char *text, float *ret)
{
	char ask[500], room[4 * DIMENSIONS * 2];
	str bytes;

	snprintf(ask, sizeof(ask),
	         "{\"model\":\"embed\",\"encoding_format\":\"base64\",\"input\":\"%s\"}",
	         text);
	talk_post(t, "/v1/embeddings", ask);
	CHECK(base64_decode(talk_first(t, "data", "embedding"), room, &bytes));
	if (CHECK_INT(bytes.len, 4 * DIMENSIONS))
		memcpy(ret, bytes.ptr, bytes.len);
}

static double product(const float *a, const float *b)
{
	double sum = 0;

	for (int i = 0; i < DIMENSIONS; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

TEST(mock_embeddings_are_unit_vectors_of_words)
{
	float a[DIMENSIONS], b[DIMENSIONS], c[DIMENSIONS];
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	embed(&t, "the quick brown fox", a);
	embed(&t, "the quick brown dog", b);
	embed(&t, "nothing in common here", c);
	CHECK(fabs(product(a, a) - 1) < 1e-5);
	CHECK(product(a, b) > 0.5 && fabs(product(a, c)) < 0.4);
	embed(&t, "THE quick  brown fox", b);
	CHECK(product(a, b) > 0.9999);

	talk_post(
	        &t, "/v1/embeddings",
	        "{\"model\":\"embed\",\"dimensions\":3,\"input\":[\"a b\",\"c\",\"\"]}");
	CHECK_INT(talk_count(&t, "\"object\":\"embedding\""), 3);
	CHECK_STR(talk_get(&t, "usage.prompt_tokens"), "3");
	str vector = talk_first(&t, "data", "embedding");
	CHECK_INT(str_find(str_from(vector, str_find(vector, ',') + 1), ','),
	          str_find(str_from(vector, str_find(vector, ',') + 1), ','));
	double x = strtod(vector.ptr + 1, NULL);
	CHECK(x >= -1 && x <= 1);

	talk_post(&t, "/v1/embeddings", "{\"model\":\"embed\",\"input\":[1,2,3]}");
	CHECK_INT(talk_count(&t, "\"object\":\"embedding\""), 1);
	CHECK_STR(talk_get(&t, "usage.prompt_tokens"), "3");
	talk_post(&t, "/v1/embeddings", "{\"model\":\"embed\",\"input\":[[1,2],[3]]}");
	CHECK_INT(talk_count(&t, "\"object\":\"embedding\""), 2);
	talk_end(&t);
}

TEST(mock_moderates_by_name)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, "/v1/moderations",
	          "{\"model\":\"moderation\",\"input\":[\"some violence\",\"peace\"]}");
	CHECK_STR(talk_first(&t, "results", "flagged"), "true");
	CHECK_STR(talk_first(&t, "results", "categories.violence"), "true");
	CHECK_STR(talk_first(&t, "results", "categories.hate"), "false");
	CHECK_INT(talk_count(&t, "\"flagged\":false"), 1);
	talk_end(&t);
}

TEST(mock_ranks_by_shared_words)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, "/v1/rerank",
	          "{\"model\":\"rerank\",\"query\":\"red "
	          "apple\",\"top_n\":2,\"documents\":["
	          "\"a blue car\",{\"text\":\"the red Apple\"},\"a red car\"]}");
	CHECK_STR(talk_first(&t, "results", "index"), "1");
	CHECK_STR(talk_first(&t, "results", "relevance_score"), "1.0000");
	CHECK_INT(talk_count(&t, "\"index\":2"), 1);
	CHECK_INT(talk_count(&t, "\"index\""), 2);
	talk_end(&t);
}

static uint32_t read_u32(const char *at)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

TEST(mock_images_are_png)
{
	char room[1000], pixel[16];
	uLongf size = sizeof(pixel);
	struct talk t;
	str png;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, "/v1/images/generations",
	          "{\"model\":\"image\",\"prompt\":\"a cat\",\"n\":2}");
	CHECK_INT(talk_count(&t, "b64_json"), 2);
	CHECK(base64_decode(talk_first(&t, "data", "b64_json"), room, &png));
	CHECK(str_starts(png, STR("\x89PNG\r\n\x1a\n")));
	for (size_t at = 8; at + 12 <= png.len;) {
		uint32_t len = read_u32(png.ptr + at);

		CHECK(at + 12 + len <= png.len);
		CHECK_INT(crc32(0, (const Bytef *)png.ptr + at + 4, len + 4),
		          read_u32(png.ptr + at + 8 + len));
		if (memcmp(png.ptr + at + 4, "IDAT", 4) == 0)
			CHECK_INT(uncompress((Bytef *)pixel, &size,
			                     (const Bytef *)png.ptr + at + 8, len),
			          Z_OK);
		at += 12 + len;
	}
	CHECK_INT(size, 4);
	talk_post(&t, "/v1/images/generations",
	          "{\"model\":\"image\",\"prompt\":\"a\",\"response_format\":\"url\"}");
	CHECK(str_starts(talk_first(&t, "data", "url"), STR("data:image/png;base64,")));
	talk_post(&t, "/v1/images/generations",
	          "{\"model\":\"image\",\"prompt\":\"a\",\"stream\":true}");
	CHECK(t.heard.is_whole && talk_count(&t, "image_generation.completed\"") == 1);
	talk_end(&t);
}

TEST(mock_speech_is_a_wav_file)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, "/v1/audio/speech",
	          "{\"model\":\"speech\",\"input\":\"two words\",\"voice\":\"any\"}");
	CHECK_STR(talk_header(&t, "content-type"), "audio/wav");
	CHECK_INT(t.heard.body.len, 44 + 2 * 2 * 2000);
	CHECK(str_starts(t.heard.body, STR("RIFF")));
	CHECK_STR(str_first(str_from(t.heard.body, 8), 8), "WAVEfmt ");
	CHECK(t.heard.is_whole);
	talk_post(&t, "/v1/audio/speech",
	          "{\"model\":\"speech\",\"input\":\"a\",\"stream_format\":\"sse\"}");
	CHECK(t.heard.is_whole && talk_count(&t, "speech.audio.done") == 1);
	talk_end(&t);
}

/* A form of parts "name=value|..."; the content type names its boundary. */
static void post_form(struct talk *t, const char *path, const char *parts)
{
	struct buf b = BUF_LIMIT(10000);
	str rest = str_from_z(parts);

	while (rest.len) {
		str value = str_cut(&rest, '|'), name = str_cut(&value, '=');

		buf_addf(&b,
		         "--xyz\r\nContent-Disposition: form-data; name=\"%.*s\"\r\n\r\n"
		         "%.*s\r\n",
		         STR_ARG(name), STR_ARG(value));
	}
	buf_add(&b, STR("--xyz--\r\n"));
	talk_with(t, "POST", path, "content-type: multipart/form-data; boundary=xyz\r\n",
	          buf_str(&b));
	buf_free(&b);
}

TEST(mock_takes_uploads)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	post_form(&t, "/v1/audio/transcriptions", "file=12345|model=transcribe");
	CHECK_STR(talk_get(&t, "text"), "You sent 5 bytes of sound.");
	post_form(&t, "/v1/audio/translations",
	          "model=transcribe|response_format=text|file=123");
	CHECK_STR(t.heard.body, "You sent 3 bytes of sound.\n");
	post_form(&t, "/v1/audio/transcriptions", "model=transcribe|stream=true|file=1");
	CHECK_INT(talk_count(&t, "transcript.text.delta"), 6);
	CHECK(t.heard.is_whole);
	post_form(&t, "/v1/images/edits", "model=image|prompt=blue|image[]=png|n=2");
	CHECK_INT(talk_count(&t, "b64_json"), 2);
	post_form(&t, "/v1/images/variations", "image=png|model=image");
	CHECK_INT(talk_count(&t, "b64_json"), 1);
	post_form(&t, "/v1/images/edits", "model=image|prompt=blue");
	CHECK_INT(t.heard.status, 400);
	CHECK_STR(talk_get(&t, "error.param"), "image");
	post_form(&t, "/v1/audio/transcriptions", "model=transcribe|file=");
	CHECK_INT(t.heard.status, 400);
	post_form(&t, "/v1/audio/transcriptions", "file=1");
	CHECK_STR(talk_get(&t, "error.param"), "model");
	talk_end(&t);
}
