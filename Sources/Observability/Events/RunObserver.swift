/// One place where a run is written down: the console, a file.
///
/// An observer is called from one thread at a time. A failure is thrown, and harms neither the run nor what the observer
/// wrote before: the next event is offered again (see `RunObservers`).
public protocol RunObserver: AnyObject {
  /// What a warning calls it: "metrics.jsonl".
  var name: String { get }
  /// Whether a person sees it at once. A warning that no such observer took goes to standard error.
  var isSeenAtOnce: Bool { get }
  /// Writes `event` down.
  /// - Returns: whether it wrote anything: only then is it known to work.
  @discardableResult func observe(_ event: RunEvent) throws -> Bool
  /// Brings everything written so far to the disk. Called once, after the last event.
  func finish() throws
}

extension RunObserver {
  /// By default no person does.
  public var isSeenAtOnce: Bool { false }
  /// By default there is nothing to bring there.
  public func finish() throws {}
}
