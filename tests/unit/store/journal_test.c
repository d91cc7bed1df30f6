#include "base/mem.h"
#include "store/segment.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- records that can be told apart: a number, and bytes that follow from it ---- */

static size_t size_of(uint64_t n)
{
	return 8 + n * 7919 % 700;
}

static bool write_number(struct journal *j, uint64_t n)
{
	char bytes[1024];

	memset(bytes, (int)(n & 0xff), sizeof(bytes));
	memcpy(bytes, &n, sizeof(n));
	struct iovec iov[2] = { { bytes, 5 }, { bytes + 5, size_of(n) - 5 } };
	return journal_write(j, (uint32_t)n % 3 + 1, iov, 2);
}

/* 0: it is not one of ours. */
static uint64_t number_of(const struct journal_record *r)
{
	uint64_t n;

	if (r->payload.len < sizeof(n))
		return 0;
	memcpy(&n, r->payload.ptr, sizeof(n));
	if (r->payload.len != size_of(n) || r->kind != (uint32_t)n % 3 + 1)
		return 0;
	for (size_t i = sizeof(n); i < r->payload.len; i++) {
		if (r->payload.ptr[i] != (char)(n & 0xff))
			return 0;
	}
	return n;
}

static struct journal *open_in(const char *dir)
{
	struct journal *j = journal_open(dir, 3, 2, 0, NULL, NULL);

	CHECK(j);
	return j;
}

/* Reads what there is and checks that it goes on from *last. */
static bool read_on(struct journal *j, uint64_t *last)
{
	struct journal_record r;

	while (journal_next(j, &r)) {
		if (number_of(&r) != *last + 1)
			return CHECK_INT(number_of(&r), *last + 1);
		++*last;
	}
	return true;
}

static void file_path(const char *dir, const char *name, char *ret)
{
	snprintf(ret, 512, "%s/%s", dir, name);
}

static bool exists(const char *dir, const char *name)
{
	char path[512];

	file_path(dir, name, path);
	return access(path, F_OK) == 0;
}

/* Writes bytes into a segment file, behind the journal's back. */
static void poke(const char *dir, const char *name, off_t at, const void *bytes,
                 size_t size)
{
	char path[512];

	file_path(dir, name, path);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, bytes, size, at) == (ssize_t)size);
	close(fd);
}

/* ---- in memory ---- */

TEST(journal_gives_back_what_was_written)
{
	struct journal *j = journal_open_memory(3);
	uint64_t last = 0;

	CHECK(read_on(j, &last));
	CHECK_INT(last, 0);
	for (uint64_t n = 1; n <= 100000; n++) {
		if (!CHECK(write_number(j, n)))
			break;
		if (n % 1000 == 0) {
			CHECK(read_on(j, &last));
			CHECK_INT(last, n);
			journal_retire(j);
			CHECK(journal_prepare(j) == 0 || journal_bytes(j) == 3 * MiB);
		}
	}
	CHECK_INT(last, 100000);
	journal_close(&j);
	CHECK(!j);
}

TEST(journal_refuses_when_segments_are_used_up)
{
	struct journal *j = journal_open_memory(2);
	struct journal_record r;
	uint64_t n = 0;

	CHECK(journal_has_room(j));
	while (write_number(j, n + 1))
		n++;
	CHECK(n > 2 * MiB / 800);
	CHECK(!journal_has_room(j));
	CHECK_INT(journal_refused(j), 1);
	for (uint64_t i = 1; i <= n; i++)
		CHECK(journal_next(j, &r) && number_of(&r) == i);
	CHECK(!journal_next(j, &r));
	journal_retire(j);
	CHECK(journal_prepare(j) != 0); /* two of two, of which one is in use */
	CHECK(write_number(j, n + 1));
	CHECK(journal_next(j, &r) && number_of(&r) == n + 1);
	journal_close(&j);
}

