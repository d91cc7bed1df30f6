/* model.c - words as streams, and what the gateway does about their ends. */
#include "tests/enum/model.h"

#include <stdio.h>
#include <stdlib.h>

/* Long enough to be a proof, and each another. */
static const char *const sentences[] = {
	"The first of the sentences is about the sea. ",
	"Another one follows and speaks of mountains. ",
	"Then somebody counts the houses of a village. ",
	"At last it rains, and everybody goes inside. ",
	"Nobody had expected that there would be more. ",
	"The seventh day is quiet, as it always was. ",
	"What remains is a short word at the very end. ",
	"And one more, which nobody will ever hear of. ",
};

static const char *sentence(unsigned n)
{
	return sentences[n % countof(sentences)];
}

const struct answer *model_answer(const char *word)
{
	static struct answer a;
	static struct buf texts[PARTS_MOST];
	unsigned calls = 0, n = 0;

	a = (struct answer){ .given = 40, .made = 50 };
	for (const char *at = word; *at; at++) {
		enum part_kind kind = *at == 't'   ? PART_TEXT
		                      : *at == 'r' ? PART_REASONING
		                      : *at == 'x' ? PART_REFUSAL
		                                   : PART_CALL;
		struct part *last = a.count ? &a.parts[a.count - 1] : NULL;

		if (*at == 'c' && a.count < PARTS_MOST) {
			a.parts[a.count++] =
			        (struct part){ .kind = PART_CALL,
				               .id = calls ? STR("call_1")
				                           : STR("call_0"),
				               .name = STR("search"),
				               .text = STR("{\"q\":\"abc\"}") };
			calls++;
			a.finish = FINISH_CALLS;
		}
		if (kind == PART_CALL)
			continue;
		if ((!last || last->kind != kind) && a.count < PARTS_MOST) {
			buf_clear(&texts[a.count]);
			texts[a.count].limit = 4 * KiB;
			last = &a.parts[a.count++];
			last->kind = kind;
		}
		buf_add(&texts[a.count - 1], str_from_z(sentence(n++)));
		last->text = buf_str(&texts[a.count - 1]);
	}
	return &a;
}

static void add_delta(struct buf *to, const char *delta, const char *finish)
{
	buf_addf(to,
	         "data: {\"id\":\"chatcmpl-m\",\"object\":\"chat.completion.chunk\","
	         "\"created\":1700000001,\"model\":\"m\",\"choices\":[{\"index\":0,"
	         "\"delta\":{%s},\"finish_reason\":%s}]}\n\n",
	         delta, finish);
}

static void add_sentence(struct buf *to, const char *member, unsigned n)
{
	char delta[200];

	snprintf(delta, sizeof(delta), "\"%s\":\"%s\"", member, sentence(n));
	add_delta(to, delta, "null");
}

static void add_call(struct buf *to, unsigned index, char before, char letter)
{
	char delta[200];

	if (letter == 'c')
		snprintf(delta, sizeof(delta),
		         "\"tool_calls\":[{\"index\":%u,\"id\":\"call_%u\",\"type\":"
		         "\"function\",\"function\":{\"name\":\"search\",\"arguments\":"
		         "\"\"}}]",
		         index, index);
	else
		snprintf(delta, sizeof(delta),
		         "\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":\"%"
		         "s\"}}]",
		         index,
		         letter == 'a'   ? "{\\\"q\\\":"
		         : before == 'c' ? "{\\\"q\\\":\\\"abc\\\"}"
		                         : "\\\"abc\\\"}");
	add_delta(to, delta, "null");
}

void model_speak(const char *word, struct stream *to)
{
	struct buf *body = &to->body;
	unsigned n = 0, calls = 0;

	buf_clear(body);
	body->limit = MiB;
	to->count = 0;
	for (const char *at = word; *at; at++) {
		switch (*at) {
		case 'o':
			add_delta(body, "\"role\":\"assistant\",\"content\":\"\"",
			          "null");
			break;
		case 't':
			add_sentence(body, "content", n++);
			break;
		case 'r':
			add_sentence(body, "reasoning_content", n++);
			break;
		case 'x':
			add_sentence(body, "refusal", n++);
			break;
		case 'c':
			calls++;
			add_call(body, calls - 1, 0, *at);
			break;
		case 'a':
		case 'z':
			add_call(body, calls - 1, at[-1], *at);
			break;
		case 'f':
			add_delta(body, "", calls ? "\"tool_calls\"" : "\"stop\"");
			break;
		case 'u':
			buf_add(body,
			        STR("data: {\"id\":\"chatcmpl-m\",\"object\":"
			            "\"chat.completion.chunk\",\"created\":1700000001,"
			            "\"model\":\"m\",\"choices\":[],\"usage\":{"
			            "\"prompt_tokens\":40,\"completion_tokens\":50,"
			            "\"total_tokens\":90}}\n\n"));
			break;
		default:
			buf_add(body, STR("data: [DONE]\n\n"));
			break;
		}
		to->ends[to->count++] = body->len;
	}
}

/* Enough for these: the whole judgement of an answer is judge.py's. */
static const char *end_of(const struct scene *s, const struct transcript *t)
{
	static const char *const errors[FORMATS] = {
		"data: {\"error\"", "event: response.failed",
		"event: error",     "data: {\"error\"",
		"exception",        "\"ERROR\""
	};

	if (t->status != 200)
		return "status";
	return str_has(t->body, str_from_z(errors[s->client])) ? "error" : "success";
}

int model_run(void)
{
	char word[64], line[256];
	unsigned events, ok, client;

	while (fgets(line, sizeof(line), stdin)) {
		struct scene s = { .providers = { CHAT, CHAT, CHAT }, .cut = CUT_FIN };
		struct transcript t;

		if (sscanf(line, "%63s %u %u %u", word, &events, &ok, &client) != 4 ||
		    client >= FORMATS)
			return 2;
		s.client = client;
		s.model = word;
		s.at = events;
		s.second = s.third = ok ? CONTINUE_PERFECT : CONTINUE_BREAKS;
		scene_play(&s, &t);
		printf("%s %s\n", t.attempts > 1 ? t.asked + 1 : "-", end_of(&s, &t));
		transcript_free(&t);
	}
	return 0;
}
