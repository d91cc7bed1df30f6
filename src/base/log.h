/* log.h - lines for people, on stderr.
 *
 * One line per record, whatever it contains: control bytes are escaped and the length is
 * bounded.  Only gateway, admin, mock and main speak; lower floors return faults.  A line
 * says who, and while doing what.  Repeated warnings are the caller's to limit. */
#pragma once
#include "base/compiler.h"

enum log_level {
	LOG_ERROR, /* somebody has to act */
	LOG_WARN,  /* something is not as it should be; service goes on */
	LOG_INFO,  /* start, reload, stop */
	LOG_DEBUG,
};

/* Process-wide; set once at start. */
void log_set_level(enum log_level most);
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