TEST(journal_keeps_promises)
{
	char small[JOURNAL_PROMISE - JOURNAL_OVERHEAD] = "x", large[3000] = "y";
	struct iovec big = { large, sizeof(large) }, kept = { small, sizeof(small) };
	struct journal *j = journal_open_memory(3);
	unsigned promised = 0;

	/* As OPEN does: promise, and take it back when there is no room. */
	for (;;) {
		journal_promise(j);
		if (!journal_write(j, 1, &big, 1))
			break;
		promised++;
	}
	journal_keep_promise(j);
	CHECK(promised > 800);
	for (; promised > 0; promised--) {
		journal_keep_promise(j);
		if (!CHECK(journal_write(j, 2, &kept, 1)))
			break;
	}
	CHECK_INT(promised, 0);
	journal_keep_promise(j); /* none outstanding: nothing happens */
	journal_close(&j);
}

TEST(journal_ids_rise_whatever_the_clock_does)
{
	struct journal *j = journal_open_memory(2);

	CHECK_INT(journal_next_id(j, 1000), 1000 << 8);
	CHECK_INT(journal_next_id(j, 1000), 1001 << 8);
	CHECK_INT(journal_next_id(j, 500), 1002 << 8);
	CHECK_INT(journal_next_id(j, 2000), 2000 << 8);
	journal_raise_floor(j, 5000 << 8 | 7);
	CHECK_INT(journal_next_id(j, 3000), 5001 << 8);
	journal_raise_floor(j, 10 << 8);
	CHECK_INT(journal_next_id(j, 3000), 5002 << 8);
	journal_close(&j);
}

struct pair {
	struct journal *j;
	uint64_t total;
	_Atomic unsigned nudges;
};

static void nudge(void *arg)
{
	struct pair *p = arg;

	p->nudges++;
}

static void *write_all(void *arg)
{
	struct pair *p = arg;

	for (uint64_t n = 1; n <= p->total;) {
		if (write_number(p->j, n))
			n++;
		else
			usleep(100);
	}
	return NULL;
}

TEST(journal_carries_records_between_two_threads)
{
	struct pair p = { .total = 60000 };
	pthread_t writer;
	uint64_t last = 0;

	p.j = journal_open(test_dir(), 63, 2, 0, nudge, &p);
	CHECK(p.j && journal_prepare(p.j) == 0);
	CHECK(pthread_create(&writer, NULL, write_all, &p) == 0);
	while (last < p.total && read_on(p.j, &last)) {
		journal_retire(p.j);
		CHECK_INT(journal_prepare(p.j), 0);
	}
	pthread_join(writer, NULL);
	CHECK_INT(last, p.total);
	CHECK(p.nudges >= p.total / 3000);
	CHECK(journal_bytes(p.j) <= (JOURNAL_BUSY + 8) * MiB);
	journal_close(&p.j);
}

/* ---- files ---- */

TEST(journal_gives_an_earlier_process_its_records_first)
{
	const char *dir = test_dir();
	struct journal *j = open_in(dir);
	uint64_t last = 0;

	CHECK_INT(journal_prepare(j), 0);
	for (uint64_t n = 1; n <= 4000; n++)
		CHECK(write_number(j, n));
	journal_close(&j); /* nothing was retired */
	CHECK_INT(journal_workers(dir), 1 << 3);

	j = open_in(dir);
	CHECK(read_on(j, &last));
	CHECK_INT(last, 4000);
	CHECK(!write_number(j, 1)); /* no segment is ready yet */
	CHECK_INT(journal_prepare(j), 0);
	for (uint64_t n = 4001; n <= 4100; n++)
		CHECK(write_number(j, n));
	CHECK(read_on(j, &last));
	CHECK_INT(last, 4100);
	journal_retire(j);
	journal_close(&j);

	j = open_in(dir);
	CHECK(read_on(j, &last)); /* all was retired: nothing comes again */
	CHECK_INT(last, 4100);
	journal_remove(&j);
	CHECK_INT(journal_workers(dir), 0);
}

