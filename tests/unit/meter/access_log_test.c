#include "base/mem.h"
#include "codec/json.h"
#include "meter/access_line.h"
#include "meter/access_log.h"
#include "tests/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buf why = BUF_LIMIT(1 * KiB);

static struct attempt_row typical(void)
{
	return (struct attempt_row){
		.kind = 5, /* so the second line is made of what the first left */
		.id = 0x0660f1c266eb4601,
		.exchange = 0x0660f1c266eb4600,
		.number = 1,
		.key = 0x00ff,
		.began_wall = 1795441077790763,
		.operation = STR("chat"),
		.asked = STR("fast"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.request_bytes = 1000,
		.state = ROW_DONE,
		.status = 200,
		.finish = STR("stop"),
		.first_byte = 22,
		.total = 1000000,
		.usage_kind = USAGE_REPORTED,
		.usage = { .input = 10, .output = 20 },
		.cost = 1234567,
		.closes = true,
		.client_status = 200,
		.exchange_total = 1000100,
		.attempts = 2,
		.client = STR("::1"),
		.agent = STR("curl/8"),
	};
}

static str line_of(const struct attempt_row *row)
{
	static struct buf line = BUF_LIMIT(128 * KiB);
	struct access_memory memory = { .second = 0 };

	buf_clear(&line);
	buf_reserve(&line, 2 * ACCESS_LINE_MOST);
	access_line_add(&line, &memory, row);
	access_line_add(&line, &memory, row); /* what is remembered says the same */
	CHECK(str_eq(str_first(buf_str(&line), line.len / 2),
	             str_from(buf_str(&line), line.len / 2)));
	return str_first(buf_str(&line), line.len / 2);
}

TEST(access_line_is_json_of_one_line)
{
	struct attempt_row row = typical();

	CHECK_STR(
	        line_of(&row),
	        "{\"time\":\"2026-11-23T13:37:58.790Z\",\"id\":\"0660f1c266eb4600\","
	        "\"key\":\"0000000000ff\",\"operation\":\"chat\",\"asked\":\"fast\","
	        "\"provider\":\"openai\",\"model\":\"gpt-5-mini\",\"stream\":false,"
	        "\"status\":200,\"client_status\":200,\"finish\":\"stop\","
	        "\"usage_kind\":\"reported\",\"input_tokens\":10,\"output_tokens\":20,"
	        "\"cost_nano\":1234567,\"first_byte_us\":22,\"total_us\":1000000,"
	        "\"exchange_total_us\":1000100,\"overhead_us\":0,\"request_bytes\":1000,"
	        "\"answer_bytes\":0,\"attempts\":2,\"client\":\"::1\","
	        "\"agent\":\"curl/8\"}\n");
	row.key = 0;
	row.cost = COST_UNKNOWN;
	row.status = -7;
	str line = line_of(&row);
	CHECK(str_has(line, STR("\"cost_nano\":null")) && !str_has(line, STR("\"key\"")));
	CHECK(str_has(line, STR("\"status\":-7,")));
}

TEST(access_line_escapes_control_characters_that_json_lets_pass)
{
	struct attempt_row row = typical();

	row.asked = STR("a\x7f\xc2\x85z\xc2\xa0\xc2\x9f\n");
	CHECK(str_has(line_of(&row),
	              STR("\"asked\":\"a\\u007f\\u0085z\xc2\xa0\\u009f\\n\",")));
	row.asked = STR("\x7f"); /* all of its room is used */
	CHECK(str_has(line_of(&row), STR("\"asked\":\"\\u007f\",")));
}

TEST(access_line_escapes_whatever_comes)
{
	char text[16];

	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at < 12; at++) {
			struct attempt_row row = typical();

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			row.agent = str_of(text, 12);
			str line = line_of(&row);
			bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
			CHECK(!plain || str_has(line, row.agent));
			CHECK(c >= 0x20 || !str_has(line, row.agent));
			CHECK(str_find(line, '\n') == line.len - 1);
			for (size_t i = 0; i + 1 < line.len; i++)
				CHECK((unsigned char)line.ptr[i] >= 0x20);
			CHECK(str_ends(line, STR("\"}\n")));
		}
	}
	struct attempt_row row = typical();
	row.agent = STR("x\"}\n{\"id\":\"forged\"}");
	CHECK(str_has(line_of(&row),
	              STR("\"agent\":\"x\\\"}\\n{\\\"id\\\":\\\"forged\\\"}\"}")));
}

TEST(access_line_has_a_longest)
{
	struct attempt_row row = typical();
	char text[4000];

	memset(text, 1, sizeof(text));
	row.operation = row.asked = row.route = row.provider = row.model = row.fault =
	        row.detail = row.finish = row.answered_model = row.client = row.agent =
	                str_of(text, sizeof(text));
	row.usage = (struct token_usage){ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		                          UINT64_MAX, UINT64_MAX, UINT64_MAX };
	row.cost = INT64_MIN;
	CHECK(line_of(&row).len > 30 * KiB);
	CHECK(line_of(&row).len <= ACCESS_LINE_MOST);
}

