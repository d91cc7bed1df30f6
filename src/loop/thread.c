/* thread.c - named threads which no signal ever interrupts. */
#include "loop/thread.h"

#include "base/compiler.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

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
	char short_name[16], creator[16]; /* all the kernel keeps */
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK);
	/* A thread inherits the mask, so there is no moment without it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* So does it the name, prctl(2); to give it one from outside takes a file in
	 * /proc, which a process that cannot be dumped, or is in its sandbox, has no
	 * right to. */
	snprintf(short_name, sizeof(short_name), "%s", name);
	prctl(PR_GET_NAME, creator);
	prctl(PR_SET_NAME, short_name);
	int error = pthread_create(&thread, &attr, run, arg);
	prctl(PR_SET_NAME, creator);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (error)
		return false;
	*ret = thread;
	return true;
}