TEST(journal_recycles_its_files)
{
	const char *dir = test_dir();
	struct journal *j = open_in(dir);
	uint64_t last = 0, n = 0;

	for (int round = 0; round < 40; round++) {
		CHECK_INT(journal_prepare(j), 0);
		for (int i = 0; i < 1000; i++)
			CHECK(write_number(j, ++n));
		CHECK(read_on(j, &last));
		CHECK_INT(last, n);
		journal_retire(j);
	}
	CHECK(journal_bytes(j) <= (JOURNAL_BUSY + 4) * MiB);
	CHECK(!exists(dir, "03-00000001"));
	journal_close(&j);
	j = open_in(dir);
	CHECK(read_on(j, &last));
	CHECK_INT(last, n);
	journal_close(&j);
}

TEST(journal_never_brings_back_the_records_of_an_earlier_life)
{
	const char *dir = test_dir();
	struct journal *j = open_in(dir);
	uint64_t last = 0, n = 0;
	struct journal_record r;

	/* Every segment has been full once; then three records in a recycled one. */
	for (int round = 0; round < 12; round++) {
		CHECK_INT(journal_prepare(j), 0);
		for (int i = 0; i < 2000; i++)
			CHECK(write_number(j, ++n));
		CHECK(read_on(j, &last));
		journal_retire(j);
	}
	for (uint64_t i = 0; i < 3; i++)
		CHECK(write_number(j, ++n));
	/* As if the process were killed now: the other one has not closed. */
	struct journal *again = open_in(dir);
	uint64_t before = 0;
	while (journal_next(again, &r)) {
		/* What was retired may come again, but in order and without holes. */
		if (!CHECK(before == 0 || number_of(&r) == before + 1))
			break;
		before = number_of(&r);
	}
	CHECK_INT(before, n);
	CHECK_INT(journal_bad(again), 0);
	journal_close(&again);
	journal_close(&j);
}

/* One segment with three records, closed as if by a kill. */
static void make_three(const char *dir)
{
	struct journal *j = open_in(dir);

	CHECK_INT(journal_prepare_first(j), 0);
	for (uint64_t n = 1; n <= 3; n++)
		CHECK(write_number(j, n));
	journal_close(&j);
	CHECK(exists(dir, "03-00000001"));
}

static size_t record_at(int which)
{
	size_t at = SEGMENT_HEADER;

	for (uint64_t n = 1; n < (uint64_t)which; n++)
		at += (SEGMENT_WORD + SEGMENT_KIND + size_of(n) + 7) & ~(size_t)7;
	return at;
}

TEST(journal_stops_at_a_torn_record_and_keeps_the_file)
{
	const char *dir = test_dir();
	struct journal_record r;

	make_three(dir);
	poke(dir, "03-00000001", (off_t)record_at(2) + 20, "torn", 4);
	struct journal *j = open_in(dir);
	CHECK(journal_next(j, &r) && number_of(&r) == 1);
	CHECK(!journal_next(j, &r));
	CHECK(!journal_next(j, &r));
	CHECK_INT(journal_bad(j), 1);
	/* What is written now does come. */
	CHECK_INT(journal_prepare(j), 0);
	CHECK(write_number(j, 7));
	CHECK(journal_next(j, &r) && number_of(&r) == 7);
	journal_retire(j);
	CHECK(exists(dir, "03-00000001.bad") && !exists(dir, "03-00000001"));
	CHECK_INT(journal_bad(j), 1);
	journal_close(&j);
	j = open_in(dir);
	CHECK_INT(journal_bad(j), 0);
	CHECK_INT(journal_prepare(j), 0);
	journal_close(&j);
	CHECK(exists(dir, "03-00000001.bad"));
}

