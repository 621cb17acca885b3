import Base
import Foundation

/// How often each code of a site came before training and after it: `codes.json` of a cell, where there is one.
package struct CodeHistogram: Sendable {
  /// `{"version": 1, "sites": [{"site", "lowest", "before": [counts], "after": [counts]}]}`
  package static let fileName = "codes.json"

  let site: String
  /// The code of the first count.
  let lowest: Int
  let before: [Int]
  let after: [Int]

  static func all(at url: URL) throws -> [CodeHistogram] {
    let fields = try StudyFields(fileAt: url)
    return try fields.required("sites", fields.objects("sites")).map(CodeHistogram.init)
  }

  private init(_ fields: StudyFields) throws {
    site = try fields.required("site", fields.text("site"))
    lowest = try fields.required("lowest", fields.integer("lowest"))
    guard abs(lowest) <= 1 << 16 else { throw fields.bad("lowest", "\(lowest) is no code") }
    (before, after) = (try CodeHistogram.counts(fields, "before"), try CodeHistogram.counts(fields, "after"))
    guard before.count == after.count else { throw fields.bad("after", "not as many counts as before") }
  }

  private static func counts(_ fields: StudyFields, _ key: String) throws -> [Int] {
    let nodes = try fields.required(key, fields.fields[key]?.array)
    let counts = nodes.compactMap(\.integer)
    guard counts.count == nodes.count, counts.allSatisfy({ $0 >= 0 && $0 < 1 << 48 }), (1...1024).contains(counts.count)
    else { throw fields.bad(key, "1 to 1024 counts from 0 are wanted") }
    return counts
  }

  /// A panel a part: shares of codes, summed over sites of one grid.
  static func figure(_ parts: [(name: String, histograms: [CodeHistogram])]) -> Figure? {
    var csv = CSV(["of", "site", "code", "before", "after"])
    var panels: [Figure.Part] = []
    for (name, histograms) in parts {
      for histogram in histograms {
        for index in histogram.before.indices {
          csv.add([
            name, histogram.site, "\(histogram.lowest + index)", "\(histogram.before[index])",
            "\(histogram.after[index])",
          ])
        }
      }
      guard let first = histograms.first else { continue }
      let alike = histograms.filter { $0.lowest == first.lowest && $0.before.count == first.before.count }
      func shares(_ counts: KeyPath<CodeHistogram, [Int]>) -> [Panel.Point] {
        let sums = first.before.indices.map { index in alike.reduce(0) { $0 + $1[keyPath: counts][index] } }
        let whole = Double(max(sums.reduce(0, +), 1))
        return sums.enumerated().map { Panel.Point(Double(first.lowest + $0), 100 * Double($1) / whole) }
      }
      var panel = Panel(name, x: Axis("code"), y: Axis("share of values (%)"))
      panel.series = [
        .init("before", 6, .lineAndPoints, shares(\.before)), .init("after", 0, .lineAndPoints, shares(\.after)),
      ]
      panels.append(.panel(panel))
    }
    guard !panels.isEmpty else { return nil }
    var legend = Legend()
    legend.add("before training", 6, .lineAndPoint)
    legend.add("after training", 0, .lineAndPoint)
    return Figure(
      "codes", "Codes before and after training",
      caption:
        "The share of values that have each code, summed over the sites of one run a scheme; every site is in the CSV.",
      parts: panels, legend: legend, data: csv)
  }
}
