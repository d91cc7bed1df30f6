#include "main/sandbox.h"

#include "config/datadir.h"
#include "main/harden.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The world of a gateway: data, a directory with its configuration, one beside it. */
struct world {
	char top[PATH_MAX], data[PATH_MAX + 16], etc[PATH_MAX + 16];
	struct config config;
};

static void put_file(const char *dir, const char *name)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void world_init(struct world *w)
{
	static char file[PATH_MAX + 64];

	*w = (struct world){ .config = { .sandbox = true, .access_log = STR("off") } };
	snprintf(w->top, sizeof(w->top), "%s", test_dir());
	snprintf(w->data, sizeof(w->data), "%s/data", w->top);
	snprintf(w->etc, sizeof(w->etc), "%s/etc", w->top);
	CHECK(mkdir(w->data, 0700) == 0 && mkdir(w->etc, 0700) == 0);
	put_file(w->top, "outside");
	put_file(w->etc, "sluice.yaml");
	snprintf(file, sizeof(file), "%s/sluice.yaml", w->etc);
	w->config.data = str_from_z(w->data);
	w->config.file = str_from_z(file);
}

/* 0 or the errno of opening DIR/NAME. */
static int try_open(const char *dir, const char *name, int flags)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int error_of(long result)
{
	return result == -1 ? errno : 0;
}

