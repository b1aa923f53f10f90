//go:build glibc231

/*
 * The start files of glibc 2.34 and later leave it to the library to run the
 * program's constructors; older libraries leave it to the start files. The
 * linker sends the start file's call here (--wrap), and this calls the old
 * version with what old start files passed. Newer libraries still run an init
 * that they are given, and then no constructors by themselves
 * (glibc, csu/libc-start.c).
 */
#include <stddef.h>

#include "glibc231.h"

typedef void (*constructor)(int, char **, char **);
typedef int (*entry)(int, char **, char **);

extern void _init(void);
extern const constructor __init_array_start[], __init_array_end[];

extern int old_start(entry, int, char **, constructor, void (*)(void), void (*)(void), void *);
__asm__(".symver old_start,__libc_start_main@" ASSAY_BASE);

static void construct(int argc, char **argv, char **env) {
	_init();
	for (const constructor *f = __init_array_start; f < __init_array_end; f++) (*f)(argc, argv, env);
}

int __wrap___libc_start_main(entry program, int argc, char **argv, constructor init, void (*fini)(void), void (*unload)(void), void *stack) {
	return old_start(program, argc, argv, init != NULL ? init : construct, fini, unload, stack);
}
