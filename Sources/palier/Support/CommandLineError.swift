/// What a user can get wrong that no room below knows of. Each description is one line.
enum CommandLineError: Error, CustomStringConvertible {
  case emptyPath(wanted: String)
  case modelTooLarge(parameters: Double, needed: Double, available: Int)
  case memoryTooSmall(needed: Double, available: Int)
  case notThere(path: String, wanted: String)
  case isFolder(path: String, wanted: String)
  case isFile(path: String, wanted: String)
  case unreadable(path: String, reason: String)
  case unwritable(path: String, reason: String)
  case wouldOverwrite(path: String)
  case wouldReplaceFile(path: String)
  case unrecognized(path: String)
  case noCases(path: String)
  case casesFailed(count: Int, total: Int)
  case badInputLine(number: Int, reason: String)
  case missingOption(String, reason: String)
  case conflict(String)
  case noMetrics(path: String)
  case noSites(path: String, isOfEarlierBuild: Bool)
  case notAStudy(path: String)
  case doctorFailed(String)

  var description: String {
    switch self {
    case .emptyPath(let wanted): "an empty path was given (an unset variable?); give \(wanted)"
    case .modelTooLarge(let parameters, let needed, let available):
      String(
        format: "a model of %.3g parameters takes about %.1f GiB to make, %.1f GiB are available", parameters,
        needed / 0x1p30, Double(available) / 0x1p30) + ": choose smaller sizes"
    case .memoryTooSmall(let needed, let available):
      String(
        format: "these sizes take about %.1f GiB, %.1f GiB are available", needed / 0x1p30, Double(available) / 0x1p30)
        + ": choose smaller ones"
    case .notThere(let path, let wanted): "\(path): no such file or folder; give \(wanted)"
    case .isFolder(let path, let wanted): "\(path) is a folder; give \(wanted)"
    case .isFile(let path, let wanted): "\(path) is a file; give \(wanted)"
    case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
    case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
    case .wouldOverwrite(let path): "\(path): exists already and is not empty; remove it or give another place"
    case .wouldReplaceFile(let path):
      "\(path): exists already; remove it or give another file (evaluate and bench: or --overwrite)"
    case .unrecognized(let path):
      "\(path): neither a checkpoint (config.json), a token store (manifest.json), a run (metrics.jsonl) nor a safetensors "
        + "file; for a tagged corpus give --format"
    case .noCases(let path): "\(path): no reference case in it (a folder with case.json)"
    case .casesFailed(let count, let total):
      "\(count) of \(total) cases lie beyond their tolerance: this build or machine does not compute what it should"
    case .badInputLine(let number, let reason): "standard input, line \(number): \(reason)"
    case .missingOption(let option, let reason): "\(option) is missing: \(reason)"
    case .conflict(let what): what
    case .noMetrics(let path): "\(path): no step in it; give the output folder of a run, or its metrics.jsonl"
    case .noSites(let path, let isOfEarlierBuild):
      isOfEarlierBuild
        ? "\(path): its reports of quantizer sites are of an earlier build, which said less; --sites shows those of this one"
        : "\(path): no report of quantizer sites in it; a run of a quantized scheme writes them at its evaluation points"
    case .notAStudy(let path):
      "\(path): neither a sweep (sweep.json) nor a run (metrics.jsonl); give the folder of one"
    case .doctorFailed(let what): what
    }
  }
}
