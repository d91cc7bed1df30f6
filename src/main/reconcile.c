/* reconcile.c - sluice reconcile FILE: the ledger against what a provider says was used.
 *
 * The file is read here, and only what it adds up to is asked about, so it may be larger
 * than a gateway takes. */
#include "admin/reconcile.h"

#include "admin/grid.h"
#include "admin/text.h"
#include "main/admin_ask.h"

#include <errno.h>
#include <stdio.h>

enum { FILE_MOST = 256 * MiB };

struct reconciling {
	struct command *c;
	struct usage_file theirs;
	uint64_t tolerance; /* parts per million */
	struct grid grid;
	struct buf out;
};

/* ---- what came of it ---- */

static int64_t number(struct json_value object, const char *name)
{
	int64_t value = 0;

	return json_i64(json_get(object, str_from_z(name)), &value) ? value : 0;
}

static void add_figure(struct grid *g, struct json_value side, const char *name,
                       bool is_money)
{
	struct json_value v = side.type == JSON_OBJECT ? json_get(side, str_from_z(name))
	                                               : (struct json_value){ 0 };
	struct buf text = BUF_LIMIT(64);
	int64_t value;

	if (!json_i64(v, &value))
		buf_add_char(&text, '-');
	else if (is_money)
		money_text(&text, value, true);
	else
		grouped_int(&text, value);
	grid_add(g, buf_str(&text));
	buf_free(&text);
}

static void add_text(struct grid *g, struct json_value pair, const char *name)
{
	char room[2 * KiB];

	grid_add(g, admin_text(pair, name, room, sizeof(room)));
}

static void add_pair(struct reconciling *k, struct json_value pair)
{
	static const struct {
		const char *name;
		bool is_money;
	} figures[] = { { "input_tokens", false },
		        { "output_tokens", false },
		        { "amount_nano", true } };
	struct json_value theirs = json_get(pair, STR("theirs")),
	                  ours = json_get(pair, STR("ours"));
	char room[256];

	if (admin_text(pair, "difference", room, sizeof(room)).len == 0 &&
	    !command_has(k->c, "all"))
		return;
	add_text(&k->grid, pair, "day");
	add_text(&k->grid, pair, "model");
	for (unsigned i = 0; i < countof(figures); i++) {
		add_figure(&k->grid, theirs, figures[i].name, figures[i].is_money);
		add_figure(&k->grid, ours, figures[i].name, figures[i].is_money);
	}
	add_text(&k->grid, pair, "difference");
}

static void print_table(struct reconciling *k, struct json_value data)
{
	static const str heads[] = { STR_INIT("input"),      STR_INIT("ours"),
		                     STR_INIT("output"),     STR_INIT("ours"),
		                     STR_INIT("amount USD"), STR_INIT("ours") };
	struct json_member m;

	grid_column(&k->grid, STR("day"), false);
	grid_column(&k->grid, STR("model"), false);
	for (unsigned i = 0; i < countof(heads); i++)
		grid_column(&k->grid, heads[i], true);
	grid_column(&k->grid, STR("difference"), false);
	for (struct json_iter it = json_iter(data); json_next(&it, &m);)
		add_pair(k, m.value);
	if (k->grid.cell_count)
		grid_print(&k->grid, GRID_TEXT, &k->out);
}

/* What was taken for 0 makes the comparison worth less. */
static void tell_unread(const struct usage_file *f)
{
	struct buf text = BUF_LIMIT(KiB);

	text_safe(&text, f->unread_text);
	fprintf(stderr,
	        "%u cell%s of the file could not be read and count%s as 0, the first in "
	        "row %u: \"%.*s\"\n",
	        f->unread, f->unread == 1 ? "" : "s", f->unread == 1 ? "s" : "",
	        f->unread_row, STR_ARG(buf_str(&text)));
	buf_free(&text);
}

static int print(struct reconciling *k, struct json_value answer)
{
	struct json_value data = json_get(answer, STR("data"));
	int64_t different = number(answer, "different");

	if (k->c->json) {
		buf_add(&k->out, data.raw);
		buf_add_char(&k->out, '\n');
	} else {
		print_table(k, data);
	}
	if (k->out.len)
		fwrite(k->out.ptr, 1, k->out.len, stdout);
	fprintf(stderr, "%lld of %lld days and models differ by more than %u.%04u %%\n",
	        (long long)different, (long long)number(answer, "lines"),
	        (unsigned)(k->tolerance / 10000), (unsigned)(k->tolerance % 10000));
	if (k->theirs.skipped)
		fprintf(stderr, "%u of %u lines of the file name no day or no model\n",
		        k->theirs.skipped, k->theirs.rows);
	if (k->theirs.unread)
		tell_unread(&k->theirs);
	return different || k->theirs.unread ? EXIT_FAILED : EXIT_OK;
}

/* ---- the command ---- */

static bool read_file(const char *path, struct buf *to, struct buf *why)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char chunk[16 * KiB];
	size_t n;

	if (!f) {
		buf_add(why, str_from_z(strerror(errno)));
		return false;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(to, str_of(chunk, n));
	if (to->over)
		buf_add(why, STR("it is larger than 256 MiB"));
	else if (ferror(f))
		buf_add(why, STR("it could not be read to its end"));
	if (f != stdin)
		fclose(f);
	return why->len == 0;
}

static int ask(struct reconciling *k)
{
	struct buf target = BUF_LIMIT(16 * KiB), csv = BUF_LIMIT(FILE_MOST);
	struct admin_asked a;
	int result;

	buf_add(&target, STR("/admin/v1/reconcile"));
	admin_add_query(&target, "provider", command_value(k->c, "provider"));
	admin_add_query(&target, "tolerance", command_value(k->c, "tolerance"));
	usage_file_write(&k->theirs, &csv);
	result = admin_run(k->c,
	                   &(struct admin_errand){ .method = HTTP_POST,
	                                           .target = buf_str(&target),
	                                           .body = buf_str(&csv),
	                                           .body_type = STR("text/csv") },
	                   &a);
	if (result == EXIT_OK)
		result = print(k, a.value);
	admin_asked_done(&a);
	buf_free(&target);
	buf_free(&csv);
	return result;
}

int reconcile_command(struct command *c)
{
	struct reconciling k = { .c = c, .out = BUF_LIMIT(256 * MiB) };
	struct buf file = BUF_LIMIT(FILE_MOST), why = BUF_LIMIT(KiB);
	const char *tolerance = command_value(c, "tolerance");
	int result;

	if (c->argc == 0)
		return command_misused(c, "reconcile: give the provider's file (- for "
		                          "standard input)");
	if (!reconcile_tolerance(tolerance ? str_from_z(tolerance) : STR("0.5%"),
	                         &k.tolerance))
		return command_misused(c, "reconcile: --tolerance takes percent, like "
		                          "0.5%%");
	if (read_file(c->argv[0], &file, &why) &&
	    usage_file_read(&k.theirs, buf_str(&file), &why))
		result = ask(&k);
	else
		result = command_failed("%s: %.*s", c->argv[0], STR_ARG(buf_str(&why)));
	usage_file_done(&k.theirs);
	grid_done(&k.grid);
	buf_free(&k.out);
	buf_free(&file);
	buf_free(&why);
	return result;
}
