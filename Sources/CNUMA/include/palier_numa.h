// Where memory and threads lie: a thin shim over libnuma (version 2).
//
// Each function names the one that it wraps. Where the kernel offers no NUMA interface (numa_available() < 0: some
// containers, kernels without it) the answers are those of a machine with one node, so that callers need no second path.
// Errors come back as a negative errno. The shim exists because libnuma's bit masks are opaque structs with macros
// around them; it can go when Swift imports those.
#ifndef PALIER_NUMA_H
#define PALIER_NUMA_H

#if !__has_include(<numa.h>)
#error "libnuma's numa.h not found: install it with: apt-get install libnuma-dev"
#endif

#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/// 1 where the kernel answers NUMA calls, else 0. Wraps numa_available.
int palier_numa_available(void);

/// The highest node id (ids may have gaps), at least 0. Wraps numa_max_node.
int palier_numa_highest_node(void);

/// Writes the ids of at most `capacity` CPUs of `node`, ascending; returns how many the node has, or a negative errno.
/// Wraps numa_node_to_cpus.
int palier_numa_cpus_of_node(int node, int *cpus, int capacity);

/// The node's memory in bytes, and what is free of it in `*free_bytes`; -1 where unknown. Wraps numa_node_size64.
int64_t palier_numa_node_memory(int node, int64_t *free_bytes);

/// Asks for new pages of the calling thread on `node`, elsewhere when it is full. Wraps numa_set_preferred.
void palier_numa_prefer_node(int node);

/// Asks for new pages of the calling thread, and of the threads that it starts from now on, on `nodes` in turns. 0, or a
/// negative errno. Wraps numa_set_interleave_mask.
int palier_numa_interleave(const int *nodes, int count);

/// The node of each page that holds one of `pages`: `nodes[i]` is a node id, or a negative errno (-ENOENT: not touched
/// yet). 0, or a negative errno. Wraps numa_move_pages without target nodes, which only asks.
int palier_numa_nodes_of_pages(void **pages, unsigned long count, int *nodes);

#if defined(__cplusplus)
}
#endif

#endif
