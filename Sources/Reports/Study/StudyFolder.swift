import Base
import Foundation

/// A sweep's folder as it stands: the cells that are planned, each with what it came to so far.
package struct StudyFolder: Sendable {
  package let url: URL
  package let name: String
  package let grid: String
  package let gridSHA256: String
  package let budget: String
  package let totalSteps: Int?
  /// Parents come first.
  package let cells: [StudyCell]
  /// A line for each cell whose files cannot be read.
  package let complaints: [String]

  /// The file that makes a folder a sweep's.
  package static let fileName = "sweep.json"

  /// Reads the folder; a cell that cannot be read is told among the complaints, and the others stay.
  /// - Throws: `ReportError` or `FileError` where `sweep.json` itself cannot be read.
  package init(_ url: URL) throws {
    self.url = url
    let fields = try StudyFields(fileAt: url.appendingPathComponent(StudyFolder.fileName))
    let version = try fields.required("version", fields.integer("version"))
    guard version == 1 else { throw fields.bad("version", "\(version) is not known; this build reads 1") }
    name = try fields.text("name") ?? url.lastPathComponent
    grid = try fields.text("grid") ?? ""
    gridSHA256 = try fields.text("grid_sha256") ?? ""
    budget = try fields.text("budget") ?? ""
    totalSteps = try fields.count("total_steps")
    var cells: [StudyCell] = []
    var seen: Set<String> = []
    var complaints: [String] = []
    for list in try fields.required("cells", fields.objects("cells")) {
      var cell = try StudyCell(list)
      guard seen.insert(cell.id).inserted else { throw list.bad("id", "\(cell.id) is there twice") }
      if let parent = cell.parent, !seen.contains(parent) {
        throw list.bad("parent", "no cell \"\(parent)\" stands before it")
      }
      cell.state = StudyFolder.state(of: cell.id, in: url)
      if case .unreadable(let reason) = cell.state { complaints.append(reason) }
      cells.append(cell)
    }
    (self.cells, self.complaints) = (cells, complaints)
  }

  /// The folder of a cell.
  package func folder(of cell: StudyCell) -> URL { StudyFolder.folder(of: cell.id, in: url) }

  private static func folder(of id: String, in url: URL) -> URL {
    url.appendingPathComponent("cells", isDirectory: true).appendingPathComponent(id, isDirectory: true)
  }

  /// `DONE` is written last: a result without it may be of a cell that is being written again.
  private static func state(of id: String, in url: URL) -> StudyCell.State {
    let folder = folder(of: id, in: url)
    func has(_ name: String) -> Bool { PathKind(folder.appendingPathComponent(name)) == .file }
    if has("DONE") {
      do {
        let fields = try StudyFields(fileAt: folder.appendingPathComponent("result.json"))
        if let own = try fields.text("id"), own != id { throw fields.bad("id", "\(own) is another cell's") }
        // Slurm's accounting knows what a job took only after the cell was done.
        let energy = has("energy.json") ? try StudyFields(fileAt: folder.appendingPathComponent("energy.json")) : nil
        return .done(try CellResult(fields, accounted: energy.map { try CellEnergy($0) }))
      } catch { return .unreadable(shownError(error)) }
    }
    if has("failed.json") {
      do {
        let fields = try StudyFields(fileAt: folder.appendingPathComponent("failed.json"))
        let code = try fields.integer("code").map { "code \($0): " } ?? ""
        return .failed(oneLine(code + (try fields.text("message") ?? "no message")))
      } catch { return .unreadable(shownError(error)) }
    }
    return PathKind(folder.appendingPathComponent("run")) == .folder ? .started : .waiting
  }
}
