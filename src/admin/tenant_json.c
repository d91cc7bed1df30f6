/* tenant_json.c - a node written as JSON, and amounts of money as text; how one is read
 * stands in tenant_patch.c. */
#include "admin/tenant_json.h"

#include "admin/call.h"
#include "codec/text.h"

static const str kinds[] = {
	[TENANT_ORGANISATION] = STR_INIT("organisation"),
	[TENANT_TEAM] = STR_INIT("team"),
	[TENANT_KEY] = STR_INIT("key"),
	[TENANT_USER] = STR_INIT("user"),
};
static const str windows[BUDGET_WINDOWS] = {
	[BUDGET_HOUR] = STR_INIT("hour"),   [BUDGET_DAY] = STR_INIT("day"),
	[BUDGET_WEEK] = STR_INIT("week"),   [BUDGET_MONTH] = STR_INIT("month"),
	[BUDGET_TOTAL] = STR_INIT("total"),
};
static const str endings[] = {
	[EXHAUSTED_FINISH] = STR_INIT("finish"),
	[EXHAUSTED_STOP] = STR_INIT("stop"),
	[EXHAUSTED_ERROR] = STR_INIT("error"),
};

str tenant_kind_name(enum tenant_kind kind)
{
	return kinds[kind];
}

str tenant_window_name(enum budget_window window)
{
	return windows[window];
}

static bool find_name(const str *names, size_t count, str name, size_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(names[i], name))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

bool tenant_kind_parse(str name, enum tenant_kind *ret)
{
	size_t at;

	if (!find_name(kinds, countof(kinds), name, &at))
		return false;
	*ret = (enum tenant_kind)at;
	return true;
}

bool tenant_ending_parse(str name, enum on_exhausted *ret)
{
	size_t at;

	if (!find_name(endings, countof(endings), name, &at))
		return false;
	*ret = (enum on_exhausted)at;
	return true;
}

/* ---- money ---- */

bool usd_parse(str text, nanousd *ret)
{
	str fraction = text, whole;
	uint64_t dollars = 0, nano = 0;
	nanousd amount;
	bool has_point;

	str_skip(&text, STR("$"));
	fraction = text;
	whole = str_cut(&fraction, '.');
	has_point = whole.len < text.len;
	if (!str_to_u64(whole, &dollars) || (has_point && fraction.len == 0) ||
	    fraction.len > 9 || (fraction.len && !str_to_u64(fraction, &nano)))
		return false;
	for (size_t i = fraction.len; i < 9; i++)
		nano *= 10;
	if (dollars > INT64_MAX ||
	    __builtin_mul_overflow((nanousd)dollars, (nanousd)1000000000, &amount) ||
	    __builtin_add_overflow(amount, (nanousd)nano, &amount))
		return false;
	*ret = amount;
	return true;
}

void usd_write(struct buf *to, nanousd amount)
{
	buf_add_nano(to, (uint64_t)amount);
	for (int i = 0; i < 7 && to->ptr[to->len - 1] == '0'; i++)
		to->len--;
}

/* ---- writing ---- */

static void write_count(struct json_writer *to, str key, uint32_t count)
{
	json_key(to, key);
	count ? json_uint(to, count) : json_null(to);
}

static void write_caps(struct json_writer *to, str key, const struct tenant_caps *caps)
{
	struct buf text = BUF_LIMIT(64);

	json_key(to, key);
	json_open(to, '{');
	write_count(to, STR("rpm"), caps->rpm);
	write_count(to, STR("tpm"), caps->tpm);
	write_count(to, STR("concurrent"), caps->concurrent);
	json_key(to, STR("budget"));
	json_open(to, '{');
	for (int i = 0; i < BUDGET_WINDOWS; i++) {
		json_key(to, windows[i]);
		if (caps->budget[i] == COST_UNKNOWN) {
			json_null(to);
			continue;
		}
		buf_clear(&text);
		usd_write(&text, caps->budget[i]);
		json_str(to, buf_str(&text));
	}
	json_close(to, '}');
	json_close(to, '}');
	buf_free(&text);
}