TEST(journal_never_gives_a_record_with_a_flipped_bit)
{
	const char *dir = test_dir();
	char path[512];
	unsigned char byte;
	struct journal_record r;

	make_three(dir);
	file_path(dir, "03-00000001", path);
	int fd = open(path, O_RDWR);
	for (size_t at = 0; at < record_at(4) + 8; at++) {
		for (int bit = 0; bit < 8; bit += at < record_at(1) + 32 ? 1 : 5) {
			CHECK(pread(fd, &byte, 1, (off_t)at) == 1);
			byte ^= (unsigned char)(1 << bit);
			CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);

			struct journal *j = open_in(dir);
			uint64_t last = 0;
			bool in_order = true;
			while (journal_next(j, &r))
				in_order &= number_of(&r) == ++last;
			CHECK(in_order && last <= 3);
			journal_close(&j);
			if (access(path, F_OK) != 0) {
				/* A broken header: set aside. */
				char bad[520];

				snprintf(bad, sizeof(bad), "%s.bad", path);
				CHECK(at < SEGMENT_HEADER && rename(bad, path) == 0);
			}
			byte ^= (unsigned char)(1 << bit);
			CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
		}
	}
	close(fd);
	struct journal *j = open_in(dir);
	uint64_t last = 0;
	CHECK(read_on(j, &last));
	CHECK_INT(last, 3);
	journal_close(&j);
}

TEST(journal_survives_a_kill_while_a_segment_is_recycled)
{
	const uint64_t zero = 0;
	const char *dir = test_dir();
	struct journal_record r;

	/* Reset, and no more. */
	make_three(dir);
	poke(dir, "03-00000001", SEGMENT_HEADER, &zero, sizeof(zero));
	struct journal *j = open_in(dir);
	CHECK(!journal_next(j, &r));
	CHECK_INT(journal_bad(j), 0);
	journal_remove(&j);

	/* Reset, and half a header: nothing was in it, so it is not kept. */
	make_three(dir);
	poke(dir, "03-00000001", SEGMENT_HEADER, &zero, sizeof(zero));
	poke(dir, "03-00000001", 16, "zz", 2);
	j = open_in(dir);
	CHECK(!journal_next(j, &r));
	CHECK_INT(journal_bad(j), 0);
	CHECK(!exists(dir, "03-00000001") && !exists(dir, "03-00000001.bad"));
	journal_remove(&j);

	/* A new header under the old name: the header counts. */
	make_three(dir);
	char from[512], to[512];
	file_path(dir, "03-00000001", from);
	file_path(dir, "03-00000000", to);
	CHECK(rename(from, to) == 0);
	j = open_in(dir);
	uint64_t last = 0;
	CHECK(read_on(j, &last));
	CHECK_INT(last, 3);
	CHECK_INT(journal_prepare(j), 0);
	CHECK(exists(dir, "03-00000002"));
	journal_remove(&j);
	CHECK_INT(journal_workers(dir), 0);
}

TEST(journal_clears_up_what_is_no_segment)
{
	const char *dir = test_dir();
	char path[512];

	make_three(dir);
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "03-00000009.new", "03-00000005",
			                             "readme", "04-0000000f.new" };
		file_path(dir, names[i], path);
		FILE *f = fopen(path, "w");
		CHECK(f && fputs("short", f) >= 0);
		if (f)
			fclose(f);
	}
	struct journal *j = open_in(dir);
	uint64_t last = 0;
	CHECK(read_on(j, &last));
	CHECK_INT(last, 3);
	CHECK_INT(journal_bad(j), 1);
	CHECK(!exists(dir, "03-00000009.new") && exists(dir, "03-00000005.bad"));
	CHECK(exists(dir, "readme") && exists(dir, "04-0000000f.new"));
	CHECK_INT(journal_prepare(j), 0);
	CHECK(exists(dir, "03-0000000a")); /* above every number that was ever seen */
	journal_close(&j);
}