static size_t read_file(const char *path, char *to, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, to, room);

	if (fd >= 0)
		close(fd);
	return n > 0 ? (size_t)n : 0;
}

static unsigned count_lines(str text)
{
	unsigned lines = 0;

	while (text.len) {
		str_cut(&text, '\n');
		lines++;
	}
	return lines;
}

TEST(access_log_appends_and_mends_half_a_line)
{
	static char bytes[64 * KiB];
	char path[512], moved[520];
	struct attempt_row row = typical();

	snprintf(path, sizeof(path), "%s/access.log", test_dir());
	FILE *f = fopen(path, "w");
	fputs("{\"half\":", f);
	fclose(f);
	struct access_log *log = access_log_open(path, &why);
	CHECK(log);
	access_log_add(log, &row);
	CHECK(access_log_is_waiting(log));
	CHECK(access_log_write(log));
	CHECK(!access_log_is_waiting(log));
	str text = str_of(bytes, read_file(path, bytes, sizeof(bytes)));
	CHECK_INT(count_lines(text), 2);
	CHECK(str_starts(text, STR("{\"half\":\n{\"time\"")));

	snprintf(moved, sizeof(moved), "%s.moved", path);
	CHECK(rename(path, moved) == 0);
	access_log_add(log, &row);
	access_log_reopen(log);
	access_log_add(log, &row);
	access_log_rest(log);
	CHECK(access_log_write(log));
	CHECK_INT(count_lines(str_of(bytes, read_file(moved, bytes, sizeof(bytes)))), 3);
	CHECK_INT(count_lines(str_of(bytes, read_file(path, bytes, sizeof(bytes)))), 1);
	access_log_close(&log);
	CHECK(!access_log_open("/dev/null/none/access.log", &why));
	CHECK(str_has(buf_str(&why), STR("/dev/null/none/access.log")));
	buf_free(&why);
}

TEST(access_log_keeps_three_old_files)
{
	char path[512], old[544];
	struct attempt_row row = typical();
	struct stat st;

	snprintf(path, sizeof(path), "%s/access.log", test_dir());
	for (int i = 0; i < 5; i++) {
		struct access_log *log = access_log_open(path, &why);

		/* As if it had been written: a hole of almost the whole size. */
		CHECK(truncate(path, 64 * MiB - 100) == 0);
		access_log_close(&log);
		log = access_log_open(path, &why);
		row.attempts = (uint32_t)i;
		access_log_add(log, &row);
		CHECK(access_log_write(log));
		access_log_add(log, &row);
		CHECK(access_log_write(log));
		access_log_close(&log);
	}
	for (int i = 0; i <= 4; i++) {
		snprintf(old, sizeof(old), "%s.%d", path, i);
		CHECK((stat(old, &st) == 0) == (i >= 1 && i <= 3));
	}
	CHECK(stat(path, &st) == 0);
}

TEST(access_log_never_waits_for_a_reader)
{
	static char bytes[4 * MiB];
	char path[512];
	struct attempt_row row = typical();
	size_t got = 0;

	snprintf(path, sizeof(path), "%s/pipe", test_dir());
	CHECK(mkfifo(path, 0600) == 0);
	struct access_log *log = access_log_open(path, &why);
	CHECK(log);
	unsigned added = 0;
	for (; added < 10000; added++)
		access_log_add(log, &row);
	CHECK(!access_log_write(log));
	CHECK(access_log_is_waiting(log));
	uint64_t lost = access_log_lost(log);
	CHECK(lost > 1000 && lost < added);
	/* The reader wakes up. */
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	for (int i = 0; i < 1000; i++) {
		bool done = access_log_write(log);
		ssize_t n = read(fd, bytes + got, sizeof(bytes) - got);

		got += n > 0 ? (size_t)n : 0;
		if (done && n <= 0)
			break;
	}
	CHECK(!access_log_is_waiting(log));
	str text = str_of(bytes, got);
	CHECK_INT(count_lines(text), added - lost + 1);
	char told[64];
	snprintf(told, sizeof(told), "\"lost_lines\":%llu}\n", (unsigned long long)lost);
	CHECK(str_ends(text, str_from_z(told)));
	close(fd);
	access_log_close(&log);
	buf_free(&why);
}

