import ArgumentParser

/// The sizes of an encoder as options give them: within their ranges, and their parameters in about.
struct ModelSizes {
  let layers: Int
  let hidden: Int
  let heads: Int
  let intermediate: Int

  /// - Throws: `ValidationError` that names the option.
  func validate() throws {
    try require(layers, "--layers", 1...1_024)
    try require(hidden, "--hidden", 1...65_536)
    try require(heads, "--heads", 1...1_024)
    try require(intermediate, "--intermediate", 1...1_048_576)
    guard hidden % heads == 0 else { throw ValidationError("--hidden \(hidden) is not a multiple of --heads \(heads)") }
  }

  /// Weights and tables, without vectors: for an estimate of memory, before sizes are known to fit integers.
  /// - Parameter tableRows: of all tables together.
  func parameterCount(tableRows: Int) -> Double {
    let (h, i) = (Double(hidden), Double(intermediate))
    return h * Double(tableRows) + Double(layers) * (4 * h * h + 2 * h * i)
  }
}
