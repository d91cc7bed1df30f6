/* prompt.c - see prompt.h.
 *
 * Signals come only while it waits for a byte (ppoll), so that none is lost between a
 * look and the wait.  The handler only notes which; the terminal is put back, and then
 * the signal does what it would have done. */
#include "main/prompt.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static const int watched[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP };
enum { WATCHED = countof(watched), PIECE = 4 * KiB };

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

struct prompt {
	sigset_t mask; /* as it was */
	struct sigaction before[WATCHED];
	struct termios usual;
};

static void begin(struct prompt *p, const char *text)
{
	struct sigaction note = { .sa_handler = on_signal };
	struct termios silent;
	sigset_t block;

	caught = 0;
	sigemptyset(&block);
	for (size_t i = 0; i < WATCHED; i++)
		sigaddset(&block, watched[i]);
	sigprocmask(SIG_BLOCK, &block, &p->mask);
	for (size_t i = 0; i < WATCHED; i++) {
		sigaction(watched[i], NULL, &p->before[i]);
		if (p->before[i].sa_handler != SIG_IGN)
			sigaction(watched[i], &note, NULL);
	}
	fprintf(stderr, "%s", text);
	silent = p->usual;
	silent.c_lflag &= (tcflag_t)~ECHO;
	tcsetattr(0, TCSAFLUSH, &silent);
}

static void end(struct prompt *p)
{
	tcsetattr(0, TCSAFLUSH, &p->usual);
	fprintf(stderr, "\n");
	for (size_t i = 0; i < WATCHED; i++)
		sigaction(watched[i], &p->before[i], NULL);
	if (caught)
		raise(caught); /* comes when it is let */
	sigprocmask(SIG_SETMASK, &p->mask, NULL);
}

/* A line, a byte at a time: what follows it is not ours.  mask: of the wait; NULL: none.
 */
static bool read_line(struct buf *to, const sigset_t *mask)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	ssize_t n = 1;

	while (n > 0 && buf_reserve(to, 1) && !str_has(buf_str(to), STR("\n"))) {
		if (mask && ppoll(&input, 1, NULL, mask) < 0)
			return false;
		n = read(0, to->ptr + to->len, 1);
		if (n > 0)
			to->len++;
	}
	return n >= 0 && !to->over;
}

/* A secret that was cut at its first line would be another one. */
static bool read_whole(struct buf *to)
{
	ssize_t n = 1;

	while (n > 0 && buf_reserve(to, PIECE)) {
		n = read(0, to->ptr + to->len, PIECE);
		if (n > 0)
			to->len += (size_t)n;
	}
	return n == 0 && !to->over;
}

bool prompt_secret(const char *text, struct buf *to)
{
	struct prompt p;
	bool is_read;

	if (!isatty(0) || tcgetattr(0, &p.usual) != 0)
		return read_whole(to);
	do {
		if (to->ptr)
			mem_wipe(to->ptr, to->cap);
		buf_clear(to);
		begin(&p, text);
		is_read = read_line(to, &p.mask);
		end(&p);
	} while (!is_read && caught == SIGTSTP);
	return is_read;
}
