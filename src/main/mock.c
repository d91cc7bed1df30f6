/* mock.c - `sluice mock`: the mock provider alone, for tests and demos. */
#include "main/command.h"

#include "mock/mock.h"

#include <signal.h>
#include <stdio.h>

#define DEFAULT_LISTEN "127.0.0.1:9000"

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void greet(const struct mock *m)
{
	struct buf at = BUF_LIMIT(256);
	const char *scheme = mock_address(m)->sa.sa_family == AF_UNIX ? "" : "http://";

	net_print(mock_address(m), &at);
	fprintf(stderr,
	        "sluice mock %s  models and faults in OpenAI's format, and in the "
	        "others' "
	        "at their paths\n"
	        "  API        %s%s/v1\n"
	        "  Try        curl %s%s/v1/chat/completions -d '{\"model\":\"echo\","
	        "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
	        SLUICE_VERSION, scheme, buf_z(&at), scheme, buf_z(&at));
	buf_free(&at);
}

int mock_command(struct command *c)
{
	const char *listen = command_value(c, "listen"), *name = command_value(c, "name");
	struct buf why = BUF_LIMIT(1 * KiB);
	struct net_addr at;
	struct mock *m;
	sigset_t set;
	int sig, code;

	if (!listen)
		listen = DEFAULT_LISTEN;
	if (!net_parse(str_from_z(listen), &at))
		return command_misused(c, "--listen %s is no address, such as %s", listen,
		                       DEFAULT_LISTEN);
	block_signals(&set);
	m = mock_start(&(struct mock_options){ .at = &at,
	                                       .name = str_from_z(name ? name : ""),
	                                       .any_model = command_has(c, "any-model"),
	                                       .bill = command_value(c, "bill") },
	               &why);
	if (m) {
		greet(m);
		while (sigwait(&set, &sig) != 0)
			;
		mock_stop(&m);
		code = EXIT_OK;
	} else {
		code = command_failed("%s", buf_z(&why));
	}
	buf_free(&why);
	return code;
}
