/* tenant_set.c - see tenant_set.h. */
#include "main/tenant_set.h"

#include "admin/tenant_json.h"

#include <stdint.h>
#include <string.h>

enum { METADATA_MOST = 8 * KiB };

struct tenant_set {
	const struct command *c;
	struct json_writer *w;
};

static str value_of(const struct tenant_set *k, const char *option)
{
	return str_from_z(command_value(k->c, option));
}

/* ---- what an option says ---- */

static bool is_none(str value)
{
	return str_eq(value, STR("none"));
}

/* "60" or "60/min"; anything else is left to be refused. */
static void write_count(struct tenant_set *k, const char *option, const char *member)
{
	str value = value_of(k, option);
	uint64_t n;

	if (!command_has(k->c, option))
		return;
	if (str_ends(value, STR("/min")))
		value.len -= 4;
	json_key(k->w, str_from_z(member));
	if (is_none(value))
		json_null(k->w);
	else if (str_to_u64(value, &n))
		json_uint(k->w, n);
	else
		json_str(k->w, value);
}

/* Of all windows, so there is nothing it could stand beside. */
static bool is_none_alone(const struct command *c, const char *option)
{
	unsigned at = 0;
	const char *given = command_next(c, option, &at);

	return given && is_none(str_from_z(given)) && !command_next(c, option, &at);
}

/* "$50/month": each is a member; "none", or the option for that: all of them go. */
static void write_budget(struct tenant_set *k, const char *option, const char *none)
{
	unsigned at = 0;
	const char *given;

	if ((none && command_has(k->c, none)) || is_none_alone(k->c, option)) {
		json_key(k->w, STR("budget"));
		json_null(k->w);
		return;
	}
	if (!command_has(k->c, option))
		return;
	json_key(k->w, STR("budget"));
	json_open(k->w, '{');
	while ((given = command_next(k->c, option, &at))) {
		str window = str_from_z(given), amount = str_cut(&window, '/');

		json_key(k->w, window);
		if (is_none(amount))
			json_null(k->w);
		else
			json_str(k->w, amount);
	}
	json_close(k->w, '}');
}

static void write_list(struct tenant_set *k, const char *option)
{
	str value = value_of(k, option);

	if (!command_has(k->c, option))
		return;
	json_key(k->w, str_from_z(option));
	if (str_eq(value, STR("all"))) {
		json_null(k->w);
		return;
	}
	json_open(k->w, '[');
	while (value.len)
		json_str(k->w, str_trim(str_cut(&value, ',')));
	json_close(k->w, ']');
}

static void write_tags(struct tenant_set *k)
{
	unsigned at = 0;
	const char *given;

	if (!command_has(k->c, "tag"))
		return;
	json_key(k->w, STR("tags"));
	json_open(k->w, '{');
	while ((given = command_next(k->c, "tag", &at))) {
		str value = str_from_z(given), name = str_cut(&value, '=');

		if (!is_none(name))
			json_key_str(k->w, name, value);
	}
	json_close(k->w, '}');
}

static void write_text(struct tenant_set *k, const char *option, const char *member)
{
	str value = value_of(k, option);

	if (!command_has(k->c, option))
		return;
	json_key(k->w, str_from_z(member));
	if (is_none(value))
		json_null(k->w);
	else
		json_str(k->w, value);
}

static void write_switch(struct tenant_set *k, const char *on, const char *off,
                         const char *member)
{
	if (command_has(k->c, on) || command_has(k->c, off))
		json_key_bool(k->w, str_from_z(member), command_has(k->c, on));
}

/* On one line: in JSON that was checked such bytes stand between values. */
static void write_metadata(struct tenant_set *k)
{
	str value = value_of(k, "metadata");
	struct buf line = BUF_LIMIT(METADATA_MOST);

	if (!command_has(k->c, "metadata"))
		return;
	for (size_t i = 0; i < value.len; i++)
		buf_add_char(&line,
		             (unsigned char)value.ptr[i] < ' ' ? ' ' : value.ptr[i]);
	json_key(k->w, STR("metadata"));
	json_raw(k->w, buf_str(&line));
	buf_free(&line);
}

void tenant_set_write(const struct command *c, const char *parent, str name,
                      struct json_writer *to)
{
	struct tenant_set set = { c, to }, *k = &set;

	json_key(k->w, STR("set"));
	json_open(k->w, '{');
	if (name.len)
		json_key_str(k->w, STR("name"), name);
	if (parent)
		write_text(k, parent, "parent");
	json_key(k->w, STR("limits"));
	json_open(k->w, '{');
	write_count(k, "rpm", "rpm");
	write_count(k, "tpm", "tpm");
	write_count(k, "concurrent", "concurrent");
	write_budget(k, "budget", "no-budget");
	json_close(k->w, '}');
	json_key(k->w, STR("user_limits"));
	json_open(k->w, '{');
	write_count(k, "user-rpm", "rpm");
	write_budget(k, "user-budget", NULL);
	json_close(k->w, '}');
	json_key(k->w, STR("allow"));
	json_open(k->w, '{');
	write_list(k, "routes");
	write_list(k, "models");
	write_list(k, "providers");
	write_list(k, "regions");
	json_close(k->w, '}');
	write_text(k, "expires", "expires");
	write_tags(k);
	write_switch(k, "soft", "no-soft", "soft");
	write_switch(k, "phi", "no-phi", "phi");
	write_text(k, "on-exhausted", "on_exhausted");
	if (command_has(k->c, "on-budget")) {
		str route = value_of(k, "on-budget");

		json_key(k->w, STR("downgrade"));
		if (str_skip(&route, STR("downgrade:")))
			json_str(k->w, route);
		else
			json_null(k->w);
	}
	write_metadata(k);
	json_close(k->w, '}');
}

