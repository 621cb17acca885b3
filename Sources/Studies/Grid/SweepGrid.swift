import Base
import Configuration
import Foundation
import Quantization

/// A study as its file describes it: what is crossed with what, and how each run is carried out.
///
/// The base is a run's configuration; everything else changes keys of it. What the file leaves out is the base's own.
public struct SweepGrid {
  /// A name and the keys that belong to it.
  struct Choice {
    let name: String
    let keys: [ConfigurationTree.Entry]
  }

  /// What α leaves as it is (docs/studies.md, "Budgets").
  public enum Budget: String, CaseIterable, Sendable {
    /// Both stages together have B steps.
    case total
    /// The second stage has B steps, the first α·B.
    case heads
    /// The first stage has B steps, the second (1 − α)·B.
    case trunk
  }

  /// What stays of a cell that is done.
  public enum Kept: String, CaseIterable, Sendable {
    /// The best checkpoint of a head.
    case best
    /// The encoder at the end of a first stage.
    case alpha
    /// Logs: losses, scores, quantizer sites.
    case metrics
  }

  /// A baseline: post-training quantization of float32 heads.
  public struct Baseline: Equatable, Sendable {
    /// As `palier quantize --calibrate` takes it.
    public let calibration: String
  }

  /// Hours to compare a plan with, and whose they are.
  public struct Reference: Equatable, Sendable {
    public let hours: Double
    public let of: String
  }

  /// The file as it was given, and the SHA-256 of its text.
  public let file: URL
  public let sha256: String
  public internal(set) var name: String
  /// The base's file, and its tree.
  let base: URL
  let baseTree: ConfigurationTree.Section
  /// Keys of all cells, of first stages alone, of heads alone.
  var keys = Keys()
  /// Empty: the base's alone.
  var models: [Choice] = []
  var schemes: [Scheme] = []
  var alphas: [Double] = []
  var tasks: [Choice] = []
  var trunkSeeds: [UInt64] = []
  var headSeeds: [UInt64] = []
  var variants: [Choice] = []
  public internal(set) var baselines: [Baseline] = []
  public internal(set) var budget = Budget.total
  public internal(set) var launch = LaunchSettings()
  public internal(set) var slurm = SlurmSettings()
  public internal(set) var kept = Set(Kept.allCases)
  public internal(set) var reference: Reference?

  /// Keys that the grid sets.
  struct Keys {
    var all: [ConfigurationTree.Entry] = []
    var firstStage: [ConfigurationTree.Entry] = []
    var heads: [ConfigurationTree.Entry] = []
  }
}
