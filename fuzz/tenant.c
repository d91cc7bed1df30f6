/* tenant.c - any object is set in a node or refused with its place; what was set is
 * written as JSON on one line, and, read again, sets the same. */
#include "admin/tenant_json.h"
#include "fuzz/fuzz.h"
#include "policy/access.h"

#define NOW (1800000000 * USEC_SEC)

static const struct json_limits limits = { 16, 2048, 256, 64 };

static struct tenant_row nobody(void)
{
	return (struct tenant_row){ .id = 7,
		                    .kind = TENANT_KEY,
		                    .name = STR("k"),
		                    .caps = TENANT_CAPS_NONE,
		                    .per_user = TENANT_CAPS_NONE };
}

static void check_caps(const struct tenant_caps *a, const struct tenant_caps *b)
{
	assert(a->rpm == b->rpm && a->tpm == b->tpm && a->concurrent == b->concurrent);
	for (int i = 0; i < BUDGET_WINDOWS; i++)
		assert(a->budget[i] == b->budget[i]);
}

static void check_same(const struct tenant_row *a, const struct tenant_row *b)
{
	check_caps(&a->caps, &b->caps);
	check_caps(&a->per_user, &b->per_user);
	assert(a->soft == b->soft && a->phi == b->phi);
	assert(a->on_exhausted == b->on_exhausted);
	assert(str_eq(a->downgrade, b->downgrade) && str_eq(a->tags, b->tags));
	assert(str_eq(a->routes, b->routes) && str_eq(a->models, b->models));
	assert(str_eq(a->providers, b->providers) && str_eq(a->regions, b->regions));
}

/* What may be set, out of what was written. */
static void copy_settable(struct json_value node, struct buf *to)
{
	static const char *const names[] = { "limits", "user_limits",  "allow",
		                             "tags",   "metadata",     "soft",
		                             "phi",    "on_exhausted", "downgrade" };
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	for (size_t i = 0; i < countof(names); i++) {
		json_key(&w, str_from_z(names[i]));
		json_raw(&w, json_get(node, str_from_z(names[i])).raw);
	}
	json_close(&w, '}');
}

static void write_and_read(const struct tenant_row *row, struct arena *keep)
{
	struct buf out = BUF_LIMIT(256 * KiB), again = BUF_LIMIT(256 * KiB);
	struct buf why = BUF_LIMIT(KiB);
	struct json_writer w = { .to = &out };
	struct tenant_row other = nobody();
	struct json_value node, set;
	str param;

	json_open(&w, '{');
	tenant_write(&w, row, NULL, STR_NONE, NOW);
	json_close(&w, '}');
	assert(!out.over && str_find(buf_str(&out), '\n') == out.len);
	assert(!json_check(buf_str(&out), &limits, &node));
	copy_settable(node, &again);
	assert(!json_check(buf_str(&again), &limits, &set));
	bool is_set = tenant_patch(&other, set, NOW, keep, &why, &param);
	assert(is_set);
	check_same(row, &other);
	/* Each name that is a pattern without a star means itself. */
	for (str rest = row->models; rest.len;) {
		str one = str_cut(&rest, ',');

		assert(access_matches(row->models, one));
	}
	buf_free(&out);
	buf_free(&again);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct buf why = BUF_LIMIT(64 * KiB);
	struct tenant_row row = nobody();
	struct json_value set;
	str param = STR_NONE;

	if (size <= 64 * KiB && !json_check(fuzz_input(data, size), &limits, &set)) {
		if (tenant_patch(&row, set, NOW, &keep, &why, &param))
			write_and_read(&row, &keep);
		else
			assert(why.len > 0);
	}
	buf_free(&why);
	arena_done(&keep);
	return 0;
}
