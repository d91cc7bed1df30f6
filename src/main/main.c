/* main.c - the entrance; the commands have files of their own. */
#include "main/command.h"

int main(int argc, char **argv)
{
	return command_run(command_rows, argc, argv);
}
