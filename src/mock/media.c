/* media.c - pictures and sound of the mock provider, made here byte by byte.
 *
 * A picture is one pixel whose colour is the hash of the prompt; speech is a hum as long
 * as the text; what it hears is how many bytes it was given.  That is enough to see
 * whether binary answers and uploads come through whole. */
#include <zlib.h>

#include "codec/text.h"
#include "mock/call.h"

enum { IMAGES_MOST = 10 };

/* ---- pictures ---- */

static void add_u32(struct buf *to, uint32_t n)
{
	const char bytes[] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8),
		               (char)n };

	buf_add(to, str_of(bytes, sizeof(bytes)));
}

static void add_png_chunk(struct buf *to, str type, str data)
{
	size_t from = to->len + 4;

	add_u32(to, (uint32_t)data.len);
	buf_add(to, type);
	buf_add(to, data);
	add_u32(to, (uint32_t)crc32(0, (const Bytef *)to->ptr + from,
	                            (uInt)(to->len - from)));
}

/* One pixel, RGB, its line in a stored deflate block. */
static void write_png(struct buf *to, uint32_t colour)
{
	const char line[] = { 0, (char)(colour >> 16), (char)(colour >> 8),
		              (char)colour };
	struct buf data = BUF_LIMIT(64);

	buf_add(to, STR("\x89PNG\r\n\x1a\n"));
	add_png_chunk(to, STR("IHDR"), STR("\0\0\0\1\0\0\0\1\x08\2\0\0\0"));
	buf_add(&data, STR("\x78\x01\x01\x04\x00\xfb\xff"));
	buf_add(&data, str_of(line, sizeof(line)));
	add_u32(&data, (uint32_t)adler32(1, (const Bytef *)line, sizeof(line)));
	add_png_chunk(to, STR("IDAT"), buf_str(&data));
	add_png_chunk(to, STR("IEND"), STR_NONE);
	buf_free(&data);
}

/* The picture as base64, kept in the arena. */
static str picture(struct call *c, str prompt, uint64_t n)
{
	struct buf png = BUF_LIMIT(256), text = BUF_LIMIT(512);
	str kept;

	write_png(&png, (uint32_t)(str_hash(prompt) + n * 0x3f1f0f));
	base64_encode(&text, buf_str(&png));
	kept = arena_copy(&c->arena, buf_str(&text));
	buf_free(&png);
	buf_free(&text);
	return kept;
}

static void write_image_usage(struct json_writer *w, uint64_t input, uint64_t output)
{
	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key_int(w, STR("input_tokens"), (int64_t)input);
	json_key_int(w, STR("output_tokens"), (int64_t)output);
	json_key_int(w, STR("total_tokens"), (int64_t)(input + output));
	json_key(w, STR("input_tokens_details"));
	json_open(w, '{');
	json_key_int(w, STR("text_tokens"), (int64_t)input);
	json_key_int(w, STR("image_tokens"), 0);
	json_close(w, '}');
	json_close(w, '}');
}

static void write_images(struct call *c, str prompt, uint64_t n, bool as_url)
{
	struct json_writer w = { .to = &c->out };

	c->given = words_count(prompt);
	c->length = c->pictures = n;
	json_open(&w, '{');
	json_key_int(&w, STR("created"), c->created);
	json_key(&w, STR("data"));
	json_open(&w, '[');
	for (uint64_t i = 0; i < n; i++) {
		str png = picture(c, prompt, i);

		json_open(&w, '{');
		if (as_url)
			json_key_str(&w, STR("url"),
			             arena_printf(&c->arena, "data:image/png;base64,%.*s",
			                          STR_ARG(png)));
		else
			json_key_str(&w, STR("b64_json"), png);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	write_image_usage(&w, words_count(prompt), n);
	json_close(&w, '}');
}

/* The stream has no partial pictures: it ends as it begins. */
static void write_image_event(struct call *c, str prompt)
{
	struct json_writer w = { .to = &c->out };

	c->given = words_count(prompt);
	c->length = c->pictures = 1;
	buf_add(&c->out, STR("event: image_generation.completed\ndata: "));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), STR("image_generation.completed"));
	json_key_str(&w, STR("b64_json"), picture(c, prompt, 0));
	json_key_int(&w, STR("created_at"), c->created);
	write_image_usage(&w, words_count(prompt), 1);
	json_close(&w, '}');
	buf_add(&c->out, STR("\n\n"));
	call_streams(c);
}

refusal_t plan_images(struct call *c)
{
	str prompt = call_text(c, call_get(c, STR("prompt")));
	uint64_t n;

	if (!prompt.len)
		return call_refuse(c, REFUSE_MISSING, STR("prompt"));
	if (!call_count(c, STR("n"), 1, IMAGES_MOST, 1, &n))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("n"));
	if (call_get(c, STR("stream")).type == JSON_TRUE)
		write_image_event(c, prompt);
	else
		write_images(
		        c, prompt, n,
		        json_text_is(call_get(c, STR("response_format")), STR("url")));
	return NULL;
}

refusal_t plan_image_edits(struct call *c)
{
	str image = call_field(c, STR("image")), prompt = call_field(c, STR("prompt"));
	uint64_t n;

	if (!image.len)
		image = call_field(c, STR("image[]"));
	if (!image.len)
		return call_refuse(c, REFUSE_MISSING, STR("image"));
	if (!prompt.len && c->op == OP_IMAGE_EDITS)
		return call_refuse(c, REFUSE_MISSING, STR("prompt"));
	if (!call_count(c, STR("n"), 1, IMAGES_MOST, 1, &n))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("n"));
	write_images(c, prompt, n,
	             str_eq(call_field(c, STR("response_format")), STR("url")));
	return NULL;
}

