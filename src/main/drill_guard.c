/* drill_guard.c - a drill that is interrupted leaves nothing behind.
 *
 * Dozens of gateways write to their data while it runs, and one case may take minutes:
 * to stop them all in good order would keep whoever presses ^C waiting.  So they run in a
 * process of their own, which is ended at once; who started it then removes the
 * directory that all of their data lie in. */
#include "main/drill.h"

#include "main/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALLED = 128 }; /* as shells have it */

/* Until the child has ended, or a signal says that it shall. */
static int wait_for(pid_t child, const sigset_t *set)
{
	int status = 0, sig = 0;
	pid_t ended;

	while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
		if (sigwait(set, &sig) != 0 || sig == SIGCHLD)
			continue;
		kill(child, SIGKILL);
		(void)!waitpid(child, NULL, 0);
		return SIGNALLED + sig;
	}
	if (ended < 0)
		return command_failed("drill: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
}

int drill_guard(int (*work)(void *arg, const char *dir), void *arg)
{
	char dir[] = "/tmp/sluice-drill-XXXXXX";
	sigset_t set, before;
	pid_t child;
	int code;

	if (!mkdtemp(dir))
		return command_failed("drill: %s: %s", dir, strerror(errno));
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		exit(work(arg, dir));
	}
	code = child > 0 ? wait_for(child, &set)
	                 : command_failed("drill: %s", strerror(errno));
	drill_remove_dir(dir);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}
