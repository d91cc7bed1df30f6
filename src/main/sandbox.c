/* sandbox.c - files: see sandbox.h.
 *
 * Landlock's rules hang on files and directories, not on names.  What may be replaced by
 * a rename (a renewed certificate, an edited configuration) is therefore allowed with its
 * directory, and with the one a symbolic link leads to; only in directories where
 * everything lies (/, /etc, /tmp) the file alone is, and a new file of that name is then
 * read after a restart. */
#include "main/sandbox.h"

#include "base/log.h"
#include "config/datadir.h"
#include "main/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers we build with (linux/landlock.h). */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ull << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif
#define ACCESS_IOCTL_DEV (1ull << 15)
#define SCOPE_SIGNAL (1ull << 1)

#define READ LANDLOCK_ACCESS_FS_READ_FILE
#define READ_TREE (READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                            \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                   \
	 LANDLOCK_ACCESS_FS_MAKE_REG)
#define OWN                                                                              \
	(READ_TREE | WRITE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                            \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR |                   \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
#define OF_FILES (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* As of version 6; older kernels know a beginning of it. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* One ruleset under way. */
struct rules {
	int fd;
	uint64_t handled;
};

/* 0: there is none; *ret_forbidden: for a filter keeps us from it (a kernel without it
 * says ENOSYS or EOPNOTSUPP). */
static int landlock_version(bool *ret_forbidden)
{
	long n = syscall(SYS_landlock_create_ruleset, NULL, 0,
	                 LANDLOCK_CREATE_RULESET_VERSION);

	*ret_forbidden = n < 0 && errno == EPERM;
	return n > 0 ? (int)n : 0;
}

static uint64_t handled_by(int version)
{
	uint64_t all = (1ull << 13) - 1; /* version 1 */

	if (version >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 5)
		all |= ACCESS_IOCTL_DEV;
	return all;
}

static int new_ruleset(int version, uint64_t handled)
{
	struct ruleset r = { .fs = handled, .scoped = version >= 6 ? SCOPE_SIGNAL : 0 };
	size_t size = version >= 6 ? sizeof(r) : sizeof(r.fs);

	return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

/* ---- rules ---- */

static void allow_fd(const struct rules *r, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) != 0)
		return;
	if (!S_ISDIR(st.st_mode))
		access &= OF_FILES;
	rule.allowed_access = access & r->handled;
	syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* What is not there needs no rule. */
static void allow(const struct rules *r, const char *path, uint64_t access)
{
	int fd = path && *path ? open(path, O_PATH | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	allow_fd(r, fd, access);
	close(fd);
}

/* Is it a directory in which the belongings of everybody lie? */
static bool is_broad(const char *dir)
{
	static const char *const broad[] = { "/",    "/etc", "/home", "/usr",
		                             "/var", "/tmp", "/run",  "/opt",
		                             "/srv", "/mnt", "/dev",  "/proc" };

	for (size_t i = 0; i < countof(broad); i++)
		if (strcmp(dir, broad[i]) == 0)
			return true;
	return false;
}

static void allow_parent(const struct rules *r, const char *path, uint64_t access)
{
	char dir[PATH_MAX], real[PATH_MAX];
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	if (realpath(slash ? dir : ".", real) && !is_broad(real))
		allow(r, real, access);
	else
		allow(r, path, access);
}

/* A file that may be replaced, wherever links lead. */
static void allow_file(const struct rules *r, const char *path, uint64_t access)
{
	char real[PATH_MAX];

	if (!path || !*path)
		return;
	allow_parent(r, path, access);
	if (realpath(path, real))
		allow_parent(r, real, access);
}

/* ---- what a gateway needs ---- */

static void allow_machine(const struct rules *r)
{
	static const char *const trees[] = {
		"/etc/ssl",
		"/usr/lib/ssl",
		"/usr/share/ca-certificates",
		"/etc/pki",
		"/usr/lib",
		"/usr/share/zoneinfo",
		"/usr/local/lib",
		"/lib",
		"/lib64",
		"/sys/fs/cgroup",
		"/proc/self",
		"/sys/devices/system/cpu",
		"/usr/local/share/ca-certificates",
	};
	static const char *const files[] = {
		"/etc/hosts",     "/etc/nsswitch.conf", "/etc/host.conf",
		"/etc/localtime", "/etc/gai.conf",      "/etc/services",
		"/dev/urandom",   "/dev/random",        "/etc/resolv.conf",
	};
	struct stat st;

	for (size_t i = 0; i < countof(trees); i++)
		allow(r, trees[i], READ_TREE);
	for (size_t i = 0; i < countof(files); i++)
		allow(r, files[i], READ);
	allow_file(r, "/etc/resolv.conf", READ);
	/* A plain file there is replaced by a new one when the network changes; without
	 * it no provider's name resolves.  For root that would open too much. */
	if (geteuid() != 0 && lstat("/etc/resolv.conf", &st) == 0 && S_ISREG(st.st_mode))
		allow(r, "/etc", READ);
	allow(r, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE);
	allow_file(r, X509_get_default_cert_file(), READ);
	allow(r, X509_get_default_cert_dir(), READ_TREE);
	allow_file(r, getenv("SSL_CERT_FILE"), READ);
	allow(r, getenv("SSL_CERT_DIR"), READ_TREE);
	allow(r, getenv("CREDENTIALS_DIRECTORY"), READ_TREE);
	allow_file(r, getenv("GOOGLE_APPLICATION_CREDENTIALS"), READ);
}

/* A rule hangs on a file that is there.  The recorder opens it later, and says what is in
 * the way. */
static void make_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd >= 0)
		close(fd);
}