/* A disk that is full, to files of this process, behind so many bytes; 0: it never is. */
static void disk_ends_at(size_t bytes)
{
	static struct rlimit whole;
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	if (!whole.rlim_max)
		getrlimit(RLIMIT_FSIZE, &whole);
	limit = whole;
	limit.rlim_cur = bytes ? bytes : whole.rlim_cur;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* Opens PATH, and has it take so many bytes of the rows' lines. */
static struct access_log *log_that_waits(const char *path, size_t taken,
                                         const struct attempt_row *rows, size_t count)
{
	struct access_log *log = access_log_open(path, &why);
	bool done;

	disk_ends_at(taken);
	for (size_t i = 0; i < count; i++)
		access_log_add(log, &rows[i]);
	done = access_log_write(log);
	disk_ends_at(0);
	CHECK(!done && access_log_is_waiting(log));
	return log;
}

TEST(access_log_begins_a_half_written_line_anew_in_the_next_file)
{
	static char bytes[64 * KiB];
	char path[512], moved[520];
	struct attempt_row row = typical();
	str whole = line_of(&row);

	snprintf(path, sizeof(path), "%s/access.log", test_dir());
	snprintf(moved, sizeof(moved), "%s.moved", path);
	struct access_log *log = log_that_waits(path, 100, &row, 1);
	CHECK(rename(path, moved) == 0);
	disk_ends_at(50);
	access_log_reopen(log);
	disk_ends_at(0);
	CHECK_STR_EQ(str_of(bytes, read_file(moved, bytes, sizeof(bytes))),
	             str_first(whole, 100));
	CHECK(access_log_write(log));
	CHECK_STR_EQ(str_of(bytes, read_file(path, bytes, sizeof(bytes))), whole);
	CHECK_INT(access_log_end(log), 0);
	access_log_close(&log);

	/* The same file again, while it takes not even the half line's end. */
	CHECK(unlink(path) == 0);
	log = log_that_waits(path, 100, &row, 1);
	disk_ends_at(50);
	access_log_reopen(log);
	bool done = access_log_write(log);
	disk_ends_at(0);
	CHECK(!done && access_log_write(log));
	str text = str_of(bytes, read_file(path, bytes, sizeof(bytes)));
	CHECK_STR_EQ(str_cut(&text, '\n'), str_first(whole, 100));
	CHECK_STR_EQ(text, whole);
	access_log_close(&log);
}

TEST(access_log_that_waits_can_be_scrubbed)
{
	static char bytes[64 * KiB];
	char path[512];
	struct attempt_row rows[] = { typical(), typical(), typical() };
	uint64_t ids[] = { rows[0].exchange, rows[0].exchange + 256 }, lines;
	const struct access_match match = { .ids = ids, .count = 2 };

	rows[1].exchange = ids[0] + 512; /* somebody else's */
	rows[2].exchange = ids[1];
	snprintf(path, sizeof(path), "%s/access.log", test_dir());
	/* The first one is cut in the midst of the agent. */
	struct access_log *log = log_that_waits(path, line_of(&rows[0]).len - 5, rows, 3);
	CHECK_INT(access_log_scrub(log, &match), 2);
	CHECK(access_scrub(path, &match, &lines, &why));
	CHECK_INT(lines, 1);
	CHECK(access_log_write(log));
	str text = str_of(bytes, read_file(path, bytes, sizeof(bytes)));
	const str gone = STR("\"client\":\"***\",\"agent\":\"******\"}");
	CHECK_INT(count_lines(text), 3);
	CHECK(str_ends(str_cut(&text, '\n'), gone));
	CHECK_STR_EQ(str_cut(&text, '\n'),
	             str_first(line_of(&rows[1]), line_of(&rows[1]).len - 1));
	CHECK(str_ends(str_cut(&text, '\n'), gone));
	access_log_close(&log);
}

TEST(access_log_says_at_the_end_what_is_lost)
{
	char path[512];
	struct attempt_row rows[] = { typical(), typical(), typical() };
	uint64_t lost;

	snprintf(path, sizeof(path), "%s/access.log", test_dir());
	struct access_log *log = log_that_waits(path, line_of(&rows[0]).len + 5, rows, 3);
	disk_ends_at(1);
	lost = access_log_end(log);
	disk_ends_at(0);
	CHECK_INT(lost, 2);
	access_log_close(&log);
}

enum { ENOUGH = 1000 }; /* lines, more than a pipe holds */

static void *read_lines(void *path)
{
	static char bytes[4 * KiB];
	int fd = open(path, O_RDONLY);
	unsigned lines = 0;
	ssize_t n;

	while (lines < ENOUGH && (n = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
	}
	close(fd);
	return NULL;
}

TEST(access_log_waits_for_its_reader_at_the_end)
{
	char path[512];
	struct attempt_row row = typical();
	pthread_t reader;

	snprintf(path, sizeof(path), "%s/pipe", test_dir());
	CHECK(mkfifo(path, 0600) == 0);
	struct access_log *log = access_log_open(path, &why);
	for (unsigned i = 0; i < ENOUGH; i++)
		access_log_add(log, &row);
	CHECK(!access_log_write(log));
	CHECK(pthread_create(&reader, NULL, read_lines, path) == 0);
	CHECK_INT(access_log_end(log), 0);
	access_log_close(&log);
	pthread_join(reader, NULL);
}
