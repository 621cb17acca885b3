import Compute
import Quantization

// First steps of weights and tables, from their values: one of the whole, or one a row.

extension EncoderModel {
  /// Sets the steps of weights and tables from their values.
  public func initialiseWeightSteps() {
    for (name, steps) in measuredWeightSteps() { _ = values(of: layout.required(name)).update(from: steps) }
  }

  /// What the initialisation rule gives for every weight and table, by the parameter's name: as many steps as it has.
  /// - Parameter method: nil: the scheme's.
  public func measuredWeightSteps(by method: StepMethod? = nil) -> [String: [Float]] {
    let method = method ?? StepMethod(scheme.initialSteps)
    var measured: [String: [Float]] = [:]
    for step in layout.parameters where step.name.hasSuffix(".weight_quantizer.step") {
      let name = String(step.name.dropLast("_quantizer.step".count))
      guard let rule = rules.rule(ofWeight: name) else { continue }
      let weight = layout.required(storedName(ofWeight: name))
      let values = WeightValues(
        start: parameters.pointer + weight.start, rows: weight.shape[0], width: weight.shape[1], rule: rule)
      measured[step.name] = rule.isPerRow ? values.stepsOfRows(method) : [values.step(method)]
    }
    return measured
  }
}

/// The values of a matrix or table, `[rows, width]`, to be quantized by a rule.
private struct WeightValues {
  let start: UnsafePointer<Float>
  let rows: Int
  let width: Int
  let rule: QuantizerRule

  /// Rows whose squared errors are summed together, in the order of the groups.
  private static let rowGroup = 64

  /// One step for all rows.
  func step(_ method: StepMethod) -> Float {
    let count = rows * width
    switch method {
    case .mean: return StepInitialisation.step(absoluteSum: absoluteSum(start, count), count: count, rule: rule)
    case .mse: return stepOfLeastError()
    case .minMax:
      return StepInitialisation.stepAndOffset(
        covering: rowMinimum(start, count), rowMaximum(start, count), rule: rule
      ).step
    case .percentile(let percentile):
      let range = PercentileRange.of(start, count, percentile)
      return StepInitialisation.stepAndOffset(covering: range.low, range.high, rule: rule).step
    }
  }

  /// One step a row.
  func stepsOfRows(_ method: StepMethod) -> [Float] {
    var steps = [Float](repeating: 0, count: rows)
    steps.withUnsafeMutableBufferPointer { steps in
      Threads.forEach(rows) { row, _ in
        steps[row] = WeightValues(start: start + row * width, rows: 1, width: width, rule: rule).step(method)
      }
    }
    return steps
  }

  private func stepOfLeastError() -> Float {
    let search = StepSearch(rule, largest: rowAbsoluteMaximum(start, rows * width))
    let (count, group) = (StepSearch.candidateCount, min(WeightValues.rowGroup, rows))
    let groups = (rows + group - 1) / group
    var errors = [Double](repeating: 0, count: groups * count)
    errors.withUnsafeMutableBufferPointer { errors in
      if groups == 1 {
        addErrors(search, 0..<rows, to: errors.baseAddress!)
      } else {
        Threads.forEachRange(rows, length: group) { range, _ in
          addErrors(search, range, to: errors.baseAddress! + range.lowerBound / group * count)
        }
      }
    }
    return search.best(errors)
  }

  private func addErrors(_ search: StepSearch, _ range: Range<Int>, to sums: UnsafeMutablePointer<Double>) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
      for row in range { search.addErrors(start + row * width, width, to: sums, scratch: scratch.baseAddress!) }
    }
  }
}
