/* What is in force is shown as it would be written. */
#include "admin/config_view.h"
#include "tests/unit/config/helper.h"

static void check_has(str view, const char *piece)
{
	if (!str_has(view, str_from_z(piece)))
		check_failed(__FILE__, __LINE__, "%s is not in %.*s", piece,
		             STR_ARG(view));
}

TEST(the_view_has_all_that_is_written)
{
	struct buf view = BUF_LIMIT(64 * KiB);
	struct json_writer w = { .to = &view };
	struct reading r;

	read_text(&r,
	          STR("version: 1\n"
	              "providers:\n"
	              "  mock:\n"
	              "    discount: 12.5%\n"
	              "    prices: { x: { image: $0.04, output: free } }\n"
	              "prices: { mock/y: { input: $2.50/1M, since: 2026-11-01, "
	              "tiers: [{ above: 200000, input: $5/1k }] } }\n"
	              "log: { bodies: all, redact: [iban, \"/ACME-[0-9]+/\", email] }\n"
	              "routes:\n  a: { targets: [mock/x] }\n"
	              "  b: { targets: [mock/y] }\n"
	              "trials: { t: { route: a, candidate: b, share: 10% } }\n"));
	if (CHECK(r.config)) {
		config_view_write(r.config, &w);
		CHECK(!view.over);
		check_has(buf_str(&view), "\"discount\":\"12.5%\"");
		check_has(buf_str(&view),
		          "\"prices\":{\"x\":{\"output\":\"free\",\"image\":\"$0.04\","
		          "\"discount\":null,\"since\":null}}");
		check_has(buf_str(&view),
		          "\"prices\":{\"mock/y\":{\"input\":\"$2.5/1M\",\"discount\":"
		          "null,\"since\":\"2026-11-01\",\"tiers\":[{\"above\":200000,"
		          "\"input\":\"$5000/1M\"}]}}");
		check_has(buf_str(&view),
		          "\"redact\":[\"email\",\"iban\",\"/ACME-[0-9]+/\"]");
		check_has(buf_str(&view),
		          "\"trials\":{\"t\":{\"route\":\"a\",\"candidate\":\"b\","
		          "\"share\":\"10%\",\"until\":null,\"max_cost\":null}}");
	} else {
		print_notes(&r);
	}
	reading_done(&r);
	buf_free(&view);
}

/* 0 is none of the values that may be written there. */
TEST(what_is_never_or_unbounded_is_null)
{
	struct buf view = BUF_LIMIT(64 * KiB);
	struct json_writer w = { .to = &view };
	struct reading r;

	read_text(&r, STR("version: 1\nproviders: { mock: {} }\n"));
	if (CHECK(r.config)) {
		config_view_write(r.config, &w);
		check_has(buf_str(&view), "\"discover\":null");
		check_has(buf_str(&view), "\"probe\":null");
		check_has(buf_str(&view), "\"queue\":\"0ms\"");
		check_has(buf_str(&view),
		          "\"limits\":{\"rpm\":null,\"tpm\":null,\"concurrent\":null}");
		check_has(buf_str(&view), "\"ledger_max\":null");
		check_has(buf_str(&view), "\"ledger_keep\":\"forever\"");
		check_has(buf_str(&view), "\"discount\":\"0%\"");
	}
	reading_done(&r);
	buf_free(&view);
}
