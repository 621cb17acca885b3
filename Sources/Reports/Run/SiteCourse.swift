import Observability

/// How a quantizer site moved: its step size and the share of its values beyond the grid, by step.
struct SiteCourse: Sendable {
  /// What a site quantizes.
  enum Kind: String, CaseIterable {
    case weights, activations, tables
  }

  struct Look: Equatable, Sendable {
    let step: Int
    let stepSize: Double
    let clippedShare: Double
    /// How often each level came, where it was counted.
    var levels: Levels?
    /// All that was said; nil of an earlier build's log, which said less.
    var report: SiteReport?
  }

  /// Counts of levels, a step apart.
  struct Levels: Equatable, Sendable {
    let lowest: Double
    let counts: [Int]

    /// Nil where a record has none, or none to believe.
    init?(_ record: MetricsRecord) {
      guard let lowest = record.double("lowest_level"), abs(lowest) <= 65_536,
        let nodes = record.array("level_counts"), (1...1024).contains(nodes.count)
      else { return nil }
      (self.lowest, counts) = (lowest, nodes.compactMap(\.integer))
      guard counts.count == nodes.count, counts.allSatisfy({ $0 >= 0 && $0 < 1 << 48 }) else { return nil }
    }
  }

  let site: String
  var looks: [Look]

  var kind: Kind {
    if site.contains(".embeddings.") { return .tables }
    return site.hasSuffix("input_quantizer") ? .activations : .weights
  }

  /// The first and the last look at which levels were counted, on one grid.
  var levelsAtEnds: (first: Levels, last: Levels)? {
    let counted = looks.compactMap(\.levels)
    guard counted.count > 1, let first = counted.first, let last = counted.last, first.lowest == last.lowest,
      first.counts.count == last.counts.count
    else { return nil }
    return (first, last)
  }

  /// The looks before a step.
  func before(step: Int) -> SiteCourse { SiteCourse(site: site, looks: looks.filter { $0.step < step }) }

  /// `layer 3, output.dense` for `roberta.encoder.layer.3.output.dense.weight_quantizer`.
  var shortName: String {
    let words = site.split(separator: ".").filter { !["roberta", "encoder", "embeddings"].contains($0) }.dropLast()
    guard words.count > 2, words.first == "layer" else { return words.joined(separator: ".") }
    return "layer \(words.dropFirst().first ?? ""), " + words.dropFirst(2).joined(separator: ".")
  }

  /// The sites of a log in the order of their first report.
  static func all(_ records: [MetricsRecord], stepsBefore offset: Int = 0) -> [SiteCourse] {
    var places: [String: Int] = [:]
    var courses: [SiteCourse] = []
    for record in records where record.kind == "site" {
      guard let site = record.string("site"), let size = record.double("step_size"),
        let clipped = record.double("clipped_share")
      else { continue }
      let look = Look(
        step: record.globalStep + offset, stepSize: size, clippedShare: clipped, levels: Levels(record),
        report: SiteReport(record))
      if let place = places[site] {
        courses[place].looks.append(look)
      } else {
        places[site] = courses.count
        courses.append(SiteCourse(site: site, looks: [look]))
      }
    }
    return courses
  }

  /// The same sites one after the other: a first stage, then a second.
  static func joined(_ parts: [[SiteCourse]]) -> [SiteCourse] {
    var places: [String: Int] = [:]
    var courses: [SiteCourse] = []
    for course in parts.joined() {
      if let place = places[course.site] {
        courses[place].looks += course.looks
      } else {
        places[course.site] = courses.count
        courses.append(course)
      }
    }
    return courses
  }
}
