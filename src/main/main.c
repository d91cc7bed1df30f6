/* main.c - the entrance; the commands have files of their own. */
#include "main/command.h"
#include "main/harden.h"

int main(int argc, char **argv)
{
	harden_descriptors();
	harden_process();
	return command_run(command_rows, argc, argv);
}
