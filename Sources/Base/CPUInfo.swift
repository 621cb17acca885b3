import Foundation

/// What the kernel tells of a processor: the first one in `/proc/cpuinfo`.
package struct CPUInfo: Sendable {
  /// "Intel(R) Xeon(R) …"; nil where the kernel gives none.
  package let modelName: String?
  /// The names of what it offers.
  package let flags: Set<String>

  /// The CPU that this process runs on.
  package static let current = CPUInfo(text: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")

  /// Reads the text of `/proc/cpuinfo`.
  package init(text: String) {
    func value(_ key: String) -> String? {
      text.split(separator: "\n").first { $0.hasPrefix(key) }
        .flatMap { $0.split(separator: ":", maxSplits: 1).last }.map { $0.trimmingCharacters(in: .whitespaces) }
    }
    modelName = value("model name")
    flags = Set((value("flags") ?? "").split(separator: " ").map(String.init))
  }
}
