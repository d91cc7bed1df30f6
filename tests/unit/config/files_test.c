/* Files that the configuration names: they are opened and tried as the gateway will. */
#include "tests/unit/config/helper.h"
#include "tests/unit/loop/cert.h"

#include "config/replace.h"

#include <limits.h>
#include <sys/stat.h>

/* What is found in `text` where @ is `path`; `code` NULL: it is right. */
static void expect(const char *text, const char *path, const char *code, const char *says)
{
	str rest = str_from_z(text), before = str_cut(&rest, '@');
	char room[2 * PATH_MAX];
	struct reading r;

	snprintf(room, sizeof(room), "%.*s%s%.*s", STR_ARG(before), path, STR_ARG(rest));
	read_text(&r, str_from_z(room));
	if (!code) {
		if (!CHECK(r.config && r.notes.errors == 0))
			print_notes(&r);
	} else if (!CHECK(!r.config && r.notes.errors == 1 &&
	                  strcmp(r.notes.list[0].code, code) == 0 &&
	                  r.notes.list[0].line == 2 &&
	                  str_has(r.notes.list[0].text, str_from_z(says)))) {
		print_notes(&r);
	}
	reading_done(&r);
}

static const char *const roots[] = {
	"version: 1\nproviders: { openai: { key: k, tls: { ca: \"@\" } } }\n",
	"version: 1\ntelemetry: { otlp: { endpoint: \"https://127.0.0.1:1\", ca: \"@\" "
	"} }\nproviders: { mock: {} }\n",
};

/* The first half of a file, as its writer may have got it so far. */
static void cut_file(const char *from, const char *to)
{
	struct buf text = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(KiB);

	CHECK(file_read(from, 0, &text, &why) == FILE_FOUND);
	CHECK(file_replace(to, str_first(buf_str(&text), text.len / 2), false, &why));
	buf_free(&text);
	buf_free(&why);
}

TEST(roots_are_loaded_before_they_are_believed)
{
	struct cert_files files = cert_make("DNS:example.test", 1);
	char cut[PATH_MAX], empty[PATH_MAX];
	const char *dir = test_dir();
	struct buf why = BUF_LIMIT(KiB);

	snprintf(cut, sizeof(cut), "%s/cut.pem", dir);
	snprintf(empty, sizeof(empty), "%s/empty.pem", dir);
	cut_file(files.ca, cut);
	CHECK(file_replace(empty, STR(""), false, &why));
	buf_free(&why);
	for (size_t i = 0; i < countof(roots); i++) {
		expect(roots[i], files.ca, NULL, NULL);
		expect(roots[i], cut, "E302", "cannot use");
		expect(roots[i], empty, "E302", "cannot use");
		expect(roots[i], files.key, "E302", "cannot use");
	}
}

TEST(roots_of_several_providers_are_told_apart_when_they_are)
{
	struct cert_files one = cert_make("DNS:example.test", 1);
	char text[4 * PATH_MAX];
	struct reading r;

	snprintf(text, sizeof(text),
	         "version: 1\nproviders:\n"
	         "  openai: { key: k, tls: { ca: \"%s\" } }\n"
	         "  groq: { key: k, tls: { ca: \"%s\" } }\n"
	         "  mistral: { key: k, tls: { ca: \"%s\" } }\n",
	         one.ca, one.cert, one.ca);
	read_text(&r, str_from_z(text));
	if (CHECK(r.config && r.config->provider_count == 3)) {
		const struct provider *p = r.config->providers;

		CHECK(memcmp(p[0].ca_sum, p[1].ca_sum, sizeof(p->ca_sum)) != 0);
		CHECK(memcmp(p[0].ca_sum, p[2].ca_sum, sizeof(p->ca_sum)) == 0);
	}
	reading_done(&r);
}

/* access() finds a directory readable, and what a sandbox hides. */
TEST(what_is_named_is_opened)
{
	static const char masters[] = "version: 1\nsecrets: { key_file: \"@\" }\n"
	                              "providers: { mock: {} }\n";
	const char *dir = test_dir();
	char pipe[PATH_MAX];

	snprintf(pipe, sizeof(pipe), "%s/pipe", dir);
	CHECK(mkfifo(pipe, 0600) == 0);
	for (size_t i = 0; i < countof(roots); i++) {
		expect(roots[i], dir, "E119", "is no regular file");
		expect(roots[i], pipe, "E119", "is no regular file");
		expect(roots[i], "/nowhere/ca.pem", "E119", "cannot be read: No such");
	}
	expect(masters, dir, "E119", "is no regular file");
	expect(masters, "/nowhere/key", "E119", "cannot be read: No such");
}

/* What cannot be written is no matter for the first line that would be. */
TEST(a_log_is_where_it_can_be_written)
{
	static const char log[] =
	        "version: 1\naccess_log: \"@\"\nproviders: { mock: {} }\n";
	const char *dir = test_dir();
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/access.log", dir);
	expect(log, path, NULL, NULL);
	snprintf(path, sizeof(path), "%s/pipe", dir);
	CHECK(mkfifo(path, 0600) == 0);
	expect(log, path, NULL, NULL);
	expect(log, dir, "E119", "cannot be written: Is a directory");
	snprintf(path, sizeof(path), "%s/none/access.log", dir);
	expect(log, path, "E119", "cannot be written: No such file");
	expect(log, "/dev/null/access.log", "E119", "cannot be written: Not a directory");
}
