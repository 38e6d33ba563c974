/* threads.h: the part of vitc_threads_available() that a test can point at other files. Private. */
#ifndef VITC_THREADS_H
#define VITC_THREADS_H

/* Processors that the control groups listed in `list` (as /proc/self/cgroup) allow, read beneath
 * `mount` (as /sys/fs/cgroup), rounded up; 0 = no limit. */
int vitc_cgroup_cpus(const char *list, const char *mount);
#endif
