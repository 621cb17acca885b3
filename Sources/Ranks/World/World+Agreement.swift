import Base
import Compute

extension World {
  /// Runs `work` on every rank; when it throws on any, every rank throws. Collective.
  ///
  /// The lowest rank that failed throws its own error, all others `RankError.peerFailed` with that rank's message, so
  /// that one line is printed. A failure that ranks had already agreed on inside `work` passes unchanged.
  /// - Parameter work: makes no collective call that another rank could miss by throwing earlier.
  public func agree<Value>(_ work: () throws -> Value) throws -> Value {
    let outcome = Result(catching: work)
    var verdict = Verdict.succeeded
    if case .failure(let error) = outcome { verdict = isPeerFailure(error) ? .alreadyAgreed : .failed }
    let verdicts = try allGather(verdict.rawValue)
    guard let first = verdicts.firstIndex(where: { $0 != Verdict.succeeded.rawValue }) else { return try outcome.get() }
    if verdicts.contains(Verdict.alreadyAgreed.rawValue), case .failure(let error) = outcome { throw error }
    throw try agreedError(of: first, own: outcome)
  }

  private enum Verdict: UInt8 { case succeeded, failed, alreadyAgreed }

  /// The error that this rank throws when rank `first` is the first that failed.
  private func agreedError<Value>(of first: Int, own outcome: Result<Value, any Error>) throws -> any Error {
    var failure = Failure(host: hostName, message: "")
    if case .failure(let error) = outcome { failure.message = oneLine(shownError(error)) }
    failure = try broadcast(failure, from: first)
    guard first == rank, case .failure(let error) = outcome else {
      return RankError.peerFailed(rank: first, host: failure.host, message: failure.message)
    }
    agreedFailure.withLock { $0 = shownError(error) }
    return error
  }

  /// Throws on every rank unless all have the same facts; the first rank that differs from rank zero prints the first fact in
  /// which it does, with both values. Collective.
  ///
  /// Ranks that go on unlike would meet in collectives of unlike sizes, or train on each other's mistakes.
  /// - Parameter facts: names with their values, in the same order on all ranks.
  public func requireSame(_ facts: [(name: String, value: String)]) throws {
    guard count > 1 else { return }
    let text = Array(facts.map { "\($0.name)\u{1F}\($0.value)\u{1E}" }.joined().utf8)
    let hashes = try allGather(text.withUnsafeBytes { FNV1a.hash($0) })
    guard let odd = hashes.firstIndex(where: { $0 != hashes[0] }) else { return }
    let leaders: Facts = try broadcast(
      isLeader ? Facts(host: hostName, names: facts.map(\.name), values: facts.map(\.value)) : nil)
    try agree { if rank == odd { throw firstDifference(of: facts, from: leaders) } }
  }

  private struct Facts: Codable {
    var host: String
    var names: [String]
    var values: [String]
  }

  private func firstDifference(of facts: [(name: String, value: String)], from leaders: Facts) -> RankError {
    let theirs = Dictionary(zip(leaders.names, leaders.values)) { first, _ in first }
    let mine = Dictionary(facts.map { ($0.name, $0.value) }) { first, _ in first }
    let name = (leaders.names + facts.map(\.name)).first { theirs[$0] != mine[$0] } ?? "the start"
    func shown(_ value: String?) -> String { value.map { $0.isEmpty ? "not given" : oneLine($0) } ?? "unknown" }
    return .unlike(
      name: name, value: shown(mine[name]), leaderValue: shown(theirs[name]), leaderHost: leaders.host)
  }

  private struct Failure: Codable {
    var host: String
    var message: String
  }

  /// What `make` returns on rank zero, on every rank; when it throws, every rank throws as with `agree`. Collective.
  /// - Parameter make: run on rank zero only.
  public func fromLeader<Value: Codable>(_ make: () throws -> Value) throws -> Value {
    let made = try agree { isLeader ? try make() : nil }
    return try broadcast(made)
  }
}