static void write_list(struct json_writer *to, str key, str list)
{
	json_key(to, key);
	if (list.len == 0) {
		json_null(to);
		return;
	}
	json_open(to, '[');
	while (list.len)
		json_str(to, str_cut(&list, ','));
	json_close(to, ']');
}

static void write_tags(struct json_writer *to, str tags)
{
	json_key(to, STR("tags"));
	json_open(to, '{');
	while (tags.len) {
		str value = str_cut(&tags, ','), name = str_cut(&value, '=');

		json_key_str(to, name, value);
	}
	json_close(to, '}');
}

str tenant_state(const struct tenant_row *row, usec wall)
{
	if (row->revoked_wall)
		return STR("revoked");
	return row->expires_wall && row->expires_wall <= wall ? STR("expired")
	                                                      : STR("active");
}

void tenant_write(struct json_writer *to, const struct tenant_row *row,
                  const struct key_secret *secret, str parent_name, usec wall)
{
	admin_write_id(to, STR("id"), row->id);
	json_key_str(to, STR("kind"), kinds[row->kind]);
	json_key_str(to, STR("name"), row->name);
	admin_write_id(to, STR("parent"), row->parent);
	if (parent_name.len)
		json_key_str(to, STR("parent_name"), parent_name);
	json_key_str(to, STR("state"), tenant_state(row, wall));
	admin_write_time(to, STR("created"), row->created_wall);
	admin_write_time(to, STR("expires"), row->expires_wall);
	admin_write_time(to, STR("revoked"), row->revoked_wall);
	if (secret && secret->previous_until > wall)
		admin_write_time(to, STR("previous_until"), secret->previous_until);
	json_key_uint(to, STR("serial"), row->serial);
	write_caps(to, STR("limits"), &row->caps);
	write_caps(to, STR("user_limits"), &row->per_user);
	json_key(to, STR("allow"));
	json_open(to, '{');
	write_list(to, STR("routes"), row->routes);
	write_list(to, STR("models"), row->models);
	write_list(to, STR("providers"), row->providers);
	write_list(to, STR("regions"), row->regions);
	json_close(to, '}');
	write_tags(to, row->tags);
	json_key(to, STR("metadata"));
	json_raw(to, row->metadata.len ? row->metadata : STR("{}"));
	json_key_bool(to, STR("soft"), row->soft);
	json_key_bool(to, STR("phi"), row->phi);
	json_key_str(to, STR("on_exhausted"), endings[row->on_exhausted]);
	json_key(to, STR("downgrade"));
	row->downgrade.len ? json_str(to, row->downgrade) : json_null(to);
}

static void write_money(struct json_writer *to, str key, nanousd amount)
{
	struct buf text = BUF_LIMIT(64);

	usd_write(&text, max_of(amount, (nanousd)0));
	json_key_str(to, key, buf_str(&text));
	buf_free(&text);
}

void tenant_write_use(struct json_writer *to, const struct tenant_row *row,
                      const struct tenant_state *state, usec used)
{
	if (row->kind == TENANT_KEY)
		admin_write_time(to, STR("used"), used);
	if (!state)
		return;
	json_key(to, STR("usage"));
	json_open(to, '{');
	json_key_uint(to, STR("requests"), state->requests);
	json_key_uint(to, STR("tokens"), state->tokens);
	json_key_uint(to, STR("running"), state->running);
	json_key(to, STR("budget"));
	json_open(to, '{');
	for (int i = 0; i < BUDGET_WINDOWS; i++) {
		if (row->caps.budget[i] == COST_UNKNOWN || !(state->counted >> i & 1))
			continue;
		json_key(to, windows[i]);
		json_open(to, '{');
		write_money(to, STR("spent"), state->spent[i]);
		write_money(to, STR("reserved"), state->reserved[i]);
		admin_write_time(
		        to, STR("resets"),
		        state->resets_wall[i] == USEC_NEVER ? 0 : state->resets_wall[i]);
		json_close(to, '}');
	}
	json_close(to, '}');
	json_close(to, '}');
}
