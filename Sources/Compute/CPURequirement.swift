internal import CNUMA

/// The instruction sets that this build uses, against the CPU that runs it.
///
/// The target CPU is chosen when the program is built (`launch/build --cpu`, which passes `-Xcc -march=…`). A program that
/// the CPU cannot run stops before `main` with a line that says so and exit code 126 (a constructor in `Sources/CNUMA/cpu.c`,
/// compiled for the plain architecture, since this Swift file may itself hold the newer instructions). What is here is for
/// `palier doctor` and the versions file of a run.
public enum CPURequirement {
  /// The highest level that the build covers: `x86-64`, `x86-64-v2`, `x86-64-v3`, `x86-64-v4`, or another architecture.
  public static var buildLevel: String { String(cString: palier_cpu_build_level()) }

  /// The instruction set extensions that the build uses, in the compiler's names (`avx512vnni`).
  public static var usedFeatures: [String] { words(palier_cpu_used_features()) }

  /// Those of `usedFeatures` that this CPU or its operating system lacks. Empty in any program that reached `main`.
  public static var missingFeatures: [String] { words(palier_cpu_missing_features()) }

  private static func words(_ list: UnsafePointer<CChar>) -> [String] {
    String(cString: list).split(separator: " ").map(String.init)
  }
}
