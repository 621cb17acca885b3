#include "palier_numa.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>

int palier_numa_available(void) { return numa_available() >= 0; }

int palier_numa_highest_node(void) {
  if (numa_available() < 0) return 0;
  int highest = numa_max_node();
  return highest > 0 ? highest : 0;
}

int palier_numa_cpus_of_node(int node, int *cpus, int capacity) {
  int available = numa_available() >= 0;
  if (node < 0 || (available && node > numa_max_node()) || (!available && node > 0)) return -EINVAL;
  struct bitmask *mask = available ? numa_allocate_cpumask() : 0;
  if (!mask) {
    // Without NUMA all CPUs are the one node's.
    int total = numa_num_configured_cpus();
    for (int cpu = 0; cpu < total && cpu < capacity; cpu++) cpus[cpu] = cpu;
    return total;
  }
  if (numa_node_to_cpus(node, mask) != 0) {
    int code = errno ? errno : EINVAL;
    numa_free_cpumask(mask);
    return -code;
  }
  int found = 0;
  for (unsigned int cpu = 0; cpu < mask->size; cpu++) {
    if (!numa_bitmask_isbitset(mask, cpu)) continue;
    if (found < capacity) cpus[found] = (int)cpu;
    found++;
  }
  numa_free_cpumask(mask);
  return found;
}

int64_t palier_numa_node_memory(int node, int64_t *free_bytes) {
  long long free_now = -1;
  long long size = -1;
  if (node >= 0 && numa_available() >= 0 && node <= numa_max_node()) size = numa_node_size64(node, &free_now);
  if (free_bytes) *free_bytes = size < 0 ? -1 : free_now;
  return size;
}

void palier_numa_prefer_node(int node) {
  if (numa_available() >= 0 && node >= 0 && node <= numa_max_node()) numa_set_preferred(node);
}

int palier_numa_interleave(const int *nodes, int count) {
  if (numa_available() < 0) return 0;
  struct bitmask *mask = numa_allocate_nodemask();
  if (!mask) return -ENOMEM;
  for (int i = 0; i < count; i++) {
    if (nodes[i] < 0 || nodes[i] > numa_max_node()) {
      numa_free_nodemask(mask);
      return -EINVAL;
    }
    numa_bitmask_setbit(mask, (unsigned int)nodes[i]);
  }
  numa_set_interleave_mask(mask);
  numa_free_nodemask(mask);
  return 0;
}

int palier_numa_nodes_of_pages(void **pages, unsigned long count, int *nodes) {
  if (numa_available() < 0) {
    for (unsigned long i = 0; i < count; i++) nodes[i] = 0;
    return 0;
  }
  errno = 0;
  if (numa_move_pages(0, count, pages, 0, nodes, 0) >= 0) return 0;
  return errno ? -errno : -EINVAL;
}