/* ---- what can be seen to be wrong before anybody is asked ---- */

static int check_budgets(const struct command *c, const char *option)
{
	static const str windows[] = { STR_INIT("hour"), STR_INIT("day"),
		                       STR_INIT("week"), STR_INIT("month"),
		                       STR_INIT("total") };
	unsigned at = 0;
	const char *given;
	nanousd amount;

	if (is_none_alone(c, option))
		return EXIT_OK;
	while ((given = command_next(c, option, &at))) {
		str window = str_from_z(given), money = str_cut(&window, '/');
		bool is_known = false;

		for (size_t i = 0; i < countof(windows); i++)
			is_known |= str_eq(window, windows[i]);
		if (!is_known || (!is_none(money) && !usd_parse(money, &amount)))
			return command_misused(
			        c,
			        "--%s: \"%s\" is not of the form 50/month, with one of "
			        "hour, day, week, month and total, nor none alone",
			        option, given);
		/* What a shell makes of $50/month. */
		if (!is_none(money) && amount == 0)
			return command_misused(
			        c,
			        "--%s: \"%s\" is a budget of nothing; write 50/month, or "
			        "'$50/month' in quotes",
			        option, given);
	}
	return EXIT_OK;
}

static int check_count(const struct command *c, const char *option)
{
	str value = str_from_z(command_value(c, option));
	uint64_t n = 0;

	if (str_ends(value, STR("/min")))
		value.len -= 4;
	if (!command_has(c, option) || is_none(value) ||
	    (str_to_u64(value, &n) && n > 0 && n <= UINT32_MAX))
		return EXIT_OK;
	return command_misused(
	        c,
	        "--%s: \"%s\" is not a number from 1 to %u, nor `none` for "
	        "no limit",
	        option, command_value(c, option), UINT32_MAX);
}

static int check_list(const struct command *c, const char *option)
{
	str list = str_from_z(command_value(c, option));
	bool is_empty = list.len && list.ptr[list.len - 1] == ',';

	while (list.len)
		is_empty |= str_trim(str_cut(&list, ',')).len == 0;
	if (!is_empty)
		return EXIT_OK;
	return command_misused(c,
	                       "--%s: \"%s\" has an empty name in it; `all` is for all",
	                       option, command_value(c, option));
}

static int check_words(const struct command *c)
{
	static const char *const counts[] = { "rpm", "tpm", "concurrent", "user-rpm" };
	static const char *const lists[] = { "models", "routes", "providers", "regions" };
	int code = EXIT_OK;

	for (size_t i = 0; code == EXIT_OK && i < countof(counts); i++)
		code = check_count(c, counts[i]);
	for (size_t i = 0; code == EXIT_OK && i < countof(lists); i++)
		code = check_list(c, lists[i]);
	return code;
}

/* Two options of which each would undo the other. */
static int check_pairs(const struct command *c)
{
	static const char *const pairs[][2] = { { "budget", "no-budget" },
		                                { "soft", "no-soft" },
		                                { "phi", "no-phi" } };

	for (size_t i = 0; i < countof(pairs); i++)
		if (command_has(c, pairs[i][0]) && command_has(c, pairs[i][1]))
			return command_misused(c, "--%s and --%s exclude each other",
			                       pairs[i][0], pairs[i][1]);
	return EXIT_OK;
}

int tenant_set_check(const struct command *c)
{
	static const struct json_limits limits = { 16, 1024, 256, 64 };
	str on_budget = str_from_z(command_value(c, "on-budget"));
	str metadata = str_from_z(command_value(c, "metadata"));
	str ended = str_from_z(command_value(c, "on-exhausted"));
	int code = check_pairs(c);
	unsigned at = 0;
	const char *tag;

	if (code == EXIT_OK)
		code = check_budgets(c, "budget");
	if (code == EXIT_OK)
		code = check_budgets(c, "user-budget");
	if (code == EXIT_OK)
		code = check_words(c);
	if (code != EXIT_OK)
		return code;
	if (on_budget.len && !str_eq(on_budget, STR("refuse")) &&
	    !(str_starts(on_budget, STR("downgrade:")) && on_budget.len > 10))
		return command_misused(
		        c, "--on-budget: \"%.*s\" is neither refuse nor downgrade:ROUTE",
		        STR_ARG(on_budget));
	if (ended.len && !str_eq(ended, STR("finish")) && !str_eq(ended, STR("stop")) &&
	    !str_eq(ended, STR("error")) && !is_none(ended))
		return command_misused(c,
		                       "--on-exhausted: \"%.*s\" is none of finish, stop "
		                       "and error",
		                       STR_ARG(ended));
	while ((tag = command_next(c, "tag", &at)))
		if (!strchr(tag, '=') && strcmp(tag, "none") != 0)
			return command_misused(
			        c, "--tag: \"%s\" is not of the form NAME=VALUE", tag);
	if (metadata.len > METADATA_MOST)
		return command_misused(c, "--metadata: this is too long");
	if (command_has(c, "metadata") && json_check(metadata, &limits, NULL))
		return command_misused(c, "--metadata: this is not JSON");
	return EXIT_OK;
}
