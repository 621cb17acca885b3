import Base
import Checkpoints
import Foundation

/// Takes away what a study need not keep, as soon as nobody waits for it: the disk that a sweep takes is bounded by
/// what is chosen to stay and by what runs.
struct Keeping {
  let graph: StudyGraph
  let folder: StudyFolder
  let kept: Set<SweepGrid.Kept>

  /// After a cell was done: what it needed itself, and what it was the last to need of its parent.
  func clear(after cell: Cell) {
    clear(cell)
    if let parent = cell.parent.flatMap({ graph[$0] }) { clear(parent) }
  }

  /// What of a cell may go by now; nothing of one that is not done.
  func clear(_ cell: Cell) {
    let own = folder.cell(cell.id)
    guard own.isDone else { return }
    let isWaitedFor = graph.children(of: cell.id).contains(where: isNeeded)
    own.remove(own.packed)
    for checkpoint in own.checkpoints.complete() { own.remove(checkpoint.url) }
    switch cell.kind {
    case .trunk:
      own.remove(own.checkpoints.alpha)
      if !isWaitedFor { own.remove(own.points.folder) }
    case .branch, .stage:
      if !isWaitedFor, !kept.contains(.alpha) { own.remove(own.checkpoints.alpha) }
    case .head:
      if !isWaitedFor, !kept.contains(.best) { own.remove(own.checkpoints.best) }
    case .ptq:
      if !kept.contains(.best) { own.remove(own.quantized) }
    }
    if !kept.contains(.metrics) {
      for name in ["metrics.jsonl", "tensorboard", "versions.json", "hosts.json"] {
        own.remove(own.run.appendingPathComponent(name))
      }
      own.remove(own.log)
    }
  }

  /// Not done, and, where others start from it, some of them neither; or done, and what others need of it is gone.
  func isNeeded(_ cell: Cell) -> Bool {
    let children = graph.children(of: cell.id)
    let waiting = children.filter { isNeeded($0) }
    guard folder.cell(cell.id).isDone else { return children.isEmpty || !waiting.isEmpty || cell.kind == .head }
    return waiting.contains { !hasStart(of: $0) }
  }

  /// Whether what `cell` starts from lies there.
  func hasStart(of cell: Cell) -> Bool {
    guard let parent = cell.parent.flatMap({ graph[$0] }) else { return true }
    let source = folder.cell(parent.id)
    guard source.isDone else { return false }
    let start =
      switch parent.kind {
      case .trunk: source.points.url(ofStep: cell.leavesAt)
      case .branch, .stage: source.checkpoints.alpha
      case .head, .ptq: source.checkpoints.best
      }
    return AtomicFolder.isComplete(start)
  }
}
