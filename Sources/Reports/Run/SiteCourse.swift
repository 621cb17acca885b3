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
  }

  let site: String
  var looks: [Look]

  var kind: Kind {
    if site.contains(".embeddings.") { return .tables }
    return site.hasSuffix("input_quantizer") ? .activations : .weights
  }

  /// The looks before a step.
  func before(step: Int) -> SiteCourse { SiteCourse(site: site, looks: looks.filter { $0.step < step }) }

  /// The sites of a log in the order of their first report.
  static func all(_ records: [MetricsRecord], stepsBefore offset: Int = 0) -> [SiteCourse] {
    var places: [String: Int] = [:]
    var courses: [SiteCourse] = []
    for record in records where record.kind == "site" {
      guard let site = record.string("site"), let size = record.double("step_size"),
        let clipped = record.double("clipped_share")
      else { continue }
      let look = Look(step: record.globalStep + offset, stepSize: size, clippedShare: clipped)
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
