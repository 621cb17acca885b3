#include "COpenMPI.h"

int palier_mpi_success(void) { return MPI_SUCCESS; }
MPI_Comm palier_mpi_comm_world(void) { return MPI_COMM_WORLD; }

int palier_mpi_init(int wanted, int *provided) {
  static const int levels[] = {
      MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED, MPI_THREAD_MULTIPLE};
  int level = MPI_THREAD_SINGLE;
  int status = MPI_Init_thread(NULL, NULL, levels[wanted & 3], &level);
  *provided = 0;
  for (int i = 0; i < 4; i++)
    if (level == levels[i]) *provided = i;
  if (status != MPI_SUCCESS) return status;
  status = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (status != MPI_SUCCESS) return status;
  return MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
}
int palier_mpi_is_initialized(void) {
  int flag = 0;
  return MPI_Initialized(&flag) == MPI_SUCCESS && flag;
}
int palier_mpi_finalize(void) { return MPI_Finalize(); }
void palier_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

int palier_mpi_comm_rank(MPI_Comm communicator, int *rank) { return MPI_Comm_rank(communicator, rank); }
int palier_mpi_comm_size(MPI_Comm communicator, int *count) { return MPI_Comm_size(communicator, count); }
int palier_mpi_comm_dup(MPI_Comm communicator, MPI_Comm *copy) { return MPI_Comm_dup(communicator, copy); }
int palier_mpi_comm_free(MPI_Comm *communicator) { return MPI_Comm_free(communicator); }
int palier_mpi_comm_split_node(MPI_Comm communicator, int key, MPI_Comm *node) {
  return MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL, node);
}

#define PALIER_LARGER(a, b) ((a) > (b) ? (a) : (b))
#define PALIER_TEXT_CAPACITY \
  (PALIER_LARGER(MPI_MAX_LIBRARY_VERSION_STRING, PALIER_LARGER(MPI_MAX_ERROR_STRING, MPI_MAX_PROCESSOR_NAME)) + 1)

size_t palier_mpi_text_capacity(void) { return PALIER_TEXT_CAPACITY; }
int palier_mpi_processor_name(char *text) {
  int length = 0;
  return MPI_Get_processor_name(text, &length);
}
int palier_mpi_error_text(int status, char *text) {
  int length = 0;
  return MPI_Error_string(status, text, &length);
}
int palier_mpi_library_version(char *text) {
  int length = 0;
  return MPI_Get_library_version(text, &length);
}

int palier_mpi_barrier(MPI_Comm communicator) { return MPI_Barrier(communicator); }
int palier_mpi_broadcast(void *bytes, int count, int root, MPI_Comm communicator) {
  return MPI_Bcast(bytes, count, MPI_BYTE, root, communicator);
}
int palier_mpi_all_gather(const void *own, void *all, int count, MPI_Comm communicator) {
  return MPI_Allgather(own, count, MPI_BYTE, all, count, MPI_BYTE, communicator);
}
int palier_mpi_send(const void *bytes, int count, int peer, int tag, MPI_Comm communicator) {
  return MPI_Send(bytes, count, MPI_BYTE, peer, tag, communicator);
}
int palier_mpi_receive(void *bytes, int count, int peer, int tag, MPI_Comm communicator) {
  return MPI_Recv(bytes, count, MPI_BYTE, peer, tag, communicator, MPI_STATUS_IGNORE);
}
int palier_mpi_start_send(
    const void *bytes, int count, int peer, int tag, MPI_Comm communicator, MPI_Request *request) {
  return MPI_Isend(bytes, count, MPI_BYTE, peer, tag, communicator, request);
}
int palier_mpi_start_receive(void *bytes, int count, int peer, int tag, MPI_Comm communicator, MPI_Request *request) {
  return MPI_Irecv(bytes, count, MPI_BYTE, peer, tag, communicator, request);
}
int palier_mpi_start_sum_int64(int64_t *values, int count, MPI_Comm communicator, MPI_Request *request) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, communicator, request);
}
int palier_mpi_test_all(int count, MPI_Request *requests, int *done) {
  return MPI_Testall(count, requests, done, MPI_STATUSES_IGNORE);
}