TEST(journal_keeps_its_limit)
{
	struct journal *j = open_in(test_dir());
	uint64_t n = 0, last = 0;

	journal_set_limit(j, 3 * MiB);
	for (int i = 0; i < 6; i++) {
		int error = journal_prepare(j);

		CHECK(error == 0 || error == -EDQUOT);
		while (write_number(j, n + 1))
			n++;
	}
	CHECK_INT(journal_bytes(j), 3 * MiB);
	CHECK_INT(journal_prepare(j), -EDQUOT);
	CHECK_INT(journal_sync(j), 0);
	CHECK(read_on(j, &last));
	CHECK_INT(last, n);
	journal_retire(j);
	CHECK_INT(journal_prepare(j), 0);
	CHECK(write_number(j, n + 1));
	journal_close(&j);
}

TEST(journal_says_when_it_cannot_be_opened)
{
	CHECK(!journal_open("/dev/null/none/journal", 0, 2, 0, NULL, NULL));
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(journal_workers("/dev/null/none/journal"), 0);
}

/* ---- a full disk ---- */

TEST(journal_goes_on_when_a_full_disk_has_room_again)
{
	const char *dir = test_dir();
	char path[512];
	uint64_t n = 0, last = 0;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=5m") < 0) {
		printf("skipped: no tmpfs can be mounted here (%s)\n", strerror(errno));
		return;
	}
	file_path(dir, "filler", path);
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && posix_fallocate(fd, 0, 5 * MiB / 2) == 0);
	struct journal *j = open_in(dir);
	CHECK_INT(journal_prepare_first(j), 0);
	CHECK_INT(journal_prepare(j), 0);
	while (write_number(j, n + 1))
		n++;
	CHECK_INT(journal_prepare(j), -ENOSPC);
	CHECK_INT(journal_prepare(j), -ENOSPC);
	CHECK(!exists(dir, "03-00000003") && !exists(dir, "03-00000003.new"));
	CHECK(!write_number(j, n + 1));
	CHECK(ftruncate(fd, 0) == 0);
	CHECK_INT(journal_prepare(j), 0);
	CHECK(write_number(j, ++n));
	CHECK(read_on(j, &last));
	CHECK_INT(last, n);
	journal_close(&j);
	close(fd);
	umount2(dir, MNT_DETACH);
}

/* ---- kill -9 ---- */

struct shared {
	_Atomic uint64_t committed; /* journal_write has returned */
	_Atomic uint64_t retired;   /* "in the ledger" */
};

struct victim {
	struct journal *j;
	struct shared *shared;
	uint64_t next;
};

static void *write_for_ever(void *arg)
{
	struct victim *v = arg;

	for (;;) {
		if (write_number(v->j, v->next))
			atomic_store(&v->shared->committed, v->next++);
		else
			usleep(50);
	}
	return NULL;
}

/* Writes in one thread and retires in the other until it is killed. */
static void be_killed(const char *dir, struct shared *shared)
{
	struct victim v = { .j = journal_open(dir, 3, 2, 0, NULL, NULL),
		            .shared = shared };
	uint64_t last = atomic_load(&shared->retired);
	struct journal_record r;
	pthread_t writer;

	/* What an earlier round left comes first, and some of it again. */
	while (v.j && journal_next(v.j, &r))
		last = number_of(&r);
	v.next = last + 1;
	if (!v.j || pthread_create(&writer, NULL, write_for_ever, &v) != 0)
		_exit(1);
	do {
		while (journal_next(v.j, &r))
			last = number_of(&r);
		atomic_store(&shared->retired, last);
		journal_retire(v.j);
	} while (journal_prepare(v.j) == 0);
	_exit(1);
}

