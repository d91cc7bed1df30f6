#include "main/harden.h"

#include "base/mem.h"
#include "base/secret.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                     \
        __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

bool harden_is_sanitized(void)
{
	return SANITIZED;
}

void harden_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(1);
}

void harden_process(void)
{
	const struct rlimit none = { 0, 0 };

	if (harden_is_sanitized())
		return;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* The room outlives everything: the environment is read until the end. */
void harden_environment(void)
{
	struct secret_room room = { 0 };
	size_t count = 0;
	char **fresh;

	while (environ[count])
		count++;
	fresh = secret_alloc(&room, (count + 1) * sizeof(char *));
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(environ[i]);
		char *value = strchr(environ[i], '=');

		fresh[i] = secret_alloc(&room, len + 1);
		memcpy(fresh[i], environ[i], len);
		if (value)
			mem_wipe(value + 1, strlen(value + 1));
	}
	environ = fresh;
}
