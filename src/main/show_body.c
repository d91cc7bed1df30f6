#include "main/show_body.h"

#include "admin/client.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "config/datadir.h"
#include "store/bodies.h"

#include <limits.h>
#include <stdio.h>

/* A running gateway writes what it still has, and notes who looks. */
static bool tell_gateway(str dir, uint64_t exchange, struct buf *why)
{
	struct buf request = BUF_LIMIT(KiB), answer = BUF_LIMIT(KiB);
	struct json_value value;
	bool is_asked = false, ok;

	buf_add(&request, STR("{\"do\":\"body_look\",\"id\":\""));
	buf_add_hex(&request, exchange, 16);
	buf_add(&request, STR("\"}"));
	ok = admin_ask_holder(dir, buf_str(&request), &answer, &value, &is_asked, why);
	buf_free(&request);
	buf_free(&answer);
	return ok || !is_asked;
}

static void print(const struct command *c, const struct body_row *row)
{
	struct buf out = BUF_LIMIT(2 * BODIES_RECORD_MOST);
	struct json_writer w = { .to = &out };

	if (c->json) {
		json_open(&w, '{');
		if (!(row->flags & BODY_NO_REQUEST))
			json_key_str(&w, STR("request"), row->request);
		if (!(row->flags & BODY_NO_ANSWER))
			json_key_str(&w, STR("answer"), row->answer);
		json_key_bool(&w, STR("cut"), row->flags & BODY_CUT);
		json_key_bool(&w, STR("redacted"), row->flags & BODY_REDACTED);
		json_close(&w, '}');
		buf_add_char(&out, '\n');
	} else {
		if (row->flags & BODY_NO_REQUEST)
			fprintf(stderr, "the request was not kept\n");
		if (row->flags & BODY_NO_ANSWER)
			fprintf(stderr, "the answer was not kept\n");
		if (row->flags & BODY_CUT)
			fprintf(stderr, "the answer was longer\n");
		buf_add(&out, row->request);
		buf_add(&out, STR("\n\n"));
		buf_add(&out, row->answer);
		buf_add_char(&out, '\n');
	}
	fwrite(out.ptr ? out.ptr : "", 1, out.len, stdout);
	mem_wipe(out.ptr, out.cap);
	buf_free(&out);
}

static int find(struct command *c, const struct config *config, uint64_t exchange)
{
	struct master_place at = stored_place(config->key_file, config->data);
	struct buf why = BUF_LIMIT(4 * KiB), keep = { 0 };
	struct master masters = { 0 };
	struct body_row row;
	char dir[PATH_MAX];
	int result = EXIT_OK;

	if (!tell_gateway(config->data, exchange, &why) ||
	    master_find(&at, &masters, &why) == MASTER_BAD) {
		result = command_failed("%.*s", (int)why.len, why.ptr);
	} else if (!masters.count ||
	           !datadir_path(config->data, "bodies", dir, sizeof(dir)) ||
	           !bodies_find(str_from_z(dir),
	                        &(struct body_keys){ masters.keys, masters.count },
	                        exchange, &keep, &row, &why)) {
		result = command_failed(
		        "%.*s", why.len ? (int)why.len : 43,
		        why.len ? why.ptr : "nothing was kept of what was said there");
	} else {
		print(c, &row);
	}
	master_done(&masters);
	if (keep.ptr)
		mem_wipe(keep.ptr, keep.cap);
	buf_free(&keep);
	buf_free(&why);
	return result;
}

int show_body(struct command *c, uint64_t exchange)
{
	struct config *config = command_config(c, NULL, true);
	int result;

	if (!config)
		return EXIT_CONFIG;
	result = find(c, config, exchange);
	config_unref(&config);
	return result;
}