/* ---- sound ---- */

enum {
	RATE = 8000,             /* samples a second, 16 bit, one channel */
	WORD_SAMPLES = RATE / 4, /* a word lasts a quarter of a second */
	WORDS_MOST = 240,
	HUM = 36, /* samples of one wave: 222 Hz */
};

static void add_le(struct buf *to, uint32_t n, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_add_char(to, (char)(n >> (8 * i)));
}

static void write_wav_head(struct buf *to, uint32_t data_size)
{
	buf_add(to, STR("RIFF"));
	add_le(to, 36 + data_size, 4);
	buf_add(to, STR("WAVEfmt "));
	add_le(to, 16, 4);
	add_le(to, 1, 2); /* PCM */
	add_le(to, 1, 2); /* channels */
	add_le(to, RATE, 4);
	add_le(to, 2 * RATE, 4); /* bytes a second */
	add_le(to, 2, 2);        /* bytes a frame */
	add_le(to, 16, 2);       /* bits a sample */
	buf_add(to, STR("data"));
	add_le(to, data_size, 4);
}

/* A soft triangle that pauses between words. */
static void write_hum(struct buf *to, uint64_t words)
{
	for (uint32_t i = 0; i < words * WORD_SAMPLES; i++) {
		int at = (int)(i % HUM), high = at < HUM / 2 ? at : HUM - at;
		bool is_pause = i % WORD_SAMPLES > WORD_SAMPLES * 3 / 4;

		add_le(to, (uint32_t)(is_pause ? 0 : (high - HUM / 4) * 200), 2);
	}
}

static void write_speech_events(struct call *c, str sound, uint64_t tokens)
{
	struct buf text = BUF_LIMIT(ANSWER_MOST);

	base64_encode(&text, sound);
	buf_clear(&c->out);
	buf_add(&c->out, STR("data: {\"type\":\"speech.audio.delta\",\"audio\":\""));
	buf_add(&c->out, buf_str(&text));
	buf_add(&c->out, STR("\"}\n\n"));
	buf_addf(&c->out,
	         "data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":%llu,"
	         "\"output_tokens\":%llu,\"total_tokens\":%llu}}\n\n",
	         (unsigned long long)tokens, (unsigned long long)tokens,
	         (unsigned long long)tokens * 2);
	buf_free(&text);
	call_streams(c);
}

/* Always WAV, or its samples alone for `pcm`, whatever else was asked for. */
refusal_t plan_speech(struct call *c)
{
	str input = call_text(c, call_get(c, STR("input")));
	bool is_bare = json_text_is(call_get(c, STR("response_format")), STR("pcm"));
	uint64_t tokens = words_count(input),
	         words = min_of(tokens, (uint64_t)WORDS_MOST);

	if (!input.len)
		return call_refuse(c, REFUSE_MISSING, STR("input"));
	if (!is_bare)
		write_wav_head(&c->out, (uint32_t)(words * WORD_SAMPLES * 2));
	write_hum(&c->out, words);
	c->type = is_bare ? STR("audio/pcm") : STR("audio/wav");
	if (json_text_is(call_get(c, STR("stream_format")), STR("sse"))) {
		str sound = arena_copy(&c->arena, buf_str(&c->out));

		write_speech_events(c, sound, tokens);
	}
	return NULL;
}

/* ---- what it hears ---- */

static const struct {
	str format;
	const char *before, *after; /* around the text */
	str type;
} hearings[] = {
	{ STR_INIT("text"), "", "\n", STR_INIT("text/plain; charset=utf-8") },
	{ STR_INIT("srt"), "1\n00:00:00,000 --> 00:00:01,000\n", "\n\n",
	  STR_INIT("text/plain; charset=utf-8") },
	{ STR_INIT("vtt"), "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n", "\n",
	  STR_INIT("text/plain; charset=utf-8") },
	{ STR_INIT("verbose_json"),
	  "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":1.0,\"text\":"
	  "\"",
	  "\",\"segments\":[],\"usage\":{\"type\":\"duration\",\"seconds\":1}}",
	  STR_INIT("application/json") },
	{ STR_INIT("json"), "{\"text\":\"",
	  "\",\"usage\":{\"type\":\"duration\",\"seconds\":1}}",
	  STR_INIT("application/json") },
};

static void write_hearing_events(struct call *c, str text)
{
	str rest = text, token;

	while (words_next(&rest, &token))
		buf_addf(&c->out,
		         "data: "
		         "{\"type\":\"transcript.text.delta\",\"delta\":\"%.*s\"}\n\n",
		         STR_ARG(token));
	buf_addf(&c->out,
	         "data: {\"type\":\"transcript.text.done\",\"text\":\"%.*s\",\"usage\":"
	         "{\"type\":\"duration\",\"seconds\":1}}\n\n",
	         STR_ARG(text));
	call_streams(c);
}

refusal_t plan_transcriptions(struct call *c)
{
	str file = call_field(c, STR("file"));
	str format = call_field(c, STR("response_format"));
	size_t row = countof(hearings) - 1;
	str text;

	if (!file.len)
		return call_refuse(c, REFUSE_MISSING, STR("file"));
	for (size_t i = 0; i < countof(hearings); i++) {
		if (str_eq(format, hearings[i].format))
			row = i;
	}
	/* Nothing in it needs an escape. */
	text = arena_printf(&c->arena, "You sent %zu bytes of sound.", file.len);
	if (str_eq(call_field(c, STR("stream")), STR("true"))) {
		write_hearing_events(c, text);
		return NULL;
	}
	buf_addf(&c->out, "%s%.*s%s", hearings[row].before, STR_ARG(text),
	         hearings[row].after);
	c->type = hearings[row].type;
	return NULL;
}
