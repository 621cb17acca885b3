import Base
import Configuration
import Foundation
import Quantization

/// The cells of a grid, parents before those that start from them, each once.
public struct StudyGraph {
  public let grid: SweepGrid
  public private(set) var cells: [Cell] = []
  /// What the reader should know of it, a line each.
  public private(set) var notes: [String] = []
  /// B of the base.
  public private(set) var totalSteps = 0
  private var positions: [String: Int] = [:]
  private var childPositions: [String: [Int]] = [:]
  private let data: DataFingerprints
  private let counts: Bool

  /// Data that are not here; the ids of cells that need them are provisional.
  public var missingData: [String] { data.missing.sorted() }

  /// Crosses the grid's axes and checks every cell's configuration.
  /// - Parameter counts: whether the tokens of heads are counted in their corpora; else they are guessed.
  /// - Throws: `ConfigurationError` with the grid's or the base's line; `StudyError.badCell` for keys that cannot work
  ///   together.
  public init(_ grid: SweepGrid, counts: Bool = true) throws {
    self.grid = grid
    self.counts = counts
    data = DataFingerprints()
    for model in grid.models {
      for scheme in grid.schemes {
        for variant in grid.variants { try add(model, scheme, variant) }
      }
    }
  }

  /// The cell of an id.
  public subscript(id: String) -> Cell? { positions[id].map { cells[$0] } }

  /// The cells that start from it.
  public func children(of id: String) -> [Cell] { (childPositions[id] ?? []).map { cells[$0] } }

  // MARK: - One model, scheme and variant