#define EXPECT(got, want)                                                                \
	do {                                                                             \
		int seen = (got);                                                        \
		if (seen != (want)) {                                                    \
			fprintf(stderr, "%s: %d, not %d\n", #got, seen, (want));         \
			return __LINE__;                                                 \
		}                                                                        \
	} while (0)

static int try_files(const struct world *w)
{
	EXPECT(try_open(w->data, "ledger.db", O_RDWR | O_CREAT), 0);
	EXPECT(try_open(w->etc, "sluice.yaml", O_RDONLY), 0);
	EXPECT(try_open(w->etc, "sluice.yaml", O_WRONLY), EACCES);
	EXPECT(try_open(w->etc, "new", O_WRONLY | O_CREAT), EACCES);
	EXPECT(try_open(w->top, "outside", O_RDONLY), EACCES);
	EXPECT(try_open(w->top, "more", O_WRONLY | O_CREAT), EACCES);
	EXPECT(try_open("/root", ".", O_RDONLY | O_DIRECTORY), EACCES);
	EXPECT(try_open("/etc", "hosts", O_RDONLY), 0);
	EXPECT(try_open("/proc/1", "environ", O_RDONLY), EACCES);
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_calls(void)
{
	char *const none[] = { NULL };
	pthread_t thread;

	EXPECT(error_of(fork()), EPERM);
	EXPECT(error_of(vfork()), EPERM);
	EXPECT(error_of(execve("/bin/true", none, none)), EPERM);
	EXPECT(error_of(ptrace(PTRACE_TRACEME, 0, 0, 0)), EPERM);
	EXPECT(error_of(unshare(CLONE_NEWNS)), EPERM);
	EXPECT(error_of(syscall(SYS_bpf, 0, 0, 0)), EPERM);
	EXPECT(error_of(syscall(SYS_keyctl, 0, 0)), EPERM);
	EXPECT(error_of(syscall(SYS_io_uring_setup, 1, 0)), EPERM);
	EXPECT(error_of(syscall(SYS_userfaultfd, 0)), EPERM);
	EXPECT(error_of(syscall(SYS_init_module, 0, 0, "")), EPERM);
	EXPECT(error_of(socket(AF_NETLINK, SOCK_RAW, 0)), EPERM);
	EXPECT(error_of(socket(AF_PACKET, SOCK_RAW, 0)), EPERM);
	EXPECT(error_of((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
	       EPERM);
	EXPECT(error_of(socket(AF_INET, SOCK_STREAM, 0)), 0);
	EXPECT(error_of(socket(AF_INET6, SOCK_DGRAM, 0)), 0);
	EXPECT(error_of(socket(AF_UNIX, SOCK_STREAM, 0)), 0);
	EXPECT(pthread_create(&thread, NULL, nothing, NULL), 0);
	EXPECT(pthread_join(thread, NULL), 0);
	return 0;
}

/* A configuration that is replaced by a rename, as editors and certbot do. */
static int try_replaced(const struct world *w)
{
	return try_open(w->etc, "sluice.yaml", O_RDONLY);
}

/* In a child of its own, for none of it can be undone. */
static int in_child(int (*work)(struct world *w), struct world *w)
{
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(work(w) == 0 ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static int inside(struct world *w)
{
	struct sandbox s;
	int line;

	sandbox_enter(&w->config, &s);
	if (s.off)
		return 0;
	if (s.landlock && (line = try_files(w)))
		return line;
	return s.seccomp ? try_calls() : __LINE__;
}

static int inside_and_replaced(struct world *w)
{
	int told[2][2];
	struct sandbox s;
	char byte;

	if (pipe(told[0]) != 0 || pipe(told[1]) != 0)
		return __LINE__;
	if (fork() == 0) { /* stays outside */
		char from[2 * PATH_MAX], to[2 * PATH_MAX];

		(void)!read(told[0][0], &byte, 1);
		put_file(w->etc, "fresh");
		snprintf(from, sizeof(from), "%s/fresh", w->etc);
		snprintf(to, sizeof(to), "%s/sluice.yaml", w->etc);
		(void)!(rename(from, to) == 0 && write(told[1][1], "x", 1));
		_exit(0);
	}
	sandbox_enter(&w->config, &s);
	if (write(told[0][1], "x", 1) != 1 || read(told[1][0], &byte, 1) != 1)
		return __LINE__;
	return try_replaced(w);
}

static int outside(struct world *w)
{
	struct sandbox s;

	w->config.sandbox = false;
	sandbox_enter(&w->config, &s);
	return s.off && !s.landlock && !s.seccomp ? try_open(w->top, "outside", O_RDONLY)
	                                          : __LINE__;
}

/* As systemd's SystemCallFilter= does, or a container's profile. */
static bool forbid(const char *const *calls, size_t count)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	bool is_done = ctx;

	for (size_t i = 0; i < count && is_done; i++)
		is_done =
		        seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		                         seccomp_syscall_resolve_name(calls[i]), 0) == 0;
	is_done = is_done && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return is_done;
}

static int inside_of_a_filter(struct world *w)
{
	static const char *const calls[] = { "landlock_create_ruleset", "seccomp" };
	struct buf b = BUF_LIMIT(KiB);
	struct sandbox s;

	if (!forbid(calls, countof(calls)))
		return __LINE__;
	sandbox_enter(&w->config, &s);
	if (s.off)
		return 0;
	sandbox_print(&s, &b);
	return s.forbidden && !s.landlock && !s.seccomp &&
	                       str_has(buf_str(&b), STR("filter"))
	               ? 0
	               : __LINE__;
}

TEST(what_a_gateway_does_not_need_is_gone)
{
	struct world w;

	world_init(&w);
	CHECK_INT(in_child(inside, &w), 0);
	CHECK_INT(in_child(inside_and_replaced, &w), 0);
	CHECK_INT(in_child(outside, &w), 0);
	CHECK_INT(in_child(inside_of_a_filter, &w), 0);
}

TEST(the_sandbox_says_what_it_is)
{
	static const struct {
		struct sandbox s;
		const char *text;
	} rows[] = {
		{ { .landlock = 4, .seccomp = true },
		  "files (Landlock 4), system calls (seccomp)" },
		{ { .seccomp = true }, "system calls (seccomp)" },
		{ { .off = "`sandbox: off`" }, "off: `sandbox: off`" },
		{ { .forbidden = true },
		  "none: a system call filter of what started the gateway forbids it" },
		{ { 0 }, "none: this kernel has neither Landlock nor seccomp" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b = BUF_LIMIT(KiB);

		sandbox_print(&rows[i].s, &b);
		CHECK_STR_EQ(buf_str(&b), str_from_z(rows[i].text));
		buf_free(&b);
	}
}
