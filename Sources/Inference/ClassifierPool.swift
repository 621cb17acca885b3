import Foundation

/// Classifiers of the same weights, one for each call that runs at once.
final class ClassifierPool: @unchecked Sendable {
  private let first: WordClassifier
  private let lock = NSLock()
  /// Those that no call uses just now.
  private var idle: [WordClassifier]

  init(_ first: WordClassifier) { (self.first, idle) = (first, [first]) }

  /// Lends one that nobody else has meanwhile.
  func withOne<Result>(_ body: (WordClassifier) throws -> Result) rethrows -> Result {
    let classifier = lock.withLock { idle.popLast() } ?? first.sharing()
    defer { lock.withLock { idle.append(classifier) } }
    return try body(classifier)
  }
}
