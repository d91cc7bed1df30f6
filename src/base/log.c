#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_most = LOG_INFO; /* written once, before threads start */

void log_set_level(enum log_level most)
{
	log_most = most;
}

/* Control bytes become \xNN, so that no value can forge a second line. */
static size_t escape(char *to, size_t room, const char *from, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len + 5 < room; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c < 0x20 || c == 0x7f)
			len += (size_t)snprintf(to + len, room - len, "\\x%02x", c);
		else
			to[len++] = (char)c;
	}
	return len;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error: ", "warning: ", "", "debug: " };
	char text[2048], line[4096];
	va_list args;
	size_t len;
	int n;

	if (level > log_most)
		return;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	len = (size_t)snprintf(line, sizeof(line), "sluice: %s", names[level]);
	len += escape(line + len, sizeof(line) - len - 1, text,
	              min_of((size_t)n, sizeof(text) - 1));
	line[len++] = '\n';
	/* One write per line keeps lines of several threads apart; a full or closed
	 * stderr must not stop the service. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}
