/* Free text for a tool, as the one member of a function's arguments. */
#include "tests/unit/wire/form.h"

TEST(input_comes_out_of_its_wrap_also_where_it_breaks_off)
{
	static const struct {
		const char *args, *input; /* between quotes of JSON */
	} rows[] = {
		{ "{\\\"input\\\":\\\"a\\\"}", "a" },
		{ "{\\\"input\\\": \\\"*** Begin\\\\nfoo", "*** Begin\\nfoo" },
		{ " { \\\"input\\\" : \\\"a\\\"", "a" },
		{ "{\\\"input\\\":\\\"a\\\\", "a" },
		{ "{\\\"input\\\":\\\"a\\\\u00", "a" },
		/* no wrap, or not broken off: better the arguments than half of them */
		{ "{\\\"other\\\":\\\"a", "{\\\"other\\\":\\\"a" },
		{ "{\\\"input\\\":\\\"say \\\"hi\\\"",
		  "{\\\"input\\\":\\\"say \\\"hi\\\"" },
		{ "{\\\"input\\\":\\\"a\\nb", "{\\\"input\\\":\\\"a\\nb" },
		{ "{\\\"inp", "{\\\"inp" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct arena keep = { .ceiling = MiB };

		CHECK_STR_EQ(chat_unwrap(&keep, str_from_z(rows[i].args)),
		             str_from_z(rows[i].input));
		arena_done(&keep);
	}
}
