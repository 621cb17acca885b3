import Foundation

/// Where one rank's memory belongs, and how much of it is there.
struct NUMAPlacementReport: Codable {
  /// NUMA nodes; none on a machine of one.
  var nodes: [Int]
  /// The share of the parameters' pages that lies on them; nil where unknown.
  var share: Double?

  /// `NUMA: ranks on nodes 0, 0, 1, 1; own pages on them: 99.8 % or more`; nil where there is nothing to say.
  static func line(_ reports: [NUMAPlacementReport]) -> String? {
    guard reports.contains(where: { !$0.nodes.isEmpty }) else { return nil }
    let shown = reports.prefix(16).map { report in
      report.nodes.isEmpty ? "its only one" : report.nodes.map(String.init).joined(separator: "+")
    }
    let rest = reports.count > shown.count ? ", …" : ""
    let known = reports.compactMap(\.share)
    let share = known.min().map { String(format: "%.1f %% or more", 100 * $0) } ?? "unknown"
    return "NUMA: ranks on nodes \(shown.joined(separator: ", "))\(rest); own pages on them: \(share)"
  }
}
