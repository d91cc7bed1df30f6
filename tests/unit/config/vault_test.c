#include "config/vault.h"

#include "config/datadir.h"
#include "config/replace.h"
#include "tests/check.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A data directory with a store of three keys. */
struct world {
	struct master_place at;
	struct master master;
	struct vault vault;
	struct buf why;
	char path[PATH_MAX], dir[PATH_MAX];
};

static bool put(struct world *w, str provider, str key, bool replace)
{
	struct vault_row row = { .provider = provider,
		                 .created_wall = 1700000000 * USEC_SEC,
		                 .key = { key } };

	return vault_put(&w->vault, &row, replace, &w->why);
}

static void world_init(struct world *w)
{
	*w = (struct world){ .why = BUF_LIMIT(4 * KiB) };
	snprintf(w->dir, sizeof(w->dir), "%s", test_dir());
	w->at.data = str_from_z(w->dir);
	CHECK(master_load(&w->at, &w->master, NULL, &w->why));
	CHECK(vault_read(w->at.data, &w->master, &w->vault, &w->why));
	CHECK_INT(w->vault.count, 0);
	CHECK(!vault_exists(w->at.data));
	CHECK(put(w, STR("openai"), STR("sk-one"), false));
	CHECK(put(w, STR("openai"), STR("sk-two"), false));
	CHECK(put(w, STR("anthropic"), STR("sk-ant"), false));
	CHECK(vault_write(w->at.data, &w->master, &w->vault, &w->why));
	CHECK(datadir_path(w->at.data, "secrets", w->path, sizeof(w->path)));
	vault_done(&w->vault);
}

static void world_done(struct world *w)
{
	vault_done(&w->vault);
	master_done(&w->master);
	buf_free(&w->why);
}

static bool opens(struct world *w)
{
	vault_done(&w->vault);
	buf_clear(&w->why);
	return vault_read(w->at.data, &w->master, &w->vault, &w->why);
}

static bool opens_as(struct world *w, str text)
{
	CHECK(file_replace(w->path, text, false, &w->why));
	return opens(w);
}

TEST(a_vault_gives_back_what_was_put_into_it)
{
	struct world w;

	world_init(&w);
	CHECK(opens(&w));
	CHECK_INT(w.vault.count, 3);
	CHECK_STR(w.vault.rows[1].provider, "openai");
	CHECK_STR(secret_reveal(&w.vault.rows[1].key), "sk-two");
	CHECK_INT(w.vault.rows[1].version, 1);
	CHECK(w.vault.rows[0].id != w.vault.rows[1].id && w.vault.rows[0].id);
	CHECK_INT(w.vault.rows[2].created_wall, 1700000000 * USEC_SEC);
	world_done(&w);
}

TEST(nothing_of_a_key_stands_in_the_file)
{
	struct buf text;
	struct world w;

	world_init(&w);
	vault_text(w.at.data, &text);
	CHECK(text.len > 100 && !str_has(buf_str(&text), STR("sk-")) &&
	      !str_has(buf_str(&text), STR("c2st"))); /* base64 of sk- */
	buf_free(&text);
	world_done(&w);
}

TEST(another_key_replaces_those_of_its_provider)
{
	struct world w;

	world_init(&w);
	CHECK(opens(&w));
	CHECK(put(&w, STR("openai"), STR("sk-new"), true));
	CHECK(vault_write(w.at.data, &w.master, &w.vault, &w.why) && opens(&w));
	CHECK_INT(w.vault.count, 2);
	CHECK_STR(secret_reveal(&w.vault.rows[1].key), "sk-new");
	CHECK_INT(w.vault.rows[1].version, 2);
	CHECK_INT(vault_remove(&w.vault, STR("anthropic"), 1), 0);
	CHECK_INT(vault_remove(&w.vault, STR("anthropic"), w.vault.rows[0].id), 1);
	CHECK_INT(vault_remove(&w.vault, STR("openai"), 0), 1);
	CHECK(vault_write(w.at.data, &w.master, &w.vault, &w.why) && opens(&w));
	CHECK_INT(w.vault.count, 0);
	world_done(&w);
}

/* A provider uses 64 of its keys. */
TEST(no_key_is_taken_that_would_not_be_used)
{
	struct world w;

	world_init(&w);
	CHECK(opens(&w));
	for (unsigned i = 2; i < VAULT_OF_ONE; i++)
		CHECK(put(&w, STR("openai"), STR("sk-more"), false));
	CHECK(!put(&w, STR("openai"), STR("sk-65"), false));
	CHECK(str_has(buf_str(&w.why), STR("64 keys")));
	CHECK_INT(w.vault.count, VAULT_OF_ONE + 1);
	CHECK(put(&w, STR("anthropic"), STR("sk-ant-2"), false));
	CHECK(put(&w, STR("openai"), STR("sk-new"), true));
	CHECK(put(&w, STR("openai"), STR("sk-newer"), false));
	CHECK_INT(w.vault.count, 4);
	world_done(&w);
}

