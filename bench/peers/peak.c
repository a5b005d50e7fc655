/*
 * peak FILE PROGRAM ARGUMENT...: runs a program, and writes to a file how much memory it, or any process that it waited for,
 * had resident at most, in KiB. Whoever is started by a large program is charged with that one's memory up to its own
 * exec(), so a small one has to start it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "peak: %s: %s\n", what, strerror(errno));
	return 127;
}

int main(int count, char **words)
{
	struct rusage used;
	int status;
	FILE *file;
	pid_t child;

	if (count < 3) {
		fprintf(stderr, "usage: peak FILE PROGRAM [ARGUMENT...]\n");
		return 127;
	}
	child = fork();
	if (child < 0)
		return fail("fork");
	if (child == 0) {
		execvp(words[2], words + 2);
		_exit(fail(words[2]));
	}
	if (wait4(child, &status, 0, &used) != child)
		return fail("wait4");
	file = fopen(words[1], "w");
	if (!file || fprintf(file, "%ld\n", used.ru_maxrss) < 0 || fclose(file) != 0)
		return fail(words[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
