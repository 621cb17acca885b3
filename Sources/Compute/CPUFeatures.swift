import Base

/// What this CPU offers to products: the kernel's list of its flags, less what the product library was told not to use.
public struct CPUFeatures: Sendable {
  public let flags: Set<String>
  public let modelName: String

  /// The CPU that this process runs on, as oneDNN uses it (`ONEDNN_MAX_CPU_ISA` may forbid it instructions).
  public static let current = CPUFeatures(.current).limited(to: ProductBackend.instructionSet)

  /// Reads the text of `/proc/cpuinfo`.
  public init(cpuinfo: String) { self.init(CPUInfo(text: cpuinfo)) }

  private init(_ info: CPUInfo) { self.init(flags: info.flags, modelName: info.modelName ?? "unknown CPU") }

  private init(flags: Set<String>, modelName: String) { (self.flags, self.modelName) = (flags, modelName) }

  /// Without the product instructions that a library limited to `instructionSet` (`ProductBackend.instructionSet`) never
  /// uses: its 8-bit products without VNNI add in 16 bits that saturate (`CodeProducts`).
  public func limited(to instructionSet: String) -> CPUFeatures {
    let isAMX = instructionSet.hasPrefix("AMX") || instructionSet.hasPrefix("newer")
    let hasBfloat16 = isAMX || instructionSet == "AVX-512 VNNI, bf16"
    let hasVNNI = hasBfloat16 || instructionSet == "AVX-512 VNNI"
    var allowed = Set<String>()
    if isAMX { allowed.formUnion(["amx_int8", "amx_bf16"]) }
    if hasBfloat16 { allowed.insert("avx512_bf16") }
    if hasVNNI { allowed.insert("avx512_vnni") }
    return limited(toProducts: allowed)
  }

  /// The flags of product instructions that this CPU has.
  public var products: Set<String> { flags.intersection(["avx512_vnni", "amx_int8", "avx512_bf16", "amx_bf16"]) }

  /// Without the product instructions that are not in `allowed`.
  public func limited(toProducts allowed: Set<String>) -> CPUFeatures {
    CPUFeatures(flags: flags.subtracting(products.subtracting(allowed)), modelName: modelName)
  }

  /// 8-bit products with 32-bit sums in one instruction, without saturation.
  public var hasInt8Products: Bool { flags.contains("avx512_vnni") || flags.contains("amx_int8") }
  /// bfloat16 products with float32 sums.
  public var hasBfloat16Products: Bool { flags.contains("avx512_bf16") || flags.contains("amx_bf16") }
}
