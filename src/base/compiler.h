/* compiler.h - names for what the compilers offer, so that prototypes read as prose. */
#pragma once
#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define no_return __attribute__((noreturn))
#define cold __attribute__((cold, noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* `auto_free(route_free) struct route *r = ...;` frees r when its scope ends. */
#define auto_free(fn) __attribute__((cleanup(fn)))
/* Hands a pointer over and leaves NULL behind, so that auto_free finds nothing. */
#define move(ptr)                                                                        \
	({                                                                               \
		__auto_type moved_ = (ptr);                                              \
		(ptr) = NULL;                                                            \
		moved_;                                                                  \
	})

/* clang-format off */
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
/* clang-format on */
#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define min_of(a, b)                                                                     \
	({                                                                               \
		__auto_type a_ = (a);                                                    \
		__auto_type b_ = (b);                                                    \
		a_ < b_ ? a_ : b_;                                                       \
	})
#define max_of(a, b)                                                                     \
	({                                                                               \
		__auto_type c_ = (a);                                                    \
		__auto_type d_ = (b);                                                    \
		c_ > d_ ? c_ : d_;                                                       \
	})

enum { KiB = 1024, MiB = 1024 * 1024 };

/* What clang checks and gcc ignores: this pointer may be NULL. */
#ifdef __clang__
#define maybe_null _Nullable
#else
#define maybe_null
#endif
