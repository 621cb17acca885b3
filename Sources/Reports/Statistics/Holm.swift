/// p values adjusted by Holm's step-down procedure, in the order given: reject where one is at most the level, and the
/// chance of any false rejection in the family stays at most the level, however the tests depend on each other.
///
/// The i-th smallest of m (from 0) becomes max over j ≤ i of min(1, (m − j)·p_j). Holm, Scandinavian Journal of
/// Statistics 6 (1979), 65–70.
package func holmAdjusted(_ values: [Double]) -> [Double] {
  var adjusted = values
  var largest = 0.0
  for (rank, index) in values.indices.sorted(by: { (values[$0], $0) < (values[$1], $1) }).enumerated() {
    largest = max(largest, min(1, Double(values.count - rank) * values[index]))
    adjusted[index] = largest
  }
  return adjusted
}
