#include "admin/usage_file.h"
#include "tests/check.h"

#include <stdio.h>

#define DAY_2026_11_01 20758

static bool read_text(struct usage_file *f, const char *csv)
{
	struct buf why = BUF_LIMIT(KiB);
	bool ok = usage_file_read(f, str_from_z(csv), &why);

	CHECK(ok == (why.len == 0));
	buf_free(&why);
	return ok;
}

TEST(usage_file_of_openai_is_read)
{
	struct usage_file f;

	/* Cached tokens are of the input. */
	CHECK(read_text(
	        &f, "start_time,start_time_iso,model,num_model_requests,input_tokens,"
	            "input_cached_tokens,output_tokens\r\n"
	            "1793491200,2026-11-01T00:00:00Z,gpt-5-mini-2025-08-07,3,100,60,7\r\n"
	            "1793491200,2026-11-01T00:00:00Z,gpt-5-mini-2025-08-07,1,10,0,3\r\n"
	            "1793577600,2026-11-02T00:00:00Z,gpt-5,1,5,0,1\r\n"));
	CHECK_INT(f.count, 2);
	struct usage_line *line = usage_file_find(&f, DAY_2026_11_01, STR("gpt-5-mini"));
	if (CHECK(line)) {
		CHECK_INT(line->input, 110);
		CHECK_INT(line->output, 10);
		CHECK_INT(line->requests, 4);
	}
	CHECK(!f.has_amount && f.has_tokens);
	CHECK(usage_file_find(&f, DAY_2026_11_01 + 1, STR("gpt-5")));
	usage_file_done(&f);
}

TEST(usage_file_of_anthropic_is_read)
{
	struct usage_file f;

	/* Cached tokens come beside the input. */
	CHECK(read_text(
	        &f, "\xef\xbb\xbfusage_date_utc,model_version,api_key,"
	            "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
	            "usage_input_tokens_cache_read,usage_output_tokens\n"
	            "2026-11-01,claude-haiku-4-5-20251001,\"key, \"\"one\"\"\",1,2,4,9\n"
	            "Total,,,1,2,4,9\n"));
	CHECK_INT(f.count, 1);
	CHECK_INT(f.skipped, 1);
	CHECK_INT(f.lines[0].input, 7);
	CHECK_INT(f.lines[0].output, 9);
	usage_file_done(&f);
	CHECK(read_text(&f, "Date,Model,Cost (USD),Cost_USD\n2026-11-01,claude,1,0.5\n"));
	CHECK_INT(f.lines[0].amount, 1000000000);
	usage_file_done(&f);
}

/* What the admin API says, flattened: of what was cached for how long, in cents. */
TEST(usage_file_of_anthropics_api_is_read)
{
	struct usage_file f;

	CHECK(read_text(&f, "starting_at,model,uncached_input_tokens,"
	                    "cache_creation.ephemeral_5m_input_tokens,"
	                    "cache_creation.ephemeral_1h_input_tokens,"
	                    "cache_read_input_tokens,output_tokens\n"
	                    "2026-11-01T00:00:00Z,claude-haiku-4-5,1,2,4,8,9\n"));
	CHECK_INT(f.count == 1 ? f.lines[0].input : 0, 15);
	usage_file_done(&f);
	/* The whole and its parts. */
	CHECK(read_text(&f, "date,model,input_tokens,cache_creation_input_tokens,"
	                    "ephemeral_5m_input_tokens,ephemeral_1h_input_tokens\n"
	                    "2026-11-01,claude-haiku-4-5,1,6,2,4\n"));
	CHECK_INT(f.count == 1 ? f.lines[0].input : 0, 7);
	usage_file_done(&f);
	CHECK(read_text(&f, "starting_at,currency,amount,model\n"
	                    "2026-11-01T00:00:00Z,USD,123.45678,claude-haiku-4-5\n"));
	CHECK_INT(f.count == 1 ? f.lines[0].amount : 0, 1234567800);
	usage_file_done(&f);
	CHECK(read_text(&f, "date,amount,cost_type,currency,model\n"
	                    "2026-11-01,1,tokens,USD,claude-haiku-4-5\n"));
	CHECK_INT(f.count == 1 ? f.lines[0].amount : 0, 10000000);
	usage_file_done(&f);
	/* Anybody else's are dollars. */
	CHECK(read_text(&f, "date,amount,currency,model\n2026-11-01,1,USD,gpt-5\n"));
	CHECK_INT(f.count == 1 ? f.lines[0].amount : 0, 1000000000);
	usage_file_done(&f);
}

TEST(usage_file_without_what_is_needed_is_refused)
{
	struct usage_file f;

	CHECK(!read_text(&f, ""));
	usage_file_done(&f);
	CHECK(!read_text(&f, "model,input_tokens\ngpt-5,1\n"));
	usage_file_done(&f);
	CHECK(!read_text(&f, "date,input_tokens\n2026-11-01,1\n"));
	usage_file_done(&f);
	CHECK(!read_text(&f, "date,model\n2026-11-01,gpt-5\n"));
	usage_file_done(&f);
}

