#include "codec/redact.h"
#include "tests/unit/config/helper.h"

static void read_log(struct reading *r, const char *log)
{
	char text[600];

	snprintf(text, sizeof(text), "version: 1\nproviders: { mock: {} }\nlog: %s\n",
	         log);
	read_text(r, str_from_z(text));
}

TEST(nothing_is_kept_unless_it_is_written)
{
	struct reading r;

	read_text(&r, STR("version: 1\nproviders: { mock: {} }\n"));
	if (CHECK(r.config)) {
		CHECK_INT(r.config->log.bodies, LOG_BODIES_OFF);
		CHECK_INT(r.config->log.keep, 30 * 24 * USEC_HOUR);
		CHECK_INT(r.config->log.max, 5ull * 1024 * MiB);
		CHECK_INT(r.config->log.redact, 0);
	}
	reading_done(&r);
}

TEST(what_is_kept_is_read)
{
	struct reading r;

	read_log(&r,
	         "{ bodies: errors, redact: [email, iban, \"/AC-[0-9]+/\"], keep: 7d }");
	if (CHECK(r.config)) {
		CHECK_INT(r.config->log.bodies, LOG_BODIES_ERRORS);
		CHECK_INT(r.config->log.redact, REDACT_EMAIL | REDACT_IBAN);
		CHECK_STR(str_from_z(r.config->log.patterns[0]), "AC-[0-9]+");
		CHECK(!r.config->log.patterns[1]);
		CHECK_INT(r.config->log.keep, 7 * 24 * USEC_HOUR);
	} else {
		print_notes(&r);
	}
	reading_done(&r);
}

TEST(what_is_taken_out_of_nothing_is_warned_of)
{
	struct reading r;

	read_log(&r, "{ redact: [email] }");
	CHECK(r.config && r.notes.warnings == 1 && !strcmp(r.notes.list[0].code, "W046"));
	reading_done(&r);
	read_log(&r, "{ redact: [email], bodies: all }");
	CHECK(r.config && r.notes.warnings == 0);
	reading_done(&r);
}

TEST(what_cannot_be_taken_out_is_refused)
{
	static const struct {
		const char *log, *code;
	} rows[] = {
		{ "{ redact: [mail] }", "E112" },
		{ "{ redact: [\"/a(b/\"] }", "E110" },
		{ "{ redact: [\"/(a)\\\\1/\"] }", "E110" },
		{ "{ redact: email }", "E107" },
		{ "{ bodies: some }", "E112" },
		{ "{ keep: 1s }", "E111" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;

		read_log(&r, rows[i].log);
		if (!CHECK(!r.config && r.notes.errors == 1 &&
		           !strcmp(r.notes.list[0].code, rows[i].code))) {
			fprintf(stderr, "%s\n", rows[i].log);
			print_notes(&r);
		}
		reading_done(&r);
	}
}