static void allow_log(const struct rules *r, const char *path)
{
	struct stat st;

	if (strcmp(path, "stdout") == 0 || strcmp(path, "off") == 0)
		return;
	if (stat(path, &st) != 0 && errno == ENOENT)
		make_log(path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		allow(r, path, OF_FILES); /* a pipe is opened for both */
	else
		allow_file(r, path, READ_TREE | WRITE);
}

static void allow_config(const struct rules *r, const struct config *c)
{
	struct arena keep = { 0 };

	allow(r, str_z(&keep, c->data), OWN);
	allow_log(r, str_z(&keep, c->access_log));
	allow_file(r, str_z(&keep, c->file), READ);
	allow_file(r, c->tls_cert, READ);
	allow_file(r, c->tls_key, READ);
	allow_file(r, c->key_file, READ);
	allow_file(r, c->otlp.ca_file, READ);
	for (const struct config_file *f = c->key_files; f; f = f->next)
		allow_file(r, f->path, READ);
	for (unsigned i = 0; i < c->provider_count; i++) {
		allow_file(r, c->providers[i].ca_file, READ);
		allow_file(r, c->providers[i].credentials_file, READ);
	}
	arena_done(&keep);
}

/* The version in force; 0: none. */
static int close_files(const struct config *c, bool *ret_forbidden)
{
	int version = landlock_version(ret_forbidden);
	struct rules r = { .handled = handled_by(version) };
	bool is_closed;

	r.fd = version ? new_ruleset(version, r.handled) : -1;
	if (r.fd < 0)
		return 0;
	allow_machine(&r);
	allow_config(&r, c);
	is_closed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	            syscall(SYS_landlock_restrict_self, r.fd, 0) == 0;
	close(r.fd);
	return is_closed ? version : 0;
}

void sandbox_enter(const struct config *c, struct sandbox *ret)
{
	struct arena keep = { 0 };
	bool no_landlock, no_seccomp;

	*ret = (struct sandbox){ 0 };
	if (harden_is_sanitized())
		ret->off = "a sanitizer is built in";
	else if (!c->sandbox)
		ret->off = "`sandbox: off`";
	if (ret->off)
		return;
	/* SQLite's own temporary files; where they would else go is closed. */
	setenv("SQLITE_TMPDIR", str_z(&keep, c->data), 1);
	ret->landlock = close_files(c, &no_landlock);
	ret->seccomp = sandbox_deny_calls(&no_seccomp);
	ret->forbidden = no_landlock || no_seccomp;
	if (!ret->landlock)
		log_warn("sandbox: %s; files stay open",
		         no_landlock ? "a system call filter of what started us forbids "
		                       "landlock_create_ruleset"
		                     : "this kernel has no Landlock");
	if (!ret->seccomp)
		log_warn("sandbox: system calls could not be restricted (seccomp)%s",
		         no_seccomp ? ": a filter of what started us forbids it" : "");
	arena_done(&keep);
}

void sandbox_print(const struct sandbox *s, struct buf *to)
{
	if (s->off)
		buf_addf(to, "off: %s", s->off);
	else if (!s->landlock && !s->seccomp)
		buf_add(to, s->forbidden
		                    ? STR("none: a system call filter of what started "
		                          "the gateway forbids it")
		                    : STR("none: this kernel has neither Landlock nor "
		                          "seccomp"));
	if (s->landlock)
		buf_addf(to, "files (Landlock %d)", s->landlock);
	if (s->seccomp)
		buf_addf(to, "%ssystem calls (seccomp)", s->landlock ? ", " : "");
}