  private mutating func add(_ model: SweepGrid.Choice, _ scheme: Scheme, _ variant: SweepGrid.Choice) throws {
    let first = try grid.resolved(model, scheme, variant, keys: grid.keys.firstStage)
    totalSteps = first.budget.totalSteps
    let at = Cell.Coordinates(model: model.name, scheme: scheme.name, variant: variant.name)
    var parents: [Double: [UInt64: String]] = [:]
    for seed in grid.trunkSeeds { try addFirstStages(first, at, seed, &parents) }
    for task in grid.tasks {
      let whole = try grid.resolved(model, scheme, variant, task: task, keys: grid.keys.heads)
      var at = at
      at.task = task.name
      for alpha in grid.alphas {
        at.alpha = alpha
        let sources = parents[alpha].map { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } } ?? []
        if sources.isEmpty { try addHeads(whole, at, parent: nil) }
        for (seed, parent) in sources {
          at.trunkSeed = seed
          try addHeads(whole, at, parent: parent)
        }
        at.trunkSeed = nil
      }
    }
  }

  /// The first stages of one trunk seed, and where each α's heads start from.
  private mutating func addFirstStages(
    _ whole: RunConfiguration, _ at: Cell.Coordinates, _ seed: UInt64, _ parents: inout [Double: [UInt64: String]]
  ) throws {
    var at = at
    at.trunkSeed = seed
    let lengths = grid.alphas.map { ($0, StageLengths(grid.budget, alpha: $0, steps: whole.budget.totalSteps).first) }
      .filter { $0.1 > 0 }
    guard !lengths.isEmpty else { return }
    if whole.optimizer.oneSchedule {
      throw StudyError.badCell(
        grid: grid.file.relativePath, cell: "first stages of \(at.model) \(at.scheme)",
        reason:
          "optimizer.one_schedule cuts them from a schedule of the whole budget, and here each is a run of its own: "
          + "set it to false")
    }
    let shares = whole.sharesTrunk && grid.budget != .trunk
    if whole.optimizer.schedule == .wsd, !whole.sharesTrunk {
      note(
        "first stages share no trunk: optimizer.warmup_fraction, quantization.ramp and averaging follow a stage's length "
          + "(set optimizer.warmup_steps)")
    }
    let leaving = lengths.map { $0.1 - whole.optimizer.decaySteps(of: $0.1) }
    var trunk: String?
    if shares, let last = leaving.max(), last > 0 {
      trunk = try addTrunk(whole, at, seed, points: Set(leaving.filter { $0 > 0 }).sorted())
    }
    for ((alpha, steps), leaves) in zip(lengths, leaving) {
      at.alpha = grid.budget == .trunk ? nil : alpha
      let course = whole.firstStage(steps: steps, seed: seed)
      let isBranch = trunk != nil && leaves > 0
      try check(course, isBranch ? .branch : .stage, at)
      let id = try firstStageIdentity("first-stage", course).id
      parents[alpha, default: [:]][seed] = id
      let own = isBranch ? steps - leaves : steps
      var cell = Cell(
        id: id, kind: isBranch ? .branch : .stage, parent: isBranch ? trunk : nil, coordinates: at, steps: own,
        tokens: own * tokensPerStep(course), configuration: course)
      cell.leavesAt = isBranch ? leaves : 0
      try add(cell)
    }
  }

  private mutating func addTrunk(
    _ whole: RunConfiguration, _ at: Cell.Coordinates, _ seed: UInt64, points: [Int]
  ) throws -> String {
    let steps = points.last ?? 0
    let course = whole.trunk(steps: steps, seed: seed)
    try check(course, .trunk, at)
    var identity = try firstStageIdentity("trunk", course)
    identity.points = points
    var cell = Cell(
      id: identity.id, kind: .trunk, parent: nil, coordinates: at, steps: steps, tokens: steps * tokensPerStep(course),
      configuration: course)
    cell.points = points
    try add(cell)
    return cell.id
  }

  private func tokensPerStep(_ course: RunConfiguration) -> Int {
    course.batch.size * course.pretraining.blockLength
  }

  private mutating func addHeads(_ whole: RunConfiguration, _ at: Cell.Coordinates, parent: String?) throws {
    let steps = StageLengths(grid.budget, alpha: at.alpha ?? 0, steps: whole.budget.totalSteps).second
    for seed in grid.headSeeds {
      var at = at
      at.headSeed = seed
      let course = whole.head(steps: steps, seed: seed)
      try check(course, .head, at)
      var identity = CellIdentity(work: "head", course, data: try headData(course, hasParent: parent != nil))
      identity.parent = parent
      let cell = Cell(
        id: identity.id, kind: .head, parent: parent, coordinates: at, steps: steps,
        tokens: Int((Double(steps) * (try data.tokensPerStep(ofHead: course, counts: counts))).rounded()),
        configuration: course)
      try add(cell)
      if !course.quantization.scheme.isQuantized { try addBaselines(of: cell) }
    }
  }

  private mutating func addBaselines(of head: Cell) throws {
    for baseline in grid.baselines {
      for scheme in grid.schemes where scheme.isQuantized {
        var identity = CellIdentity(work: "ptq")
        identity.parent = head.id
        identity.note("scheme", scheme.name)
        identity.note("calibration", baseline.calibration)
        var at = head.coordinates
        at.baseline = grid.baselines.count == 1 ? scheme.name : "\(scheme.name) \(baseline.calibration)"
        var course = head.configuration
        course.quantization.scheme = scheme
        course.activations.offset = scheme.activations.offset
        var cell = Cell(
          id: identity.id, kind: .ptq, parent: head.id, coordinates: at, steps: 0, tokens: 0, configuration: course)
        cell.calibration = baseline.calibration
        try add(cell)
      }
    }
  }

  // MARK: - Adding

  /// Adds a cell once.
  private mutating func add(_ cell: Cell) throws {
    guard positions[cell.id] == nil else { return }
    positions[cell.id] = cells.count
    if let parent = cell.parent { childPositions[parent, default: []].append(cells.count) }
    cells.append(cell)
  }

  private mutating func note(_ line: String) {
    if !notes.contains(line) { notes.append(line) }
  }

  /// Refuses a configuration whose keys cannot work together.
  private func check(_ course: RunConfiguration, _ kind: Cell.Kind, _ at: Cell.Coordinates) throws {
    do {
      let name = grid.file.relativePath
      _ = try RunConfiguration.parse(
        course.resolvedYAML(), name: name, folder: grid.file.deletingLastPathComponent())
    } catch let error as ConfigurationError {
      // Its line would be one of the resolved text, which nobody has seen.
      let reason =
        switch error {
        case .conflict(_, let key, let reason): "\(key): \(reason)"
        case .missing(_, let key, let reason): "\(key) is missing: \(reason)"
        default: "\(error)"
        }
      throw StudyError.badCell(grid: grid.file.relativePath, cell: at.words(kind), reason: reason)
    }
  }

  // MARK: - Identities

  private func firstStageIdentity(_ work: String, _ course: RunConfiguration) throws -> CellIdentity {
    var prints = try data.stream(course.pretraining)
    prints["checkpoint"] = try data.checkpoint(course.model.checkpoint)
    prints["tokenizer"] = try data.tokenizer(course.model.tokenizer)
    let teaching = course.distillation.pretraining
    if teaching.isOn, !teaching.teacher.isEmpty { prints["mlm_teacher"] = try data.checkpoint(teaching.teacher) }
    return CellIdentity(work: work, course, data: prints)
  }

  private func headData(_ course: RunConfiguration, hasParent: Bool) throws -> [String: String] {
    var prints = try data.corpus(course, counts: counts).prints
    if !hasParent { prints["checkpoint"] = try data.checkpoint(course.model.checkpoint) }
    prints["tokenizer"] = try data.tokenizer(course.model.tokenizer)
    let teaching = course.distillation.fineTuning
    if teaching.isOn { prints["token_teacher"] = try data.checkpoint(teaching.teacher) }
    return prints
  }
}
