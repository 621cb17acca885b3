/// How far an MPI library can be called from several threads.
public enum ThreadLevel: Int32, Sendable {
  /// From one thread at a time: calls here take turns.
  case serialized = 2
  /// From any thread at any time.
  case multiple = 3
}
