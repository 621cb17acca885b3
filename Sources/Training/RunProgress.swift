import Foundation

/// Where a run stands: what must survive a restart beside parameters and moments.
public struct RunProgress: Codable, Equatable, Sendable {
  /// The two stages.
  public enum Stage: String, Codable, Sendable {
    case pretraining
    case fineTuning = "fine_tuning"

    /// As in the logs.
    var shortName: String { self == .pretraining ? "mlm" : "token" }
  }

  public var stage = Stage.pretraining
  /// Updates made in this stage.
  public var stageStep = 0
  /// Updates made in both stages.
  public var globalStep = 0
  /// Updates of the optimizer in this stage (skipped steps make none).
  public var updateCount = 0
  /// The best validation score of the second stage so far, and where it was reached.
  public var bestScore: Double?
  public var bestStep: Int?
  /// The validation loss there: of equal scores the lower loss is kept. Absent in checkpoints of earlier builds.
  public var bestLoss: Double?
  /// The loss of this stage's first step, which it has to beat (`CollapseRule`).
  public var firstLoss: Double?
  /// Why a stage counts as collapsed, by stage; absent in checkpoints of earlier builds, as is what follows.
  public var collapses: [String: CollapseFinding]?
  /// The quantizer sites' first steps, and those that went.
  public var sites: SiteWatch?
  /// Steps left out for numbers gone wrong, in this stage and in the run.
  public var skippedInStage: Int?
  public var skippedInRun: Int?
  /// Real tokens trained on, and seconds spent, evaluation among them.
  public var tokenCount = 0
  public var seconds = 0.0
  public var evaluationSeconds = 0.0
  /// What must be the same on a resume, in short.
  public var identity = ""
  /// The same in full; absent in checkpoints of earlier builds.
  public var madeWith: RunIdentity?
  /// What was changed on a resume by the user's leave, a line each.
  public var changes: [String]?
  /// The products and sums that made it so far: with others a resumed run is the same to rounding, not to the bit. Absent in
  /// checkpoints of earlier builds.
  public var arithmetic: String?

  public init() {}

  /// Whether an evaluation beats the best so far: by its score, or by its loss where the scores are equal.
  package func isImproved(by score: Double, loss: Double) -> Bool {
    guard let bestScore else { return true }
    return score > bestScore || (score == bestScore && bestLoss.map { loss < $0 } ?? false)
  }

  /// As JSON text.
  package func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Reads `text`.
  package init(text: String, path: String) throws {
    do { self = try JSONDecoder().decode(RunProgress.self, from: Data(text.utf8)) } catch {
      throw TrainingError.unreadable(path, "its progress record is not of this version of Palier")
    }
  }
}

/// A stage's collapse, as a checkpoint notes it.
public struct CollapseFinding: Codable, Equatable, Sendable {
  public var globalStep: Int
  public var reason: String

  public init(globalStep: Int, reason: String) { (self.globalStep, self.reason) = (globalStep, reason) }
}

/// How a run ended.
public enum RunEnding: Sendable, Equatable {
  case finished
  /// A signal asked for it; a checkpoint was written.
  case stopped(signal: String)
  /// It finished or was stopped, and something that it should leave could not be written.
  case unwritten
}
