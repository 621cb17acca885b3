import Base
import Foundation
import Measurement

/// `palier bench step --compare`: this build and another one, in turn, each step in a process of its own.
struct BuildComparison {
  let other: String
  let rounds: Int
  /// This process's own words, the program first.
  let arguments: [String]

  /// Times both and prints each turn, the medians and their ratio.
  /// - Returns: tokens per second of both, turn by turn.
  func run() throws -> JSONFields {
    let variables = ProcessInfo.processInfo.environment
    guard variables["OMPI_COMM_WORLD_SIZE"] == nil else {
      throw CommandLineError.conflict("--compare starts its own processes: run it without mpirun")
    }
    let program = try Paths.file(other, "the palier of another build")
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw CommandLineError.unreadable(path: other, reason: "it is not a program (no permission to execute it)")
    }
    let builds = [URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), program]
    var rates: [[Double]] = [[], []]
    for turn in 1...rounds {
      for (index, build) in builds.enumerated() { rates[index].append(try tokensPerSecond(build)) }
      Output.say(
        "turn \(turn): \(figure(rates[0][turn - 1])) tokens/s, the other \(figure(rates[1][turn - 1])): "
          + "\(figure(rates[0][turn - 1] / rates[1][turn - 1])) times")
    }
    let medians = rates.map { $0.median ?? 0 }
    let ratios = zip(rates[0], rates[1]).map { $0 / $1 }.sorted()
    Output.say(
      "medians of \(rounds): \(figure(medians[0])) and \(figure(medians[1])) tokens/s; this build is \(figure(ratios.median ?? 0)) times "
        + "as fast (turns from \(figure(ratios[0])) to \(figure(ratios[rounds - 1])))")
    var figures = JSONFields()
    figures.add("ratio", ratios.median ?? 0)
    figures.add("turns", objects: Array(zip(rates[0], rates[1]))) { inner, turn in
      inner.add("tokens_per_second", turn.0)
      inner.add("other_tokens_per_second", turn.1)
    }
    return figures
  }

  /// The words after the program, without those of the comparison itself.
  private var stepArguments: [String] {
    var kept: [String] = []
    var words = arguments.dropFirst()[...]
    while let word = words.popFirst() {
      if ["--compare", "--rounds", "--json"].contains(word) {
        _ = words.popFirst()
      } else if !["--compare=", "--rounds=", "--json="].contains(where: word.hasPrefix), word != "--overwrite" {
        kept.append(word)
      }
    }
    return kept
  }

  private func tokensPerSecond(_ program: URL) throws -> Double {
    let process = Process()
    process.executableURL = program
    process.arguments = stepArguments
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let line = text.split(separator: "\n").first { $0.contains("tokens/s") }
    guard process.terminationStatus == 0, let figure = line?.split(separator: " ").last, let rate = Double(figure)
    else {
      let reason = oneLine(said.isEmpty ? text : said)
      throw CommandLineError.conflict(
        "\(program.path) did not time a step (code \(process.terminationStatus)): \(reason)")
    }
    return rate
  }
}
