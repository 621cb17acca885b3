import Compute
import Quantization

/// The codes of weights and tables as they were last looked at, a byte each: what has changed since can then be counted.
///
/// It is in no checkpoint: after a resume, as after a change of a site's grid, the first look has nothing to compare with.
public final class CodeRecord {
  private struct Entry {
    let rule: QuantizerRule
    let codes: AlignedBuffer<UInt8>
  }

  private var entries: [String: Entry] = [:]

  public init() {}

  /// The place of a site's codes, and whether it holds those of an earlier look on the same grid.
  func codes(of site: String, _ rule: QuantizerRule, count: Int) -> (place: AlignedBuffer<UInt8>, isKnown: Bool) {
    if let entry = entries[site], entry.rule == rule, entry.codes.count == count { return (entry.codes, true) }
    let entry = Entry(rule: rule, codes: AlignedBuffer(count))
    entries[site] = entry
    return (entry.codes, false)
  }
}
