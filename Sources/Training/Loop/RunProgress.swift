import Checkpoints
import Foundation
import Models

/// Where a run stands: what must survive a restart beside parameters and moments.
public struct RunProgress: Codable, Equatable, Sendable {
  public var stage = TrainingStage.pretraining
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
  /// Energy of all hosts so far, in joules; absent where none could be read, and in checkpoints of earlier builds.
  public var joules: Double?
  /// What must be the same on a resume, in short.
  public var identity = ""
  /// The same in full; absent in checkpoints of earlier builds.
  public var madeWith: RunIdentity?
  /// What was changed on a resume by the user's leave, a line each.
  public var changes: [String]?
  /// The products and sums that made it so far: with others a resumed run is the same to rounding, not to the bit. Absent in
  /// checkpoints of earlier builds.
  public var arithmetic: String?
  /// The last evaluation of this stage; absent before the first, and in checkpoints of earlier builds.
  public var lastEvaluation: Provenance.Measured?
  /// The average of the weights; absent without one, and in checkpoints of earlier builds.
  public var average: AverageProgress?

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

  /// The progress in a trainer's state.
  /// - Throws: one line where it is not there, not of this version, or holds numbers that no run comes to.
  public init(_ state: TrainerStateFile) throws {
    try self.init(text: state.values["progress"]?.string ?? "", path: state.arrays.path)
  }

  /// Reads `text`; `path` is the file beside it, for messages.
  package init(text: String, path: String) throws {
    do { self = try JSONDecoder().decode(RunProgress.self, from: Data(text.utf8)) } catch {
      throw TrainingError.unreadable(path, "the progress record beside it is not of this version of Palier")
    }
    guard numbersArePossible else {
      throw TrainingError.unreadable(path, "the progress record beside it holds numbers that no run comes to")
    }
  }

  /// Counts that are none below zero or beyond what is added to them without overflow, and times that are some.
  private var numbersArePossible: Bool {
    let skipped = [skippedInStage ?? 0, skippedInRun ?? 0]
    let counts = [stageStep, globalStep, updateCount, tokenCount, bestStep ?? 0, average?.intakeCount ?? 0] + skipped
    let times = [seconds, evaluationSeconds, joules ?? 0]
    return counts.allSatisfy { (0...1 << 53).contains($0) } && times.allSatisfy { $0 >= 0 && $0 < 1e12 }
      && bestScore?.isFinite ?? true && stageStep <= globalStep && updateCount <= stageStep
      && bestStep ?? 0 <= globalStep
  }

  /// Refuses a state whose steps are not those of the configuration's two stages.
  package func check(_ pretrainingSteps: Int, _ fineTuningSteps: Int) throws {
    let (before, count) = stage == .pretraining ? (0, pretrainingSteps) : (pretrainingSteps, fineTuningSteps)
    guard stageStep <= count, globalStep == before + stageStep else {
      throw TrainingError.resumeMismatch(
        "step \(stageStep) of stage \(stage.rawValue) and step \(globalStep) of the run do not belong to stages of "
          + "\(pretrainingSteps) and \(fineTuningSteps) steps")
    }
  }
}

/// A stage's collapse, as a checkpoint notes it.
public struct CollapseFinding: Codable, Equatable, Sendable {
  public var globalStep: Int
  public var reason: String

  public init(globalStep: Int, reason: String) { (self.globalStep, self.reason) = (globalStep, reason) }
}

/// What an average of the weights is of, as a checkpoint notes it.
public struct AverageProgress: Codable, Equatable, Sendable {
  /// How it is made, in words: an average of another rule does not go on from it.
  public var rule: String
  /// The updates, or evaluation points, that went into it.
  public var intakeCount: Int
  /// Its last evaluation; absent before the first.
  public var lastEvaluation: Provenance.Measured?

  public init(rule: String, intakeCount: Int, lastEvaluation: Provenance.Measured? = nil) {
    (self.rule, self.intakeCount, self.lastEvaluation) = (rule, intakeCount, lastEvaluation)
  }

  /// For people.
  var words: String { "\(rule), \(intakeCount) taken in" }
}

/// How a run ended.
public enum RunEnding: Sendable, Equatable {
  case finished
  /// A signal asked for it; a checkpoint was written.
  case stopped(signal: String)
  /// It finished or was stopped, and something that it should leave could not be written.
  case unwritten
}
