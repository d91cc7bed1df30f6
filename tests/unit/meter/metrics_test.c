#include "meter/client_name.h"
#include "meter/metric_series.h"
#include "meter/metrics.h"
#include "tests/check.h"

#include <stdio.h>

static bool knows(void *arg, str provider, str model)
{
	(void)arg;
	(void)provider;
	return !str_starts(model, STR("made-up"));
}

static bool team(void *arg, uint64_t id, struct buf *ret)
{
	(void)arg;
	return id == 7 && buf_add(ret, STR("blue \"team\"\n"));
}

static struct metrics *start(unsigned series, bool keys)
{
	return metrics_new(&(struct metrics_options){
	        .series = series, .keys = keys, .knows = knows, .team = team });
}

static struct attempt_row row_of(uint64_t n)
{
	return (struct attempt_row){
		.id = n << 8,
		.exchange = n << 8,
		.number = 1,
		.key = 0xabc,
		.began_wall = 1795441077790763,
		.route = STR("fast"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.stream = true,
		.state = ROW_DONE,
		.status = 200,
		.first_token = 250000,
		.total = 1500000,
		.usage_kind = USAGE_REPORTED,
		.usage = { .input = 10, .cache_read = 4, .output = 20 },
		.cost = 1500,
		.closes = true,
		.client_status = 200,
		.exchange_total = 1500001,
		.overhead = 75,
		.attempts = 1,
		.agent = STR("claude-cli/2.1.330 (external, cli)"),
	};
}

static struct buf page = BUF_LIMIT(METRIC_PAGE_MOST);

static void write_page(struct metrics *m, bool openmetrics)
{
	buf_clear(&page);
	CHECK(metrics_write(m, &page, openmetrics));
}

static bool has_line(const char *line)
{
	char with_end[512];

	snprintf(with_end, sizeof(with_end), "\n%s\n", line);
	if (str_has(buf_str(&page), str_from_z(with_end)))
		return true;
	printf("no line: %s\n", line);
	return false;
}

static unsigned lines_with(str what)
{
	str rest = buf_str(&page);
	unsigned count = 0;

	while (rest.len > 0)
		count += str_has(str_cut(&rest, '\n'), what);
	return count;
}

static void end(struct metrics **m)
{
	metrics_free(m);
	buf_free(&page);
}

TEST(metrics_count_what_a_row_says)
{
	struct metrics *m = start(100, false);
	struct attempt_row row = row_of(1);

	metrics_row(m, &row);
	row.team = 7;
	row.cost = 2000000001;
	metrics_row(m, &row);
	row.cost = COST_UNKNOWN;
	row.usage_kind = USAGE_UNKNOWN;
	row.flags = ROW_CUT;
	metrics_row(m, &row);
	write_page(m, false);
	CHECK(has_line("sluice_requests_total{route=\"fast\",client=\"claude-code\","
	               "status_class=\"2xx\",error=\"none\"} 3"));
	CHECK(has_line("sluice_upstream_attempts_total{provider=\"openai\","
	               "model=\"gpt-5-mini\",outcome=\"ok\"} 3"));
	CHECK(has_line("sluice_tokens_total{provider=\"openai\",model=\"gpt-5-mini\","
	               "type=\"cache_read\"} 12"));
	CHECK(has_line("sluice_cost_usd_total{provider=\"openai\",model=\"gpt-5-mini\","
	               "team=\"none\"} 0.0000015"));
	/* The team's name, escaped. */
	CHECK(has_line("sluice_cost_usd_total{provider=\"openai\",model=\"gpt-5-mini\","
	               "team=\"blue \\\"team\\\"\\n\"} 2.000000001"));
	CHECK(has_line("sluice_cost_unknown_total{provider=\"openai\","
	               "model=\"gpt-5-mini\"} 1"));
	CHECK(has_line("sluice_odd_answers_total{provider=\"openai\","
	               "model=\"gpt-5-mini\",oddity=\"cut\"} 1"));
	CHECK(has_line("sluice_request_duration_seconds_sum{route=\"fast\","
	               "mode=\"stream\"} 4.500003"));
	CHECK(has_line("sluice_overhead_seconds_bucket{le=\"0.00005\"} 0"));
	/* A bound belongs to its bucket. */
	CHECK(has_line("sluice_overhead_seconds_bucket{le=\"0.000075\"} 3"));
	CHECK(has_line("sluice_overhead_seconds_bucket{le=\"+Inf\"} 3"));
	CHECK(has_line("sluice_time_to_first_token_seconds_bucket{provider=\"openai\","
	               "model=\"gpt-5-mini\",le=\"0.25\"} 3"));
	CHECK(!str_has(buf_str(&page), STR("sluice_key_")));
	end(&m);
}

TEST(metrics_of_an_exchange_that_failed_over)
{
	struct metrics *m = start(100, false);
	struct attempt_row row = row_of(1);

	row.closes = false;
	row.fault = STR("UPSTREAM_BUSY");
	row.agent = STR_NONE;
	metrics_row(m, &row);
	row.closes = true;
	row.number = 2;
	row.provider = STR("anthropic");
	row.fault = STR("NOT_A_FAULT_OF_OURS");
	row.client_status = 0;
	metrics_row(m, &row);
	/* Refused before any attempt; the shadow of a trial is no request. */
	row = (struct attempt_row){ .id = 3,
		                    .exchange = 3,
		                    .closes = true,
		                    .state = ROW_DONE,
		                    .client_status = 401,
		                    .fault = STR("NO_KEY") };
	metrics_row(m, &row);
	row = row_of(4);
	row.flags = ROW_SHADOW;
	row.route = STR("shadow");
	metrics_row(m, &row);
	write_page(m, false);
	CHECK(has_line("sluice_upstream_attempts_total{provider=\"openai\","
	               "model=\"gpt-5-mini\",outcome=\"provider_upstream_busy\"} 1"));
	CHECK(has_line("sluice_requests_total{route=\"fast\",client=\"none\","
	               "status_class=\"none\",error=\"gateway_other\"} 1"));
	CHECK(has_line("sluice_requests_total{route=\"none\",client=\"none\","
	               "status_class=\"4xx\",error=\"caller_no_key\"} 1"));
	CHECK(!str_has(buf_str(&page), STR("route=\"shadow\"")));
	CHECK_INT(lines_with(STR("sluice_requests_total{")), 2);
	end(&m);
}

/* Every label that a client could choose is bounded. */
TEST(metrics_do_not_grow_with_what_clients_write)
{
	struct metrics *m = start(10, true);
	char model[64], agent[64];

	for (unsigned i = 0; i < 5000; i++) {
		struct attempt_row row = row_of(i + 1);
		int n = snprintf(model, sizeof(model), "%s-%u",
		                 i % 2 ? "made-up" : "real", i);
		int k = snprintf(agent, sizeof(agent), "agent-%u", i);

		row.model = str_of(model, (size_t)n);
		row.agent = str_of(agent, (size_t)k);
		row.key = i + 1;
		metrics_row(m, &row);
	}
	write_page(m, true);
	/* Ten and the one which stands for all others. */
	CHECK_INT(lines_with(STR("sluice_upstream_attempts_total{")), 11);
	CHECK_INT(lines_with(STR("sluice_requests_total{")), 1);
	CHECK_INT(lines_with(STR("sluice_key_requests_total{")), 11);
	CHECK(str_has(buf_str(&page),
	              STR("sluice_upstream_attempts_total{provider=\"openai\","
	                  "model=\"other\",outcome=\"ok\"} 2500 #")));
	CHECK(str_has(buf_str(&page),
	              STR("sluice_upstream_attempts_total{provider=\"other\","
	                  "model=\"other\",outcome=\"ok\"} 2491 #")));
	CHECK(!str_has(buf_str(&page), STR("made-up")));
	CHECK(!str_has(buf_str(&page), STR("agent-")));
	CHECK(lines_with(STR("sluice_metrics_overflow_total{")) > 0);
	end(&m);
}

/* There may be more keys than anything else: they take no names from it. */
TEST(metrics_by_key_leave_names_to_others)
{
	enum { ROWS = 70000 };
	struct metrics *m = start(10, true);
	struct attempt_row row;

	for (unsigned i = 0; i < ROWS; i++) {
		row = row_of(i + 1);
		row.key = i + 1;
		metrics_row(m, &row);
	}
	row.model = STR("new");
	metrics_row(m, &row);
	write_page(m, false);
	CHECK(has_line("sluice_upstream_attempts_total{provider=\"openai\","
	               "model=\"new\",outcome=\"ok\"} 1"));
	CHECK_INT(lines_with(STR("sluice_key_requests_total{")), 11);
	CHECK(has_line("sluice_key_requests_total{key=\"other\"} 69991"));
	CHECK(has_line(
	        "sluice_metrics_overflow_total{metric=\"sluice_key_requests\"} 69991"));
	CHECK(!str_has(buf_str(&page), STR("metric=\"names\"")));
	/* A reload with more room: also for whom was seen before. */
	metrics_limit(m, 1000, true);
	metrics_row(m, &row);
	write_page(m, false);
	CHECK(has_line("sluice_key_requests_total{key=\"000000011170\"} 1"));
	end(&m);
}

/* However many series are allowed: what the page has no room for counts as `other`. */
TEST(metrics_always_fit_on_their_page)
{
	enum { MODELS = 16000 };
	struct metrics *m = start(MODELS, false);
	char model[64];

	for (unsigned i = 0; i < MODELS; i++) {
		struct attempt_row row = row_of(i + 1);
		int n = snprintf(model, sizeof(model), "real-%u", i);

		row.model = str_of(model, (size_t)n);
		metrics_row(m, &row);
	}
	write_page(m, true);
	CHECK_INT(lines_with(STR("sluice_upstream_attempts_total{")), MODELS);
	CHECK(lines_with(STR("sluice_upstream_duration_seconds_count{")) > 1000);
	CHECK(str_has(buf_str(&page), STR("\nsluice_upstream_duration_seconds_count{"
	                                  "provider=\"other\",model=\"other\"} ")));
	CHECK(str_has(buf_str(&page),
	              STR("\nsluice_metrics_overflow_total{"
	                  "metric=\"sluice_upstream_duration_seconds\"} ")));
	end(&m);
}

TEST(metrics_count_every_row_somewhere)
{
	struct metrics *m = start(3, false);
	char model[64];
	uint64_t sum = 0;
	str rest;

	for (unsigned i = 0; i < 1000; i++) {
		struct attempt_row row = row_of(i + 1);
		int n = snprintf(model, sizeof(model), "real-%u", i % 50);

		row.model = str_of(model, (size_t)n);
		row.fault = fault_by_id((enum fault_id)(1 + i % (FAULT_IDS - 1)))->name;
		metrics_row(m, &row);
	}
	write_page(m, false);
	rest = buf_str(&page);
	while (rest.len > 0) {
		str line = str_cut(&rest, '\n');
		uint64_t value = 0;

		if (!str_starts(line, STR("sluice_upstream_attempts_total{")))
			continue;
		CHECK(str_to_u64(str_from(line, str_find_last(line, ' ') + 1), &value));
		sum += value;
	}
	CHECK_INT(sum, 1000);
	end(&m);
}

TEST(metrics_as_openmetrics)
{
	struct metrics *m = start(10, false);
	struct attempt_row row = row_of(0x66126a45a30bd);

	metrics_row(m, &row);
	write_page(m, true);
	CHECK(str_ends(buf_str(&page), STR("\n# EOF\n")));
	CHECK(has_line("# TYPE sluice_cost_usd counter"));
	CHECK(has_line("# UNIT sluice_cost_usd usd"));
	CHECK(has_line("sluice_overhead_seconds_bucket{le=\"0.000075\"} 1 # "
	               "{trace_id=\"066126a45a30bd004896c3e7551c8053\",request_id="
	               "\"066126a45a30bd00\"} 0.000075 1795441079.290763"));
	CHECK_INT(lines_with(STR("sluice_requests_created{")), 1);
	write_page(m, false);
	CHECK(has_line("# TYPE sluice_cost_usd_total counter"));
	CHECK_INT(lines_with(STR("# {")), 0);
	CHECK_INT(lines_with(STR("_created")), 0);
	CHECK_INT(lines_with(STR("# UNIT")), 0);
	CHECK_INT(lines_with(STR("# EOF")), 0);
	end(&m);
}

TEST(metrics_media_types)
{
	CHECK(metric_wants_openmetrics(
	        STR("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")));
	CHECK(metric_wants_openmetrics(STR("text/plain , Application/OpenMetrics-Text")));
	CHECK(!metric_wants_openmetrics(
	        STR("application/openmetrics-text;q=0.0, text/plain")));
	CHECK(metric_wants_openmetrics(STR("application/openmetrics-text; q=0.01")));
	CHECK(!metric_wants_openmetrics(STR("*/*")));
	CHECK(!metric_wants_openmetrics(STR_NONE));
}

TEST(metric_labels_are_escaped)
{
	struct metric_page p;

	metric_page_init(&p, false, 0);
	metric_sample(&p, METRIC_CIRCUIT, &STR("a\"b\\c\nd\xff\xc3\xa4\r{},="), -2, NULL);
	CHECK(metric_page_end(&p, &page));
	CHECK(str_has(buf_str(&page),
	              STR("\nsluice_circuit_state{provider=\"a\\\"b\\\\c\\nd\xef\xbf\xbd"
	                  "\xc3\xa4\r{},=\"} -2\n")));
	buf_free(&page);
}

TEST(metric_names_that_would_look_alike_are_other)
{
	struct metric_names n = { 0 };
	char longest[NAME_LONGEST + 1];

	memset(longest, 'a', sizeof(longest));
	CHECK_INT(names_put(&n, STR("a\xff")), NAME_OTHER);
	CHECK_INT(names_put(&n, STR("other")), NAME_OTHER);
	CHECK_INT(names_put(&n, str_of(longest, sizeof(longest))), NAME_OTHER);
	CHECK_INT(names_put(&n, str_of(longest, NAME_LONGEST)), 1);
	CHECK_INT(names_put(&n, STR("b")), 2);
	CHECK_INT(names_find(&n, STR("b")), 2);
	CHECK_INT(names_find(&n, STR("c")), NAME_OTHER);
	names_done(&n);
}

TEST(clients_by_their_agent)
{
	CHECK_STR(client_name(STR("claude-cli/2.1.330 (external, cli)")), "claude-code");
	CHECK_STR(client_name(STR("OpenAI/JS 7.57.0")), "openai-js");
	CHECK_STR(client_name(STR("AsyncOpenAI/Python 1.2")), "openai-python");
	CHECK_STR(client_name(STR("curl/8.1")), "curl");
	CHECK_STR(client_name(STR("sluice-try/" SLUICE_VERSION)), "sluice");
	CHECK_STR(client_name(STR("x\ny")), "other");
	CHECK_STR(client_name(STR_NONE), "none");
}