TEST(no_byte_of_a_vault_may_change_and_none_may_lack)
{
	struct buf text;
	struct world w;

	world_init(&w);
	vault_text(w.at.data, &text);
	for (size_t i = 0; i < text.len; i++) {
		text.ptr[i] ^= 1;
		if (opens_as(&w, buf_str(&text)))
			check_failed(__FILE__, __LINE__, "opens with byte %zu changed",
			             i);
		CHECK(w.why.len > 0);
		text.ptr[i] ^= 1;
	}
	for (size_t n = 0; n < text.len; n += 7)
		CHECK(!opens_as(&w, str_first(buf_str(&text), n)));
	CHECK(opens_as(&w, buf_str(&text)));
	buf_free(&text);
	world_done(&w);
}

/* Cuts the file into its six lines. */
static void cut(const struct buf *text, str lines[5])
{
	str rest = buf_str(text);

	for (int i = 0; i < 5; i++) {
		lines[i] = str_first(rest, str_find(rest, '\n') + 1);
		rest = str_from(rest, lines[i].len);
	}
	CHECK_INT(rest.len, 0);
}

TEST(rows_cannot_be_moved_dropped_doubled_or_swapped)
{
	static const int orders[][6] = {
		{ 0, 2, 1, 3, 4, -1 }, { 0, 1, 2, 4, -1 }, { 0, 1, 1, 2, 3, 4 },
		{ 0, 1, 2, 3, -1 },    { 0, 4, -1 },
	};
	struct buf text, other = BUF_LIMIT(MiB);
	struct world w;
	str lines[5];

	world_init(&w);
	vault_text(w.at.data, &text);
	cut(&text, lines);
	for (size_t i = 0; i < countof(orders); i++) {
		buf_clear(&other);
		for (int j = 0; j < 6 && orders[i][j] >= 0; j++)
			buf_add(&other, lines[orders[i][j]]);
		CHECK(!opens_as(&w, buf_str(&other)));
	}
	/* The sealed texts of two rows exchanged, the words before them left. */
	size_t a = str_find_last(lines[1], '\t'), b = str_find_last(lines[2], '\t');
	buf_clear(&other);
	buf_add(&other, lines[0]);
	buf_add(&other, str_first(lines[1], a));
	buf_add(&other, str_from(lines[2], b));
	buf_add(&other, str_first(lines[2], b));
	buf_add(&other, str_from(lines[1], a));
	buf_add(&other, lines[3]);
	buf_add(&other, lines[4]);
	CHECK(!opens_as(&w, buf_str(&other)));
	CHECK(str_has(buf_str(&w.why),
	              STR("line 2: it was changed, or does not belong")));
	buf_free(&other);
	buf_free(&text);
	world_done(&w);
}

TEST(a_vault_opens_with_old_master_keys_and_not_with_others)
{
	struct master_place elsewhere;
	struct master other;
	struct world w;
	uint32_t first;

	world_init(&w);
	elsewhere = (struct master_place){ .data = str_from_z(test_dir()) };
	CHECK(master_load(&elsewhere, &other, NULL, &w.why));
	CHECK(!vault_read(w.at.data, &other, &w.vault, &w.why));
	CHECK(str_has(buf_str(&w.why), STR("is not in the file of master keys")));
	master_done(&other);
	first = master_current(&w.master)->id;
	CHECK(master_add(&w.at, &w.master, &w.why) && opens(&w));
	CHECK_INT(w.vault.sealed_with, first);
	CHECK(vault_write(w.at.data, &w.master, &w.vault, &w.why));
	CHECK(master_forget_old(&w.at, &w.master, &w.why));
	CHECK(opens(&w));
	CHECK(w.vault.sealed_with != first);
	CHECK_INT(w.vault.count, 3);
	world_done(&w);
}

/* As when a key was stored by a command before the service, which has a credential,
 * began: it is told where the master key is, and what to do helps. */
