import ArgumentParser
import Base
import Foundation
import Measurement
import Quantization
import Reports

/// `palier report`: what a sweep or a run came to, as a page, tables and figures.
struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the report of a sweep, finished or not, or of a single run.",
    discussion: """
      Writes report.html (one file, nothing is loaded from elsewhere), table.md, table.csv and table.tex, and figures/ \
      with each figure as SVG and its data as CSV. A sweep's report has scores with intervals over seeds, the planned \
      comparisons, sizes, cost and provenance; a run's has loss, scores, quantizer sites and phases of time. How the \
      statistics are computed: docs/reports.md.

      Energy is told as it was measured. Cells that nobody measured get an interval from --tdp, --tdp-cores and \
      --idle-share, apart from what was measured; CO2 follows from --carbon: fr-production (21.7 g/kWh, RTE 2024), \
      fr-life-cycle (56.0 g/kWh), none, or GRAMS,SOURCE,YEAR.

      --no-times leaves out seconds, core-hours, energy and hosts: reports of the same bits are then the same bytes.

      Examples:
        palier report runs/study
        palier report runs/demo --out demo-report
        palier report runs/study --tdp 150 --tdp-cores 20 --idle-share 0.3 --carbon fr-life-cycle --pue 1.2
      """)

  @Argument(help: ArgumentHelp("The folder of a sweep or of a run.", valueName: "folder"), completion: .directory)
  var folder: String
  @Option(
    help: ArgumentHelp("Where to write; default: report/ in the folder.", valueName: "folder"), completion: .directory)
  var out: String?
  @Flag(name: .customLong("no-times"), help: "Leave out times, core-hours, energy and hosts.")
  var leavesOutTimes = false
  @Option(help: ArgumentHelp("Grams of CO2 a kWh: a name, or GRAMS,SOURCE,YEAR.", valueName: "factor"))
  var carbon = "fr-production"
  @Option(help: ArgumentHelp("Power usage effectiveness of the machine room.", valueName: "x"))
  var pue: Double?
  @Option(help: ArgumentHelp("Rated watts of a processor package, for cells without counters.", valueName: "watts"))
  var tdp: Double?
  @Option(help: ArgumentHelp("Cores of that package.", valueName: "n"))
  var tdpCores: Int?
  @Option(help: ArgumentHelp("The share of the rated power that an idle package draws.", valueName: "share"))
  var idleShare: Double?
  @Option(help: ArgumentHelp("The share that a busy one draws.", valueName: "share"))
  var tdpShare = 1.0
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    guard Set([tdp != nil, tdpCores != nil, idleShare != nil]).count == 1 else {
      throw ValidationError("--tdp, --tdp-cores and --idle-share go together")
    }
    if let pue, !(1...10).contains(pue) { throw ValidationError("--pue is not from 1 to 10") }
  }

  func run() throws {
    shared.apply()
    let options = try self.options
    let url = try Paths.folder(folder, "the folder of a sweep or of a run")
    let files: ReportFiles
    if SweepReport.isSweep(url) {
      files = try SweepReport(url, options).files()
    } else if RunReport.isRun(url) {
      files = try RunReport(url, options).files()
    } else {
      throw CommandLineError.notAStudy(path: folder)
    }
    let target = out.map { Paths.url($0) } ?? url.appendingPathComponent("report", isDirectory: true)
    if out?.isEmpty == true { throw CommandLineError.emptyPath(wanted: "a folder for the report") }
    files.warnings.forEach(Output.warn)
    try files.write(to: target)
    Output.say(target.appendingPathComponent("report.html").path)
  }

  private var options: ReportOptions {
    get throws {
      var options = ReportOptions()
      options.hasTimes = !leavesOutTimes
      options.carbon = carbon == "none" ? nil : try CarbonFactor(parsing: carbon)
      options.pue = pue
      if let tdp, let tdpCores, let idleShare {
        options.power = try PowerModel(tdp: tdp, cores: tdpCores, idleShare: idleShare, tdpShare: tdpShare)
      }
      options.footprint = Report.footprint
      return options
    }
  }

  /// The paper's Table I, for schemes by their names; variants of a scheme count as the scheme.
  @Sendable private static func footprint(_ name: String) -> ReportOptions.Footprint? {
    guard let scheme = try? Scheme(parsing: name) else { return nil }
    return Footprint.paperRows(schemes: [scheme]).first.map {
      ReportOptions.Footprint(
        scheme: name, paperMebibytes: $0.mebibytes, paperTeraOperations: $0.teraBitOperations)
    }
  }
}
