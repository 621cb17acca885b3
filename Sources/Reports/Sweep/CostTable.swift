import Base
import Foundation

/// What the cells of a sweep took: core-hours and tokens by kind, energy by how it was found out.
struct CostTable {
  let cells: [StudyCell]
  let options: ReportOptions

  /// A cell's energy as it stands in its result; by the model of the command line where nothing was measured.
  func energy(of result: CellResult) -> CellEnergy {
    guard result.energy.method == .none, let power = options.power, let hours = result.coreHours else {
      return result.energy
    }
    let range = power.kilowattHours(coreHours: hours)
    return CellEnergy(method: .model, scope: power.scope, low: range.lowerBound, high: range.upperBound)
  }

  private var done: [(cell: StudyCell, result: CellResult)] {
    cells.compactMap { cell in cell.result.map { (cell, $0) } }
  }

  /// Core-hours and tokens by kind of cell.
  var work: ReportTable {
    var table = ReportTable(
      "Work done, by kind of cell", columns: ["kind", "cells done", "of", "steps", "tokens", "core-hours"])
    var sums = (cells: 0, all: 0, steps: 0, tokens: 0, hours: 0.0)
    for kind in StudyCell.Kind.allCases {
      let all = cells.filter { $0.kind == kind }
      guard !all.isEmpty else { continue }
      let results = all.compactMap(\.result)
      let steps = results.reduce(0) { $0 + ($1.steps ?? 0) }
      let tokens = results.reduce(0) { $0 + ($1.tokens ?? 0) }
      let hours = results.reduce(0) { $0 + ($1.coreHours ?? 0) }
      table.add([
        kind.title, grouped(results.count), grouped(all.count), grouped(steps), grouped(tokens), Numbers.hours(hours),
      ])
      sums = (
        sums.cells + results.count, sums.all + all.count, sums.steps + steps, sums.tokens + tokens, sums.hours + hours
      )
    }
    table.rows.append(
      .cells(
        [
          "all", grouped(sums.cells), grouped(sums.all), grouped(sums.steps), grouped(sums.tokens),
          Numbers.hours(sums.hours),
        ].map { ReportTable.Cell($0, isBold: true) }))
    return table
  }

  /// A sum of energies that were found out in one way.
  private struct EnergySum {
    let method: CellEnergy.Method
    let scope: String
    var cells = 0
    var low = 0.0
    var high = 0.0
  }

  private var sums: [EnergySum] {
    var sums: [EnergySum] = []
    for (_, result) in done {
      let energy = self.energy(of: result)
      let index =
        sums.firstIndex { $0.method == energy.method && $0.scope == energy.scope }
        ?? {
          sums.append(EnergySum(method: energy.method, scope: energy.scope))
          return sums.count - 1
        }()
      sums[index].cells += 1
      sums[index].low += energy.low ?? 0
      sums[index].high += energy.high ?? 0
    }
    let order = CellEnergy.Method.allCases
    return sums.sorted { (order.firstIndex(of: $0.method)!, $0.scope) < (order.firstIndex(of: $1.method)!, $1.scope) }
  }

  /// Energy and CO2: a line for each way of finding out, and no sum over lines.
  var energy: ReportTable {
    var columns = ["method", "scope", "cells", "kWh"]
    if let pue = options.pue { columns.append(String(format: "kWh × PUE %g", pue)) }
    if let carbon = options.carbon { columns.append(String(format: "g CO₂ at %g g/kWh", carbon.grams)) }
    var table = ReportTable("Energy and CO₂, by how it was found out", columns: columns, nameCount: 2)
    for sum in sums {
      guard sum.method != .none else {
        table.add(
          [sum.method.title, "no counters could be read", grouped(sum.cells)] + columns.dropFirst(3).map { _ in "–" })
        continue
      }
      var row = [sum.method.title, sum.scope, grouped(sum.cells), Numbers.range(sum.low, sum.high)]
      let pue = options.pue ?? 1
      if options.pue != nil { row.append(Numbers.range(sum.low * pue, sum.high * pue)) }
      if let carbon = options.carbon {
        row.append(Numbers.range(sum.low * pue * carbon.grams, sum.high * pue * carbon.grams))
      }
      table.add(row)
    }
    table.notes.append(
      "Lines are not added up: what is measured and what is modelled, and measurements of different scope, are different "
        + "things."
    )
    if let carbon = options.carbon {
      let ofPUE = options.pue == nil ? "" : ", of the energy with PUE"
      table.notes.append(
        String(format: "CO₂ factor: %g g/kWh%@ (%@; %@).", carbon.grams, ofPUE, carbon.source, carbon.year))
    }
    table.notes.append(
      options.pue == nil
        ? "No PUE was given (--pue): the machine room's cooling and supply are not in these figures."
        : String(format: "PUE %g, as given.", options.pue ?? 1))
    return table
  }

  /// A row a cell.
  var csv: CSV {
    var csv = CSV([
      "id", "kind", "model", "scheme", "alpha", "task", "seconds", "ranks", "threads", "core_hours", "steps", "tokens",
      "energy_method", "energy_scope", "kwh_low", "kwh_high",
    ])
    for (cell, result) in done {
      let (at, energy) = (cell.coordinates, self.energy(of: result))
      csv.add([
        cell.id, cell.kind.rawValue, at.model, at.schemeTitle, at.alpha.map(alphaText) ?? "", at.task ?? "",
        CSV.number(result.seconds), CSV.number(result.ranks), CSV.number(result.threads),
        CSV.number(result.coreHours), CSV.number(result.steps), CSV.number(result.tokens), energy.method.rawValue,
        energy.scope, CSV.number(energy.low), CSV.number(energy.high),
      ])
    }
    return csv
  }
}