/* Until something was retired that was not before, or the child gave up by itself. */
static void wait_for_the_ledger(pid_t child, const struct shared *shared, uint64_t before)
{
	siginfo_t gone = { 0 };

	while (atomic_load(&shared->retired) <= before && gone.si_pid == 0) {
		sched_yield();
		if (waitid(P_PID, (id_t)child, &gone, WEXITED | WNOHANG | WNOWAIT) != 0)
			return;
	}
}

TEST(journal_loses_nothing_when_killed)
{
	const char *dir = test_dir();
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *night = getenv("E2E_NIGHT");
	int rounds = night ? 500 : (int)check_times(60);

	for (int round = 0; round < rounds; round++) {
		uint64_t before = atomic_load(&shared->retired);
		pid_t child = fork();

		if (child == 0)
			be_killed(dir, shared);
		/* Most die at any moment, before their first record too. */
		if (round % 4 == 0)
			wait_for_the_ledger(child, shared, before);
		usleep((useconds_t)(rand() % 30000));
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status));

		uint64_t committed = atomic_load(&shared->committed);
		uint64_t retired = atomic_load(&shared->retired);
		struct journal *j = open_in(dir);
		struct journal_record r;
		uint64_t last = 0;
		bool in_order = true;
		while (journal_next(j, &r)) {
			uint64_t n = number_of(&r);

			in_order &=
			        n > 0 && (last == 0 ? n <= retired + 1 : n == last + 1);
			last = n;
		}
		CHECK(in_order);
		CHECK_INT(journal_bad(j), 0);
		/* A record whose write had not returned may be there. */
		if (last)
			CHECK(last == committed || last == committed + 1);
		else
			CHECK_INT(retired, committed);
		atomic_store(&shared->committed, last > committed ? last : committed);
		/* Not retired: the next child finds them again. */
		journal_close(&j);
	}
	CHECK(atomic_load(&shared->retired) > 0);
	munmap(shared, sizeof(*shared));
}

/* ---- a busy worker ---- */

/* Uses up segments until there is none, and says how many there were. */
static unsigned use_up(struct journal *j, unsigned most, uint64_t *n)
{
	unsigned used = 0;

	while (used < most && write_number(j, *n + 1)) {
		++*n;
		if (!journal_roll(j))
			break;
		used++;
	}
	return used;
}

TEST(journal_keeps_more_segments_ready_for_a_worker_that_uses_many)
{
	const char *dir = test_dir();
	struct journal *j = open_in(dir);
	uint64_t n = 0, last = 0;

	CHECK_INT(journal_prepare(j), 0);
	CHECK_INT(use_up(j, 64, &n), 1);
	for (int turn = 0; turn < 64; turn++) {
		CHECK(read_on(j, &last));
		journal_retire(j);
		CHECK_INT(journal_prepare(j), 0);
		use_up(j, 1, &n);
	}
	/* Sixteen turns' worth and more may now pass without the recorder. */
	CHECK_INT(use_up(j, 64, &n), JOURNAL_BUSY - 1);
	CHECK(read_on(j, &last));
	journal_retire(j);
	/* At rest what is too many goes back to the disk, and nothing is lost. */
	for (int turn = 0; turn < 200; turn++)
		CHECK_INT(journal_prepare(j), 0);
	CHECK(journal_bytes(j) <= (JOURNAL_BUSY + 4) * MiB);
	CHECK_INT(last, n);
	journal_close(&j);
}

TEST(journal_at_its_limit_is_in_no_trouble_while_it_has_a_few_segments)
{
	const char *dir = test_dir();
	struct journal *j = open_in(dir);
	uint64_t n = 0, last = 0;

	journal_set_limit(j, (uint64_t)6 * MiB);
	for (int turn = 0; turn < 64; turn++) {
		CHECK_INT(journal_prepare(j), 0);
		use_up(j, 1, &n);
		CHECK(read_on(j, &last));
		journal_retire(j);
	}
	CHECK_INT(journal_prepare(j), 0);
	CHECK(journal_bytes(j) <= (uint64_t)6 * MiB);
	journal_close(&j);
}
