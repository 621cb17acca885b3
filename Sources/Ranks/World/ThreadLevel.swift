/// How far an MPI library can be called from several threads.
public enum ThreadLevel: Int32, Sendable {
  /// From one thread at a time: calls here take turns.
  case serialized = 2
  /// From any thread at any time.
  case multiple = 3
}

extension ThreadLevel {
  /// What a library gives that offers `offered` (`MPI_THREAD_…`) where `asked` was asked for.
  /// - Throws: `RankError.threadsUnsupported` below `.serialized`.
  package static func settled(offered: Int32, asked: ThreadLevel) throws -> ThreadLevel {
    guard let level = ThreadLevel(rawValue: min(offered, asked.rawValue)) else {
      throw RankError.threadsUnsupported(library: World.libraryVersion)
    }
    return level
  }
}
