/* bench_json.c - what looking at bodies costs: the bench's own request, answer and events
 * through the pass lane's readers.  Prints times; instructions, which do not depend on
 * who else is at work, come from
 *	valgrind --tool=callgrind --callgrind-out-file=out build/tests/bench_json 1000
 *	callgrind_annotate --inclusive=yes out | grep look_at_ */
#include "base/arena.h"
#include "codec/json.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* clang-format off */
static const str request = STR_INIT(
	"{\"messages\":[{\"role\":\"system\",\"content\":\"You are a careful assistant of "
	"a canal museum. Answer in two or three sentences, in the language of the "
	"question, and say when you do not know.\\nHouse rules:\\n1. No links.\\n2. "
	"Measures in metres (\\\"m\\\"), prices in \xe2\x82\xac.\\n3. Never invent "
	"opening hours.\\n4. Children read this: short words, no irony, no more than one "
	"number in a sentence.\"},"
	"{\"role\":\"user\",\"content\":\"Bonjour! Pourquoi l'\xc3\xa9" "cluse a-t-elle "
	"deux portes?\"},"
	"{\"role\":\"assistant\",\"content\":\"Les deux portes enferment le sas: l'une "
	"retient l'eau d'amont, l'autre celle d'aval. On n'ouvre jamais les deux \xc3\xa0 "
	"la fois, sinon le bief sup\xc3\xa9rieur se viderait.\"},"
	"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Thank you. Now in "
	"English please, for the children's leaflet:\\n\\n\\\"How does the lock raise a "
	"boat, why does nobody need a pump, and what is the little valve in the gate "
	"called?\\\"\\n\\nThe draft so far says: 'A lock is a lift made of water. The boat "
	"sails in, the gate closes behind it, and water from above is let in through "
	"paddles until the levels agree. Then the upper gate opens, and the boat sails on "
	"as if nothing had happened.' Keep the tone of it, keep it under sixty words, and "
	"do not use the word \\\"sluice\\\" more than once.\"}]}],"
	"\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":256,\"presence_penalty\":0,"
	"\"metadata\":{\"ticket\":\"leaflet-17\",\"page\":\"4\"},"
	"\"response_format\":{\"type\":\"text\"},\"user\":\"visitor-0f2b\","
	"\"model\":\"bench\"}");

#define ID "chatcmpl-CQx8T2bEnCh4nR7mKdVw"
#define MODEL "bench-model-2025-08-07"
static const str answer = STR_INIT(
	"{\"id\":\"" ID "\",\"object\":\"chat.completion\",\"created\":1760011200,"
	"\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{"
	"\"role\":\"assistant\",\"content\":\"The lock raises the boat by letting water "
	"in from above until both levels agree;\\nthen the upper gate opens without "
	"effort. \\\"Patience\\\" is the whole "
	"mechanism.\",\"refusal\":null,\"annotations\":[]},"
	"\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":312,"
	"\"completion_tokens\":37,\"total_tokens\":349,\"prompt_tokens_details\":{"
	"\"cached_tokens\":0}},\"system_fingerprint\":\"fp_44709d6fcb\"}");

static const str event = STR_INIT(
	"data: {\"id\":\"" ID "\",\"object\":\"chat.completion.chunk\","
	"\"created\":1760011200,\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,"
	"\"delta\":{\"content\":\"t00017 \"},\"logprobs\":null,\"finish_reason\":null}],"
	"\"usage\":null}\n\n");
/* clang-format on */

#define apart __attribute__((noinline, noclone))

static struct arena keep;

static apart void look_at_check(void)
{
	if (json_check(request, &json_limits_default, NULL))
		abort();
}

static apart void look_at_request(void)
{
	struct skimmed s;
	str detail;

	if (wire_openai_chat.skim(request, OP_CHAT, &keep, &s, &detail))
		abort();
}

static apart void look_at_answer(void)
{
	struct tap t = { .operation = OP_CHAT, .choices = 1 };
	str message;

	if (wire_openai_chat.tap_answer(&t, answer, &message) || !t.has_usage)
		abort();
}

static struct tap tap = { .operation = OP_CHAT, .choices = 1 };

static apart void look_at_event(void)
{
	struct sse_scan s = { .begun = true };
	struct sse_found found;
	struct tap_event said;

	if (!sse_scan(&s, event, &found))
		abort();
	wire_openai_chat.tap_event(&tap, found.name, found.data, &said);
	if (!said.is_meaningful)
		abort();
}

static void measure(const char *name, void (*look)(void), long rounds)
{
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (long i = 0; i < rounds; i++) {
		look();
		if (i % 64 == 0)
			arena_done(&keep);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 +
	            (double)(to.tv_nsec - from.tv_nsec);
	printf("%-8s %7.0f ns\n", name, ns / (double)rounds);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1000000;

	static const struct {
		const char *name;
		void (*look)(void);
	} all[] = {
		{ "check", look_at_check },
		{ "request", look_at_request },
		{ "answer", look_at_answer },
		{ "event", look_at_event },
	};
	for (size_t i = 0; i < countof(all); i++) {
		if (argc < 3 || strcmp(argv[2], all[i].name) == 0)
			measure(all[i].name, all[i].look, rounds);
	}
	arena_done(&keep);
	return 0;
}
