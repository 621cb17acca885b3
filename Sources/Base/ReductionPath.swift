/// By which way exact sums go over the ranks; both give the same bits.
public enum ReductionPath: String, CaseIterable, Sendable {
  /// Our own pipelined ring.
  case ring
  /// MPI's own all-reduce.
  case mpi
}
