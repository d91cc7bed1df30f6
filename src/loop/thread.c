/* thread.c - named threads which no signal ever interrupts. */
#include "loop/thread.h"

#include "base/compiler.h"

#include <signal.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Ours call no deep recursions; sanitizers spread the frames out. */
#ifdef SANITIZED
enum { STACK = 2 * MiB };
#else
enum { STACK = 256 * KiB };
#endif

bool thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg)
{
	char short_name[16]; /* all the kernel keeps */
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK);
	/* A thread inherits the mask, so there is no moment without it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (error)
		return false;
	snprintf(short_name, sizeof(short_name), "%s", name);
	pthread_setname_np(thread, short_name);
	*ret = thread;
	return true;
}
