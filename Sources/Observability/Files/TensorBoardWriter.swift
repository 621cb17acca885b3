import Base
import Foundation

/// TensorBoard event files: `tensorboard --logdir OUTPUT` shows them.
///
/// Tags: `<stage>/loss`, `<stage>/<split>/<score>`, `train/learning_rate`, `train/gradient_norm`, `train/tokens_per_second`,
/// `train/communication_share`, `label_f1/<split>/<label>`, and of every site `SiteReport.scalars`, `step_size/<site>`. Steps are the run's.
/// Every start of a run opens a new file; after a resume its first events tell TensorBoard to forget later steps of the
/// older ones.
public final class TensorBoardWriter: RunObserver {
  /// What a warning calls it.
  public var name: String { "tensorboard" }
  /// The file that this process writes.
  public let url: URL
  private let file: AppendFile
  private let now: () -> Double

  /// Opens a new event file in `folder`, which must exist.
  /// - Parameters:
  ///   - resumingAt: the step of the checkpoint that the run goes on from; nil for a new run.
  ///   - now: seconds since 1970.
  public init(
    folder: URL, resumingAt step: Int? = nil, host: String = ProcessInfo.processInfo.hostName,
    now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws {
    self.now = now
    url = folder.appendingPathComponent(try Self.newFileName(in: folder, host: host, seconds: Int(now())))
    file = try AppendFile(path: url.path, mustBeNew: true)
    try file.append(TensorBoardEvent(wallTime: now(), step: 0, content: .fileVersion).record)
    if let step { try file.append(TensorBoardEvent(wallTime: now(), step: step + 1, content: .restart).record) }
  }

  /// Writes the figures of the event, where it has any.
  @discardableResult public func observe(_ event: RunEvent) throws -> Bool {
    let scalars = event.scalars
    guard let step = event.globalStep, !scalars.isEmpty else { return false }
    try file.append(TensorBoardEvent(wallTime: now(), step: step, content: .scalars(scalars)).record)
    return true
  }

  /// Brings everything to the disk.
  public func finish() throws { try file.sync() }

  /// A name that sorts after all that are there: TensorBoard reads a run's files by name, and two starts may share a second.
  private static func newFileName(in folder: URL, host: String, seconds: Int) throws -> String {
    let prefix = "events.out.tfevents."
    let latest = try namesInFolder(folder.path).filter { $0.hasPrefix(prefix) }
      .compactMap { Int($0.dropFirst(prefix.count).prefix { $0 != "." }) }
      .filter { $0 < 99_999_999_999 }.max()
    let time = max(seconds, latest.map { $0 + 1 } ?? 0)
    let digits = String(repeating: "0", count: max(0, 10 - String(time).count)) + String(time)
    let plainHost = host.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "-" }
    return prefix + digits + "." + String(plainHost.prefix(64)) + ".\(getpid()).0"
  }
}

extension RunEvent {
  /// The figures that TensorBoard shows for the event.
  fileprivate var scalars: [(tag: String, value: Double)] {
    switch self {
    case .step(let report): return report.scalars
    case .evaluation(let report): return report.scalars
    case .sites(let reports): return reports.flatMap(\.scalars)
    case .gradientCosines(let report): return report.cosines.map { ("gradient_cosine/" + $0.part, $0.cosine) }
    case .hiddenCosines(let report): return report.parts.map { ("hidden_cosine/" + $0.name, $0.cosine) }
    case .start, .fingerprint, .deadSite, .collapse, .scheme, .note, .warning, .end: return []
    }
  }
}

extension StepReport {
  fileprivate var scalars: [(tag: String, value: Double)] {
    var scalars = [
      (stage + "/loss", loss), ("train/learning_rate", learningRate), ("train/gradient_norm", gradientNorm),
    ]
    scalars += lossParts.map { (stage + "/loss/" + $0.name, $0.value) }
    if secondsTotal > 0 {
      scalars.append(("train/tokens_per_second", Double(tokens) / secondsTotal))
      scalars.append(("train/communication_share", secondsCommunication / secondsTotal))
    }
    return scalars.map { (tag: $0.0, value: $0.1) }
  }
}

extension EvaluationReport {
  fileprivate var scalars: [(tag: String, value: Double)] {
    let split = isOfAverage ? "averaged_" + split : split
    return scores.map { ("\(stage)/\(split)/\($0.name)", $0.value) }
      + perLabel.map { ("label_f1/\(split)/\($0.label)", $0.f1) }
  }
}
