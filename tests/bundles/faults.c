/* Makes the N-th call of a kind fail, in any language: for LD_PRELOAD.
 *
 * The kinds are calls that write below a folder, that map a file below a folder into memory, and
 * that ask for much memory. fault_arm(kind, folder, n, error) starts to count: call n fails, or all
 * calls from -n on. fault_calls() returns how many calls there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITES, MAPS, MEMORY };

static char folder[4096];
static long kind, at, calls, code;

void fault_arm(long which, const char *path, long n, long error) {
    kind = which;
    snprintf(folder, sizeof folder, "%s", path);
    at = n;
    code = error;
    calls = 0;
}

long fault_calls(void) { return calls; }

static int count(void) {
    long n = __sync_add_and_fetch(&calls, 1);
    if (at < 0 ? n < -at : n != at) return 0;
    errno = (int)code;
    return 1;
}

static int strike_path(long of, const char *path) {
    if (kind != of || !*folder || !path || strncmp(path, folder, strlen(folder))) return 0;
    return count();
}

static int strike(const char *path) { return strike_path(WRITES, path); }

static int strike_descriptor(long of, int file) {
    char link[64], path[4096];
    if (kind != of || !*folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strike_path(of, path);
}

static int strike_file(int file) { return strike_descriptor(WRITES, file); }

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int f, const void *data, size_t size) {
    return strike_file(f) ? -1 : NEXT(write)(f, data, size);
}
ssize_t pwrite(int f, const void *data, size_t size, off_t at_) {
    return strike_file(f) ? -1 : NEXT(pwrite)(f, data, size, at_);
}
ssize_t pwrite64(int f, const void *data, size_t size, off64_t at_) {
    return strike_file(f) ? -1 : NEXT(pwrite64)(f, data, size, at_);
}
ssize_t sendfile(int out, int in, off_t *from, size_t size) {
    ssize_t (*next)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
    return strike_file(out) ? -1 : next(out, in, from, size);
}
ssize_t writev(int f, const struct iovec *parts, int count_) {
    return strike_file(f) ? -1 : NEXT(writev)(f, parts, count_);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    return strike_file(out) ? -1 : NEXT(copy_file_range)(in, from, out, to, size, flags);
}
int ftruncate(int f, off_t size) { return strike_file(f) ? -1 : NEXT(ftruncate)(f, size); }
int ftruncate64(int f, off64_t size) { return strike_file(f) ? -1 : NEXT(ftruncate64)(f, size); }
int fsync(int f) { return strike_file(f) ? -1 : NEXT(fsync)(f); }
int fdatasync(int f) { return strike_file(f) ? -1 : NEXT(fdatasync)(f); }
int rename(const char *from, const char *to) {
    return strike(from) ? -1 : NEXT(rename)(from, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return strike(from) ? -1 : NEXT(renameat2)(a, from, b, to, flags);
}
int mkdir(const char *path, mode_t mode) { return strike(path) ? -1 : NEXT(mkdir)(path, mode); }

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    return (flags & O_CREAT) && strike(path) ? -1 : next(path, flags, mode);
}
#define OPEN(name)                                                                               \
    int name(const char *path, int flags, ...) {                                                 \
        va_list rest;                                                                            \
        va_start(rest, flags);                                                                   \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                \
        va_end(rest);                                                                            \
        return opened(#name, path, flags, mode);                                                 \
    }
OPEN(open)
OPEN(open64)

void *mmap(void *place, size_t size, int protection, int flags, int file, off_t at_) {
    if (file >= 0 && strike_descriptor(MAPS, file)) return MAP_FAILED;
    return NEXT(mmap)(place, size, protection, flags, file, at_);
}
void *mmap64(void *place, size_t size, int protection, int flags, int file, off64_t at_) {
    if (file >= 0 && strike_descriptor(MAPS, file)) return MAP_FAILED;
    return NEXT(mmap64)(place, size, protection, flags, file, at_);
}

/* Small requests are those of the interpreter itself. dlsym would ask for memory, too. */
#define MUCH (1 << 16)
static int strike_memory(size_t size) {
    return kind == MEMORY && *folder && size >= MUCH && count();
}
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
void *malloc(size_t size) { return strike_memory(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) {
    return strike_memory(n * size) ? NULL : __libc_calloc(n, size);
}
void *realloc(void *old, size_t size) {
    return strike_memory(size) ? NULL : __libc_realloc(old, size);
}
void *aligned_alloc(size_t to, size_t size) {
    return strike_memory(size) ? NULL : __libc_memalign(to, size);
}
int posix_memalign(void **found, size_t to, size_t size) {
    if (strike_memory(size)) return ENOMEM;
    *found = __libc_memalign(to, size);
    return *found ? 0 : ENOMEM;
}
