import Foundation

/// What this CPU offers to products, from the kernel's list of its flags.
public struct CPUFeatures: Sendable {
  public let flags: Set<String>
  public let modelName: String

  /// The CPU that this process runs on.
  public static let current = CPUFeatures(
    cpuinfo: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")

  /// Reads the text of `/proc/cpuinfo`.
  public init(cpuinfo: String) {
    func value(_ key: String) -> String? {
      cpuinfo.split(separator: "\n").first { $0.hasPrefix(key) }
        .flatMap { $0.split(separator: ":", maxSplits: 1).last }.map { $0.trimmingCharacters(in: .whitespaces) }
    }
    flags = Set((value("flags") ?? "").split(separator: " ").map(String.init))
    modelName = value("model name") ?? "unknown CPU"
  }

  /// 8-bit products with 32-bit sums in one instruction, without saturation.
  public var hasInt8Products: Bool { flags.contains("avx512_vnni") || flags.contains("amx_int8") }
  /// bfloat16 products with float32 sums.
  public var hasBfloat16Products: Bool { flags.contains("avx512_bf16") || flags.contains("amx_bf16") }
}
