import Base
import Foundation

/// All observers of a run. Hands every event to each, and outlives any that fails: a full disk costs a warning, not the run.
///
/// An observer that throws is offered the following events again. Its first failure is one warning line; when it works
/// again, one note says how many events it lost. After three such turns it is silent: a disk at its limit may go to and fro
/// with every line. May be called from any thread: its state is used under `lock`, observers and `lastResort` included.
public final class RunObservers: @unchecked Sendable {
  private struct Sink {
    let observer: RunObserver
    /// Since it last worked.
    var lostEventCount = 0
    /// How often it ceased to work.
    var failureCount = 0
    /// In all.
    var allLostCount = 0
    var isToldOf: Bool { failureCount <= 3 }
  }

  private var sinks: [Sink]
  private let lock = NSLock()
  private let lastResort: (String) -> Void

  /// - Parameter lastResort: takes a warning that no observer could; by default standard error.
  public init(_ observers: [RunObserver], lastResort: ((String) -> Void)? = nil) {
    sinks = observers.map { Sink(observer: $0) }
    // Where standard error fails too, there is nobody left to tell.
    self.lastResort =
      lastResort ?? { writeToStandardError("palier: " + $0 + "\n") }
  }

  /// Hands `event` to every observer.
  public func observe(_ event: RunEvent) {
    lock.lock()
    defer { lock.unlock() }
    for index in sinks.indices { deliver(event, to: index) }
  }

  /// The files that lack events, in words: "3 events of metrics.jsonl". The console is no file.
  public var losses: [String] {
    lock.lock()
    defer { lock.unlock() }
    return sinks.filter { $0.allLostCount > 0 && !$0.observer.isSeenAtOnce }.map {
      "\($0.allLostCount) event\($0.allLostCount == 1 ? "" : "s") of \($0.observer.name)"
    }
  }

  /// Short for a note event.
  public func note(_ text: String) { observe(.note(NoteReport(text))) }

  /// Short for a warning event.
  public func warn(_ text: String) { observe(.warning(WarningReport(text))) }

  /// Ends every observer. Call it once, on the good path and on the bad.
  public func finish() {
    lock.lock()
    defer { lock.unlock() }
    for index in sinks.indices {
      do {
        try sinks[index].observer.finish()
      } catch {
        tell(.warning(WarningReport("\(sinks[index].observer.name): the end may be missing: \(error)")), besides: index)
      }
    }
  }

  private func deliver(_ event: RunEvent, to index: Int) {
    let name = sinks[index].observer.name
    let hasWritten: Bool
    do {
      hasWritten = try sinks[index].observer.observe(event)
    } catch {
      sinks[index].lostEventCount += 1
      sinks[index].allLostCount += 1
      if sinks[index].lostEventCount == 1 { sinks[index].failureCount += 1 }
      if sinks[index].lostEventCount == 1, sinks[index].isToldOf {
        tell(
          .warning(WarningReport("\(error); the run goes on without \(name) until it works again")), besides: index)
      }
      return
    }
    let lost = sinks[index].lostEventCount
    if lost > 0, hasWritten {
      sinks[index].lostEventCount = 0
      guard sinks[index].isToldOf else { return }
      tell(.note(NoteReport("\(name): works again; \(lost) events are missing in it")), besides: nil)
    }
  }

  /// Tells the other observers about one. One that fails here will say so at its own next event.
  private func tell(_ event: RunEvent, besides skipped: Int?) {
    var isTold = false
    for index in sinks.indices where index != skipped && sinks[index].lostEventCount == 0 {
      let observer = sinks[index].observer
      if (try? observer.observe(event)) != nil { isTold = isTold || observer.isSeenAtOnce }
    }
    if !isTold, case .warning(let report) = event { lastResort(report.text) }
  }
}
