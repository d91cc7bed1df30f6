#include "meter/trace.h"
#include "tests/check.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TEST(traceparent_is_read_and_written)
{
	struct buf text = BUF_LIMIT(128);
	struct trace_parent p;

	if (!CHECK(trace_parse(STR(GOOD), &p)))
		return;
	CHECK_INT(p.trace[0], 0x4b);
	CHECK_INT(p.span[7], 0xb7);
	str carried = str_of((const char *)&p, sizeof(p));
	CHECK(trace_is_sampled(carried, 1, 0));
	trace_write(&text, carried, 1, 2, 0);
	CHECK_INT(text.len, TRACE_PARENT_TEXT);
	CHECK(str_starts(buf_str(&text), STR("00-4bf92f3577b34da6a3ce929d0e0e4736-")));
	CHECK(!str_has(buf_str(&text), STR("00f067aa0ba902b7")));
	CHECK(str_ends(buf_str(&text), STR("-01")));
	p.flags = 0;
	CHECK(!trace_is_sampled(carried, 1, SAMPLE_ALL));
	buf_clear(&text);
	trace_write(&text, STR_NONE, 0x066126a45a30bd00, 2, SAMPLE_ALL);
	CHECK(str_starts(buf_str(&text), STR("00-066126a45a30bd00")));
	CHECK(str_ends(buf_str(&text), STR("-01")));
	buf_clear(&text);
	trace_write(&text, STR_NONE, 0x066126a45a30bd00, 2, 0);
	CHECK(str_ends(buf_str(&text), STR("-00")));
	CHECK(trace_parse(buf_str(&text), &p));
	buf_free(&text);
}

TEST(traceparent_that_is_not_valid)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
		"00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
	};
	struct trace_parent p;

	for (unsigned i = 0; i < countof(bad); i++)
		if (!CHECK(!trace_parse(str_from_z(bad[i]), &p)))
			check_failed(__FILE__, __LINE__, "%s", bad[i]);
	/* A version of later times may say more. */
	CHECK(trace_parse(
	        STR("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"), &p));
}

TEST(span_ids_differ_and_a_share_is_sampled)
{
	unsigned tenth = 0, none = 0, all = 0;

	for (uint64_t i = 1; i <= 10000; i++) {
		uint64_t id = (1795441077790763 + i) << 8;
		uint8_t server[SPAN_ID], client[SPAN_ID];

		trace_span(SPAN_SERVER, id, server);
		trace_span(SPAN_CLIENT, id, client);
		CHECK(memcmp(server, client, SPAN_ID) != 0);
		tenth += trace_is_sampled(STR_NONE, id, SAMPLE_ALL / 10);
		none += trace_is_sampled(STR_NONE, id, 0);
		all += trace_is_sampled(STR_NONE, id, SAMPLE_ALL);
	}
	CHECK(tenth > 900 && tenth < 1100);
	CHECK_INT(none, 0);
	CHECK_INT(all, 10000);
}
