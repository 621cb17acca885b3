import ArgumentParser
import Configuration
import Foundation

/// `palier config`: a configuration as a run would take it, and the list of all keys.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Print a configuration as a run would take it, with where each value comes from.",
    discussion: """
      Behind each value stands its origin: the file's line, --set, the key that it follows from, the preset, or default. What \
      is printed is a configuration itself, with every path absolute. Paths that are not there, or cannot be read, are named \
      on standard error, a line each, and the exit code is 1. --reference prints all keys with their defaults, what they take \
      and what they mean, as Markdown (docs/configuration.md).

      Examples:
        palier config configs/demo.yaml
        palier config my.yaml --set preset=accml-code --set budget.alpha=0.5
        palier config --reference | less
      """)

  @Argument(
    help: ArgumentHelp("The run's YAML file.", valueName: "config"), completion: .file(extensions: ["yaml", "yml"]))
  var config: String?
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Overrides a key of the configuration; may be repeated.", valueName: "key=value"))
  var settings: [String] = []
  @Flag(help: "Print all keys with their defaults, what they take and what they mean.")
  var reference = false

  func validate() throws {
    if reference, config != nil || !settings.isEmpty { throw ValidationError("--reference stands alone") }
    if !reference, config == nil { throw ValidationError("Give a configuration, or --reference for the list of all keys") }
  }

  func run() throws {
    if reference {
      print(RunConfiguration.reference, terminator: "")
      return
    }
    let resolved = try RunConfiguration.resolve(file: Paths.url(config ?? ""), overrides: settings)
    print(resolved.annotatedYAML(), terminator: "")
    let unusable = resolved.configuration.unusableInputs()
    for error in unusable { Output.fail(error.description) }
    guard unusable.isEmpty else { throw ExitCode.failure }
  }
}
