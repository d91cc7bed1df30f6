#include "meter/otlp_format.h"

#include "codec/json.h"
#include "tests/check.h"

TEST(otlp_counts_what_a_collector_has_rejected)
{
	static const struct {
		str body;
		uint64_t want;
	} rows[] = {
		{ STR_INIT("{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}"), 3 },
		{ STR_INIT("{\"partialSuccess\":{\"rejectedSpans\":4}}"), 4 },
		{ STR_INIT("{\"partialSuccess\":{\"rejectedSpans\":\"12\"}}"), 10 },
		{ STR_INIT("{\"partialSuccess\":{\"rejectedSpans\":-1}}"), 0 },
		{ STR_INIT("{\"partialSuccess\":{\"rejectedSpans\":\"all\"}}"), 0 },
		{ STR_INIT("{\"partialSuccess\":{\"errorMessage\":\"3\"}}"), 0 },
		{ STR_INIT("{}"), 0 },
		{ STR_INIT("thanks"), 0 },
		{ STR_INIT(""), 0 },
	};

	for (size_t i = 0; i < countof(rows); i++)
		CHECK_INT(otlp_rejected(rows[i].body, 10), rows[i].want);
}

TEST(otlp_repeats_what_may_go_well_later)
{
	static const struct {
		int status;
		bool want;
	} rows[] = {
		{ 0, true },    { 429, true },  { 502, true },  { 503, true },
		{ 504, true },  { 301, false }, { 400, false }, { 401, false },
		{ 413, false }, { 500, false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct otlp_reply r = { .status = rows[i].status };

		CHECK(otlp_may_repeat(&r) == rows[i].want);
	}
	CHECK(!otlp_may_repeat(&(struct otlp_reply){ .why = FAULT_ADDRESS_FORBIDDEN }));
}

/* The last of a list. */
static struct json_value last_of(struct json_value list)
{
	struct json_member each = { .key = STR_NONE };

	for (struct json_iter it = json_iter(list); json_next(&it, &each);)
		;
	return each.value;
}

TEST(otlp_has_spans_between_its_beginning_and_its_end)
{
	static const struct json_limits limits = { 16, 1000, 1024, 64 };
	struct otlp_settings settings = { .service = STR("sluice-a") };
	struct buf body = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &body };
	struct json_value v;

	otlp_open(&w, &settings);
	json_raw(&w, STR("{\"name\":\"one\"}"));
	json_raw(&w, STR("{\"name\":\"two\"}"));
	otlp_close(&w);
	if (CHECK(!json_check(buf_str(&body), &limits, &v))) {
		v = last_of(json_get(v, STR("resourceSpans")));
		v = last_of(json_get(v, STR("scopeSpans")));
		v = last_of(json_get(v, STR("spans")));
		CHECK_STR(v.raw, "{\"name\":\"two\"}");
		CHECK(str_has(buf_str(&body), STR("sluice-a")));
	}
	buf_free(&body);
}
