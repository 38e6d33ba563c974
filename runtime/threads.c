/* threads.c: how many threads make sense here: the processors of the affinity mask, but no more
 * than the quota of any control group around this process. Without the quota a container that may
 * use two of 64 processors would start 64 threads and be stopped for most of every period. */
#include "threads.h"
#include "vitc.h"
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int cpus_of(long quota, long period) {
    if (quota <= 0 || period <= 0) return 0; /* -1, "max": no limit */
    long n = (quota - 1) / period + 1;
    return n > INT_MAX ? INT_MAX : (int)n;
}
static int tighter(int a, int b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Reads up to two numbers from dir/name; what is not there stays as it is. */
static void read_numbers(const char *dir, const char *name, long *a, long *b) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return;
    FILE *f = fopen(path, "re");
    if (!f) return;
    if (fscanf(f, "%ld %ld", a, b) < 1) *a = 0;
    fclose(f);
}
static int limit_v2(const char *dir) {
    long quota = 0, period = 0;
    read_numbers(dir, "cpu.max", &quota, &period);
    return cpus_of(quota, period);
}
static int limit_v1(const char *dir) {
    long quota = 0, period = 0, none = 0;
    read_numbers(dir, "cpu.cfs_quota_us", &quota, &none);
    read_numbers(dir, "cpu.cfs_period_us", &period, &none);
    return cpus_of(quota, period);
}
/* The tightest limit of mount/path and of every directory between it and mount. */
static int limit_upwards(const char *mount, const char *path, int (*limit)(const char *dir)) {
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir) return 0;
    int least = limit(dir);
    for (char *slash; (slash = strrchr(dir + strlen(mount), '/')) != NULL;) {
        *slash = '\0';
        least = tighter(least, limit(dir));
    }
    return least;
}
/* One line of the list, "id:controllers:path"; no controllers: the unified hierarchy (v2). */
static int limit_of_line(char *line, const char *mount) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) return 0;
    *path++ = '\0';
    if (*++controllers == '\0') return limit_upwards(mount, path, limit_v2);
    for (char *save, *c = strtok_r(controllers, ",", &save); c; c = strtok_r(NULL, ",", &save)) {
        if (strcmp(c, "cpu") != 0) continue;
        char v1[PATH_MAX];
        if (snprintf(v1, sizeof v1, "%s/cpu", mount) >= (int)sizeof v1) return 0;
        return limit_upwards(v1, path, limit_v1);
    }
    return 0;
}
int vitc_cgroup_cpus(const char *list, const char *mount) {
    char line[PATH_MAX];
    int least = 0;
    FILE *f = fopen(list, "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) least = tighter(least, limit_of_line(line, mount));
    fclose(f);
    return least;
}
int vitc_threads_available(void) {
    cpu_set_t set;
    int have = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                           : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int n = tighter(have, vitc_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup"));
    return n < 1 ? 1 : n;
}
