/* What a reload cannot change stays as it is, and is named. */
#include "main/restart.h"
#include "tests/unit/config/helper.h"

#define HEAD "version: 1\nproviders: { mock: {} }\n"

TEST(telemetry_stays_what_it_was_at_the_start)
{
	struct buf note = BUF_LIMIT(KiB);
	struct reading started, now;

	read_text(&started, STR(HEAD "telemetry: { otlp: { endpoint: "
	                             "\"http://127.0.0.1:4318\", sample: 100 } }\n"));
	read_text(&now, STR(HEAD "telemetry: { otlp: { endpoint: "
	                         "\"http://127.0.0.1:4319\", sample: 0 } }\n"));
	if (CHECK(started.config && now.config)) {
		restart_keep(now.config, started.config, started.config, &note);
		CHECK_STR(buf_str(&note), " telemetry");
		CHECK_INT(now.config->otlp.sample, 100);
		CHECK_STR(now.config->otlp.endpoint, "http://127.0.0.1:4318");
	}
	reading_done(&now);
	reading_done(&started);
	buf_free(&note);
}
