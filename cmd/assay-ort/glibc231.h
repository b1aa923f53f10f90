/*
 * Included before every C file of assay-ort that `make cross` compiles, the
 * Go runtime's own included: binds the functions that glibc has given new
 * versions since 2.31 to the versions that they had before. Newer systems
 * keep both. 2.34 moved libpthread and libdl into libc and renewed all their
 * versions; before, these functions are in libraries of their own, so that
 * the linker is told to name them (packaging/packaging.mk, OLDLIBS).
 *
 * A function that is missing here is found by TestGlibc, with its name.
 */
#if !defined(__ASSEMBLER__) && !defined(ASSAY_BASE) /* it is included before assembly, too */
#if defined(__x86_64__)
#define ASSAY_BASE "GLIBC_2.2.5" /* the first of this architecture */
#elif defined(__aarch64__)
#define ASSAY_BASE "GLIBC_2.17"
#else
#error "no base version of glibc is known for this architecture"
#endif

#define ASSAY_OLD(name) __asm__(".symver " #name "," #name "@" ASSAY_BASE)

ASSAY_OLD(dlclose);
ASSAY_OLD(dlerror);
ASSAY_OLD(dlopen);
ASSAY_OLD(dlsym);
ASSAY_OLD(pthread_attr_getstack);
ASSAY_OLD(pthread_attr_getstacksize);
ASSAY_OLD(pthread_create);
ASSAY_OLD(pthread_getattr_np);
ASSAY_OLD(pthread_key_create);
ASSAY_OLD(pthread_setspecific);
ASSAY_OLD(pthread_sigmask);
#endif