TEST(a_master_key_that_lies_in_the_data_directory_is_named)
{
	static const str own = STR_INIT("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=\n");
	const char *dir = test_dir();
	struct master_place service;
	struct buf both = BUF_LIMIT(16 * KiB);
	char path[PATH_MAX], ours[PATH_MAX];
	struct master m;
	struct world w;

	world_init(&w);
	service = (struct master_place){ .credentials_dir = dir, .data = w.at.data };
	snprintf(path, sizeof(path), "%s/sluice-master-key", dir);
	CHECK(file_replace(path, own, false, &w.why));
	CHECK(!vault_open(&service, &m, &w.vault, &w.why));
	CHECK(str_has(buf_str(&w.why), STR("/master.key has it")));
	CHECK(str_has(buf_str(&w.why), str_from_z(path)));
	CHECK(datadir_path(w.at.data, "master.key", ours, sizeof(ours)));
	CHECK(file_read(ours, 0, &both, &w.why) == FILE_FOUND);
	buf_add(&both, own);
	CHECK(file_replace(path, buf_str(&both), false, &w.why));
	if (CHECK(vault_open(&service, &m, &w.vault, &w.why))) {
		CHECK_INT(w.vault.count, 3);
		CHECK(vault_write(w.at.data, &m, &w.vault, &w.why));
		master_done(&m);
		vault_done(&w.vault);
	}
	CHECK(file_replace(path, own, false, &w.why));
	if (CHECK(vault_open(&service, &m, &w.vault, &w.why))) {
		master_done(&m);
		vault_done(&w.vault);
	}
	/* Another key than that of the data directory: nothing is said of that. */
	buf_clear(&w.why);
	CHECK(!vault_open(&w.at, &m, &w.vault, &w.why));
	CHECK(!str_has(buf_str(&w.why), STR("has it")));
	buf_free(&both);
	world_done(&w);
}

/* The file was made with Python's hmac and cryptography: another hand, the same form. */
TEST(the_form_of_a_vault_is_what_its_header_says)
{
	static const char text[] =
	        "sluice secrets 1\n"
	        "0000000000000001\t1\t1795669129785552\topenai\t\t\tASNIesIBAQEBAQE"
	        "BAQEBAQGQ6pOxjYQFUGDytNxfqTRz/HWHhbib5F0+WSs=\n"
	        "0000000000000002\t1\t1795669129785552\tmine\topenai-chat\thttp://1"
	        "27.0.0.1:9/v1\tASNIesICAgICAgICAgICAgJ8fj7FWV9e/0fgbwDhuskQ+3trgtO"
	        "JfDLVNbk=\n"
	        "end\tASNIesIJCQkJCQkJCQkJCQnxYSzC4QdaeMWlOTB/+o2K\n";
	struct buf why = BUF_LIMIT(KiB);
	uint8_t bytes[SEAL_KEY];
	struct seal_key key;
	struct master m = { .keys = &key, .count = 1 };
	struct vault v;

	for (int i = 0; i < SEAL_KEY; i++)
		bytes[i] = (uint8_t)i;
	seal_key_init(&key, bytes);
	if (CHECK(vault_read_text(str_of(text, sizeof(text) - 1), "secrets", &m, &v,
	                          &why))) {
		CHECK_INT(v.count, 2);
		CHECK_STR(secret_reveal(&v.rows[0].key), "sk-seed-one");
		CHECK_STR(v.rows[1].url, "http://127.0.0.1:9/v1");
		CHECK_STR(v.rows[1].format, "openai-chat");
		vault_done(&v);
	}
	buf_free(&why);
}

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned count = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

/* It may be full of secrets that were to be forgotten. */
TEST(what_a_killed_process_leaves_goes_with_the_next_write)
{
	const char *dir = test_dir();
	struct buf why = BUF_LIMIT(KiB);
	char path[PATH_MAX];
	int status;

	snprintf(path, sizeof(path), "%s/master.key", dir);
	CHECK(file_replace(path, STR("first"), false, &why));
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (child == 0) { /* the kernel ends it within the write */
			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 });
			signal(SIGXFSZ, SIG_DFL);
			_exit(file_replace(path, STR("second"), false, &why));
		}
		CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	}
	CHECK_INT(files_in(dir), 2);
	CHECK(file_replace(path, STR("third"), false, &why));
	CHECK_INT(files_in(dir), 1);
	buf_free(&why);
}

/* The administrator's root shell must not take the store away from the service. */
TEST(what_root_writes_is_of_whom_the_directory_is)
{
	const char *dir = test_dir();
	char path[600];
	struct buf why = BUF_LIMIT(KiB);
	struct stat st;

	if (geteuid() != 0)
		return;
	snprintf(path, sizeof(path), "%s/new", dir);
	CHECK(chown(dir, 65534, 65533) == 0);
	CHECK(file_replace(path, STR("a"), true, &why));
	CHECK(stat(path, &st) == 0 && st.st_uid == 65534 && st.st_gid == 65533);
	CHECK(chown(path, 65532, 65532) == 0);
	CHECK(file_replace(path, STR("b"), false, &why));
	CHECK(stat(path, &st) == 0 && st.st_uid == 65532);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK(chown(dir, 0, 0) == 0);
	snprintf(path, sizeof(path), "%s/ours", dir);
	CHECK(file_replace(path, STR("c"), true, &why));
	CHECK(stat(path, &st) == 0 && st.st_uid == 0);
	buf_free(&why);
}
