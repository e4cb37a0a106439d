/* Makes the N-th call that writes below a folder fail, in any language: for LD_PRELOAD.
 *
 * fault_arm(folder, n, error) starts to count; fault_calls() returns how many calls there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char folder[4096];
static long at, calls, code;

void fault_arm(const char *path, long n, long error) {
    snprintf(folder, sizeof folder, "%s", path);
    at = n;
    code = error;
    calls = 0;
}

long fault_calls(void) { return calls; }

static int strike(const char *path) {
    if (!*folder || !path || strncmp(path, folder, strlen(folder))) return 0;
    if (++calls != at) return 0;
    errno = (int)code;
    return 1;
}

static int strike_file(int file) {
    char link[64], path[4096];
    if (!*folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strike(path);
}

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
