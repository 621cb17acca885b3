import Base
internal import COpenMPI

/// The MPI calls made here, for error messages and for the watchdog.
enum MPICall: Int, CaseIterable {
  case start, finalize, duplicate, splitNode, rank, count, hostName
  case barrier, broadcast, allGather, send, receive, startSend, startReceive, startSum, test

  /// The C function's name.
  var name: String {
    switch self {
    case .start: return "MPI_Init_thread"
    case .finalize: return "MPI_Finalize"
    case .duplicate: return "MPI_Comm_dup"
    case .splitNode: return "MPI_Comm_split_type"
    case .rank: return "MPI_Comm_rank"
    case .count: return "MPI_Comm_size"
    case .hostName: return "MPI_Get_processor_name"
    case .barrier: return "MPI_Barrier"
    case .broadcast: return "MPI_Bcast"
    case .allGather: return "MPI_Allgather"
    case .send: return "MPI_Send"
    case .receive: return "MPI_Recv"
    case .startSend: return "MPI_Isend"
    case .startReceive: return "MPI_Irecv"
    case .startSum: return "MPI_Iallreduce"
    case .test: return "MPI_Testall"
    }
  }

  /// Turns a status into an error that names the call. C function: `MPI_Error_string`.
  func check(_ status: Int32) throws {
    guard status != palier_mpi_success() else { return }
    let reason = mpiText { palier_mpi_error_text(status, $0) } ?? "status \(status)"
    throw RankError.callFailed(call: name, reason: reason)
  }
}

/// The text that an MPI call writes, on one line, or nil when the call fails.
func mpiText(_ call: (UnsafeMutablePointer<CChar>) -> Int32) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: palier_mpi_text_capacity()) { text in
    text.initialize(repeating: 0)
    guard let start = text.baseAddress, call(start) == palier_mpi_success() else { return nil }
    return oneLine(String(cString: start))
  }
}
