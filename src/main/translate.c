/* translate.c - sluice translate: a body on standard input from one format to another, by
 * the same code as in the gateway. */
#include "wire/translate.h"

#include "main/command.h"
#include "admin/text.h"

#include <stdio.h>
#include <unistd.h>

enum { INPUT_MOST = 64 * MiB, OUTPUT_MOST = 256 * MiB };

static bool read_all(struct buf *to)
{
	char chunk[64 * KiB];
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
		if (!buf_add(to, str_of(chunk, (size_t)n)))
			return false;
	}
	return n == 0;
}

/* The format an option names; NULL: said. */
static const struct wire *format_of(const struct command *c, const char *option)
{
	const char *name = command_value(c, option);
	enum wire_format format = name ? wire_format_find(str_from_z(name)) : WIRE_NONE;

	if (format == WIRE_NONE) {
		command_misused(c,
		                "--%s: openai-chat, openai-responses, anthropic, gemini, "
		                "bedrock or cohere",
		                option);
		return NULL;
	}
	return wire_of(format);
}

/* What the catalogue knows of provider/model, or of a bare id at any provider. */
static bool find_facts(str name, struct catalog_model *ret)
{
	size_t slash = str_find(name, '/');
	unsigned at = 0;

	if (slash < name.len && catalog_find_model(NULL, str_first(name, slash),
	                                           str_from(name, slash + 1), ret))
		return true;
	return catalog_next_with_id(NULL, name, &at, ret);
}

static int report(const struct command *c, fault_t why, const struct buf *detail,
                  const struct buf *dropped)
{
	bool is_answer = command_has(c, "answer");

	if (dropped->len)
		fprintf(stderr, "dropped: %.*s\n", (int)dropped->len, dropped->ptr);
	if (!why)
		return EXIT_OK;
	/* The gateway's texts are about what came over a connection. */
	if (!detail->len)
		return command_failed(
		        "the input is no %s in the format %s%s",
		        is_answer ? "answer" : "request", command_value(c, "from"),
		        is_answer ? "" : " (of a provider's answer say --answer)");
	return command_failed("%.*s%s%.*s", STR_ARG(why->text), detail->len ? ": " : "",
	                      (int)detail->len, detail->ptr);
}

int translate_command(struct command *c)
{
	struct buf in = BUF_LIMIT(INPUT_MOST), out = BUF_LIMIT(OUTPUT_MOST);
	struct buf dropped = BUF_LIMIT(64 * KiB), detail = BUF_LIMIT(64 * KiB);
	const char *model = command_value(c, "model"),
	           *provider = command_value(c, "provider");
	struct catalog_model facts;
	struct translation t = { .from = format_of(c, "from"),
		                 .out = &out,
		                 .dropped = &dropped,
		                 .detail = &detail };
	int result;
	fault_t why;

	if (!t.from || !(t.to = format_of(c, "to")))
		return EXIT_USAGE;
	if (c->json && command_has(c, "answer") && command_has(c, "stream") &&
	    !command_has(c, "array"))
		return command_misused(c, "translate: a stream is not JSON");
	t.model = str_from_z(model ? model : "model");
	t.provider = str_from_z(provider);
	t.stream = command_has(c, "stream");
	t.array = command_has(c, "array");
	if (find_facts(t.model, &facts))
		t.facts = &facts;
	if (!read_all(&in))
		return command_failed("the input is over %d MiB, or cannot be read",
		                      INPUT_MOST / MiB);
	if (!command_has(c, "answer"))
		why = translate_request(&t, buf_str(&in));
	else if (command_has(c, "stream"))
		why = translate_stream(&t, buf_str(&in));
	else
		why = translate_reply(&t, buf_str(&in));
	fwrite(out.ptr, 1, out.len, stdout);
	result = report(c, why, &detail, &dropped);
	buf_free(&in);
	buf_free(&out);
	buf_free(&dropped);
	buf_free(&detail);
	return result;
}
