/// What can go wrong with a study beyond its configurations, each in one line: what, where, what to do.
public enum StudyError: Error, Equatable, CustomStringConvertible {
  /// A cell's configuration cannot work; `cell` says which, in words.
  case badCell(grid: String, cell: String, reason: String)
  /// A key of the grid that the grid itself fills, cell by cell.
  case keyOfTheGrid(place: String, key: String, use: String)
  /// A cell's name that the grid does not have.
  case unknownCell(id: String, grid: String)
  /// A cell that waits for another.
  case parentMissing(id: String, parent: String, state: String)
  /// The folder belongs to something else.
  case foreignFolder(path: String)
  /// What a cell left is not what the runner needs.
  case badOutput(path: String, reason: String)
  /// A program could not be started.
  case cannotStart(program: String, reason: String)
  /// An option that does not go with the grid or with another.
  case conflict(String)

  /// One line.
  public var description: String {
    switch self {
    case .badCell(let grid, let cell, let reason): "\(grid): \(cell): \(reason)"
    case .keyOfTheGrid(let place, let key, let use): "\(place): \(key) is set cell by cell: give \(use) instead"
    case .unknownCell(let id, let grid): "\(grid) has no cell \(id): sweep.json in the sweep's folder lists them"
    case .parentMissing(let id, let parent, let state):
      "cell \(id) waits for cell \(parent), which is \(state): run that one first"
    case .foreignFolder(let path):
      "\(path): not empty, and not the folder of a sweep (sweep.json): give another folder as --out"
    case .badOutput(let path, let reason): "\(path): \(reason)"
    case .cannotStart(let program, let reason): "\(program): cannot be started: \(reason)"
    case .conflict(let what): what
    }
  }
}
