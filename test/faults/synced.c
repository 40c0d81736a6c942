/*
 * Loaded into a server (LD_PRELOAD) to lose power and to fill its disk. Of every file below FAULT_DIR that is synced it
 * notes the length up to which it is safe, in FAULT_STATE/<inode>; whoever "cuts the power" cuts the files there. While
 * FAULT_STATE/full exists, writes that make such files longer find no space.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *state(void) { return getenv("FAULT_STATE"); }

static int ours(int fd, char *path) {
  char link[64];
  const char *dir = getenv("FAULT_DIR");
  ssize_t length;
  if (!dir || !state()) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, dir, strlen(dir)) == 0 && !strstr(path, ".log") && !strstr(path, "postmaster");
}

static void note(int fd) {
  char path[PATH_MAX], file[PATH_MAX], text[PATH_MAX + 32];
  struct stat found;
  int out, length, kept = errno;
  if (!ours(fd, path) || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return;
  snprintf(file, sizeof file, "%s/%lu", state(), (unsigned long)found.st_ino);
  length = snprintf(text, sizeof text, "%020lld %s\n", (long long)found.st_size, path);
  out = open(file, O_WRONLY | O_CREAT, 0666);
  if (out >= 0) {
    if (pwrite(out, text, length, 0) < 0) { /* the next one will do */ }
    close(out);
  }
  errno = kept;
}

static int full(int fd) {
  char path[PATH_MAX], flag[PATH_MAX];
  if (!state()) return 0;
  snprintf(flag, sizeof flag, "%s/full", state());
  return access(flag, F_OK) == 0 && ours(fd, path);
}

/* Whether that many octets at that place (-1: where the file stands) need new space and there is none. */
static int refused(int fd, off_t at, size_t count) {
  struct stat found;
  int kept = errno, no;
  if (!full(fd)) {
    errno = kept;
    return 0;
  }
  if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? LONG_MAX / 2 : lseek(fd, 0, SEEK_CUR);
  no = fstat(fd, &found) == 0 && at + (off_t)count > found.st_size;
  errno = no ? ENOSPC : kept;
  return no;
}

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  while (count-- > 0) sum += parts[count].iov_len;
  return sum;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
  int result = REAL(fsync)(fd);
  if (result == 0) note(fd);
  return result;
}
int fdatasync(int fd) {
  int result = REAL(fdatasync)(fd);
  if (result == 0) note(fd);
  return result;
}
ssize_t write(int fd, const void *data, size_t count) {
  return refused(fd, -1, count) ? -1 : REAL(write)(fd, data, count);
}
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
  return refused(fd, at, count) ? -1 : REAL(pwrite)(fd, data, count, at);
}
ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
  return refused(fd, at, count) ? -1 : REAL(pwrite64)(fd, data, count, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return refused(fd, at, total(parts, count)) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return refused(fd, at, total(parts, count)) ? -1 : REAL(pwritev64)(fd, parts, count, at);
}
int posix_fallocate(int fd, off_t at, off_t length) {
  return refused(fd, at, length) ? ENOSPC : REAL(posix_fallocate)(fd, at, length);
}
