// What Swift cannot say of MPI: its handles and constants are macros. One function a call, counts in bytes.
// Every function returns MPI's status unless it says otherwise; Ranks turns it into an error that names the call.
#ifndef PALIER_COPENMPI_H
#define PALIER_COPENMPI_H

#if !__has_include(<mpi.h>)
#error "mpi.h not found: install OpenMPI with: apt-get install libopenmpi-dev openmpi-bin"
#endif
#include <mpi.h>
#include <stddef.h>

#include "PalierLinux.h"
#include "PalierSignals.h"

/// `MPI_SUCCESS`, a macro with a cast in some versions.
int palier_mpi_success(void);
/// `MPI_COMM_WORLD`, a macro over the address of a library variable.
MPI_Comm palier_mpi_comm_world(void);
/// `MPI_Init_thread` without arguments (the standard allows NULL), then `MPI_ERRORS_RETURN` as the error handler, which
/// every communicator made later inherits. `wanted` and `provided`: 0 single, 1 funneled, 2 serialized, 3 multiple.
int palier_mpi_init(int wanted, int *provided);
/// `MPI_Initialized`: 1 or 0.
int palier_mpi_is_initialized(void);
/// `MPI_Finalize`.
int palier_mpi_finalize(void);
/// `MPI_Abort` on `MPI_COMM_WORLD`. Returns only when MPI could not end the process.
void palier_mpi_abort(int code);

/// `MPI_Comm_rank`, `MPI_Comm_size`, `MPI_Comm_dup`, `MPI_Comm_free`.
int palier_mpi_comm_rank(MPI_Comm communicator, int *rank);
int palier_mpi_comm_size(MPI_Comm communicator, int *count);
int palier_mpi_comm_dup(MPI_Comm communicator, MPI_Comm *copy);
int palier_mpi_comm_free(MPI_Comm *communicator);
/// `MPI_Comm_split_type` with the macro `MPI_COMM_TYPE_SHARED`: the ranks of one node.
int palier_mpi_comm_split_node(MPI_Comm communicator, int key, MPI_Comm *node);

/// `MPI_Get_processor_name` into `text`, which holds `palier_mpi_text_capacity` bytes.
int palier_mpi_processor_name(char *text);
/// `MPI_Error_string` into `text`, which holds `palier_mpi_text_capacity` bytes.
int palier_mpi_error_text(int status, char *text);
/// `MPI_Get_library_version` into `text`, which holds `palier_mpi_text_capacity` bytes.
int palier_mpi_library_version(char *text);
/// The largest of MPI's three text lengths, which are macros.
size_t palier_mpi_text_capacity(void);

/// `MPI_Barrier`, `MPI_Bcast`, `MPI_Allgather`, on bytes.
int palier_mpi_barrier(MPI_Comm communicator);
int palier_mpi_broadcast(void *bytes, int count, int root, MPI_Comm communicator);
int palier_mpi_all_gather(const void *own, void *all, int count, MPI_Comm communicator);
/// `MPI_Send` and `MPI_Recv`, on bytes.
int palier_mpi_send(const void *bytes, int count, int peer, int tag, MPI_Comm communicator);
int palier_mpi_receive(void *bytes, int count, int peer, int tag, MPI_Comm communicator);
/// `MPI_Isend` and `MPI_Irecv`, on bytes.
int palier_mpi_start_send(
    const void *bytes, int count, int peer, int tag, MPI_Comm communicator, MPI_Request *request);
int palier_mpi_start_receive(void *bytes, int count, int peer, int tag, MPI_Comm communicator, MPI_Request *request);
/// `MPI_Iallreduce` of 64-bit whole numbers, in place, with the macros `MPI_IN_PLACE` and `MPI_SUM`.
int palier_mpi_start_sum_int64(int64_t *values, int count, MPI_Comm communicator, MPI_Request *request);
/// `MPI_Testall` without statuses; `done` becomes 1 when all of them are complete.
int palier_mpi_test_all(int count, MPI_Request *requests, int *done);

#endif