TEST(usage_file_is_written_as_it_was_read)
{
	struct usage_file f, again;
	struct buf csv = BUF_LIMIT(MiB), twice = BUF_LIMIT(MiB);

	CHECK(read_text(&f, "date,model,input_tokens,output_tokens,requests,cost\n"
	                    "2026-11-02,\"a \"\"b\"\",\nc\",1,2,3,$0.000000001\n"
	                    "2026-11-01,=x-2026-01-01-20260101,10,20,1,-1.5\n"
	                    "2026-11-02,\"A \"\"B\"\",\nc\",1,2,3,2e-9\n"
	                    "9999-12-31,y,1,1,1,9223372036.854775807\n"
	                    "9999-12-31,y,1,1,1,9223372036.854775807\n"));
	CHECK_INT(f.count, 3);
	usage_file_write(&f, &csv);
	CHECK(read_text(&again, buf_z(&csv)));
	usage_file_write(&again, &twice);
	CHECK(str_eq(buf_str(&csv), buf_str(&twice)));
	usage_file_sort(&again);
	CHECK_STR(again.lines[0].model, "=x");
	CHECK_INT(again.lines[0].amount, -1500000000);
	const struct usage_line *line =
	        usage_file_find(&again, DAY_2026_11_01 + 1, STR("a \"B\",\nC"));
	if (CHECK(line)) {
		CHECK_INT(line->input, 2);
		CHECK_INT(line->requests, 6);
		CHECK_INT(line->amount, 3);
	}
	usage_file_done(&f);
	usage_file_done(&again);
	buf_free(&csv);
	buf_free(&twice);
}

static void check_again(struct usage_file *f)
{
	struct buf csv = BUF_LIMIT(64 * KiB), twice = BUF_LIMIT(64 * KiB);
	struct usage_file again;

	usage_file_write(f, &csv);
	CHECK(read_text(&again, buf_z(&csv)));
	CHECK_INT(again.unread, 0);
	usage_file_write(&again, &twice);
	CHECK_STR_EQ(buf_str(&twice), buf_str(&csv));
	usage_file_done(&again);
	usage_file_done(f);
	buf_free(&csv);
	buf_free(&twice);
}

/* The command sends what it has read: sums have to be figures that can be read. */
TEST(usage_sums_beyond_all_figures_are_written_as_figures)
{
	static const char *const files[] = {
		"date,model,output_tokens\n2026-11-01,m,92233720368547758\n"
		"2026-11-01,m,92233720368547758\n",
		"date,model,uncached_input_tokens,cache_read_input_tokens\n"
		"2026-11-01,m,92233720368547758,92233720368547758\n",
		"date,model,cost\n2026-11-01,m,-9223372036.854775807\n"
		"2026-11-01,m,-0.000000001\n",
		"date,model,cost\n2026-11-01,m,9223372036\n2026-11-01,m,9223372036\n",
	};
	struct buf csv = BUF_LIMIT(KiB);
	struct usage_file f;

	for (size_t i = 0; i < countof(files); i++) {
		CHECK(read_text(&f, files[i]));
		CHECK_INT(f.count, 1);
		check_again(&f);
	}
	/* A name is cut where its rest ends with a date. */
	buf_add(&csv, STR("date,model,cost\n2026-11-01,"));
	for (unsigned i = 0; i < 247; i++)
		buf_add_char(&csv, 'm');
	buf_add(&csv, STR("-20250929-and-more,1\n"));
	CHECK(read_text(&f, buf_z(&csv)));
	CHECK_INT(f.lines[0].model.len, 247);
	check_again(&f);
	buf_free(&csv);
}

TEST(usage_figures_that_cannot_be_read_are_counted)
{
	static const struct {
		const char *row;
		unsigned unread;
		uint64_t input;
		nanousd amount;
	} rows[] = {
		{ "2026-11-01,m,1.5e+06,1", 0, 1500000, 1000000000 },
		{ "2026-11-01,m,\"1,234\",", 0, 1234, 0 },
		{ "2026-11-01,m,1234.0,$1", 0, 1234, 1000000000 },
		{ "2026-11-01,m,1200e-2,$1", 0, 12, 1000000000 },
		{ "2026-11-01,m,0e20,0", 0, 0, 0 },
		{ "2026-11-01,m,abc,1", 1, 0, 1000000000 },
		{ "2026-11-01,m,1.5,1", 1, 0, 1000000000 },
		{ "2026-11-01,m,-3,1", 1, 0, 1000000000 },
		{ "2026-11-01,m,1e19,1", 1, 0, 1000000000 },
		{ "2026-11-01,m,7,EUR 5", 1, 7, 0 },
		{ "2026-11-01,m,x,EUR 5", 2, 0, 0 },
	};
	static const char *const days[] = { "2026-02-31", "2026-13-01", "2026-00-10" };
	struct usage_file f;
	char text[256];

	for (size_t i = 0; i < countof(rows); i++) {
		snprintf(text, sizeof(text), "date,model,input_tokens,cost\n%s\n",
		         rows[i].row);
		CHECK(read_text(&f, text));
		CHECK_INT(f.unread, rows[i].unread);
		CHECK_INT(f.unread_row, rows[i].unread ? 2 : 0);
		CHECK_INT(f.count, 1);
		if (f.count == 1) {
			CHECK_INT(f.lines[0].input, rows[i].input);
			CHECK_INT(f.lines[0].amount, rows[i].amount);
		}
		usage_file_done(&f);
	}
	for (size_t i = 0; i < countof(days); i++) {
		snprintf(text, sizeof(text), "date,model,cost\n2026-11-01,m,1\n%s,m,1\n",
		         days[i]);
		CHECK(read_text(&f, text));
		CHECK_INT(f.count, 1);
		CHECK_INT(f.unread, 1);
		CHECK_INT(f.unread_row, 3);
		CHECK_STR_EQ(f.unread_text, str_from_z(days[i]));
		usage_file_done(&f);
	}
	CHECK(read_text(&f, "date,model,cost\nTotal,,3\n"));
	CHECK_INT(f.unread, 0);
	usage_file_done(&f);
}
