/* show_body.c - see show_body.h.  The admin API gives it, and notes who looks. */
#include "main/show_body.h"

#include "base/mem.h"
#include "codec/text.h"
#include "main/admin_ask.h"

#include <stdio.h>
#include <stdlib.h>

/* A part as its bytes, or what is missing on stderr. */
static void print_part(struct json_value body, const char *name, const char *missing)
{
	struct buf coded = BUF_LIMIT(64);
	struct json_value v = json_get(body, str_from_z(name));
	bool is_coded = v.type != JSON_STRING;
	char *room;
	str bytes;

	buf_addf(&coded, "%s_base64", name);
	if (is_coded)
		v = json_get(body, buf_str(&coded));
	buf_free(&coded);
	if (v.type != JSON_STRING) {
		fprintf(stderr, "%s\n", missing);
		return;
	}
	room = mem_new(v.raw.len + 1);
	bytes = json_text(v, room);
	if (is_coded && !base64_decode(bytes, room, &bytes))
		bytes = STR_NONE;
	fwrite(bytes.ptr ? bytes.ptr : "", 1, bytes.len, stdout);
	mem_wipe(room, v.raw.len + 1);
	free(room);
}

static void print(const struct command *c, const struct admin_asked *a)
{
	if (c->json) {
		fwrite(a->answer.ptr, 1, a->answer.len, stdout);
		putchar('\n');
		return;
	}
	print_part(a->value, "request", "the request was not kept");
	printf("\n\n");
	print_part(a->value, "answer", "the answer was not kept");
	printf("\n");
	if (json_get(a->value, STR("cut")).type == JSON_TRUE)
		fprintf(stderr, "the answer was longer\n");
}

int show_body(struct command *c, uint64_t exchange)
{
	struct config *config = command_config(c, NULL, false);
	const struct admin_alone alone = { .config = config };
	struct buf target = BUF_LIMIT(256);
	struct admin_asked a;
	int result;

	if (!config)
		return EXIT_CONFIG;
	buf_add(&target, STR("/admin/v1/exchanges/"));
	buf_add_hex(&target, exchange, 16);
	buf_add(&target, STR("/body"));
	result = admin_do_alone(c, &alone, HTTP_GET, buf_str(&target), STR_NONE, &a);
	if (result == EXIT_OK)
		print(c, &a);
	admin_asked_done(&a);
	buf_free(&target);
	config_unref(&config);
	return result;
}
