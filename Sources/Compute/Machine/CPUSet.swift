import Foundation

/// A set of CPUs (hardware threads), by the numbers that Linux gives them.
public struct CPUSet: Equatable, Hashable, Sendable, Codable {
  /// Beyond what any kernel is built for; larger numbers in a file are taken for damage.
  package static let largestNumber = 65_535

  /// A bit a CPU, from the lowest number up.
  package private(set) var words: [UInt64] = []

  /// A set of the given CPUs.
  public init(_ numbers: some Sequence<Int> = EmptyCollection<Int>()) {
    for number in numbers { insert(number) }
  }

  /// A set of the CPUs whose bits are set.
  package init(words: [UInt64]) {
    self.words = Array(words.prefix((words.lastIndex { $0 != 0 } ?? -1) + 1))
  }

  /// Reads the kernel's list form, `0-3,8,10-11`; nil when `list` is not of that form.
  public init?(list: String) {
    let trimmed = list.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !trimmed.isEmpty else { return }
    for part in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
      let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard bounds.count <= 2, let first = bounds[0], let last = bounds[bounds.count - 1],
        first >= 0, first <= last, last <= CPUSet.largestNumber
      else { return nil }
      for number in first...last { insert(number) }
    }
  }

  /// The CPUs' numbers, ascending.
  public var numbers: [Int] {
    words.enumerated().flatMap { index, word in
      (0..<64).compactMap { word & (1 << UInt64($0)) != 0 ? index * 64 + $0 : nil }
    }
  }
  /// The number of CPUs.
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
  /// Whether `number` is in the set.
  public func contains(_ number: Int) -> Bool {
    number >= 0 && number / 64 < words.count && words[number / 64] & (1 << UInt64(number % 64)) != 0
  }
  /// The CPUs of either.
  public func union(_ other: CPUSet) -> CPUSet { CPUSet(numbers + other.numbers) }

  /// The kernel's list form, `0-3,8`.
  public var list: String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = ranges.last, last.upperBound == number - 1 {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }

  private mutating func insert(_ number: Int) {
    precondition(number >= 0 && number <= CPUSet.largestNumber, "CPU number \(number)")
    if number / 64 >= words.count { words += [UInt64](repeating: 0, count: number / 64 + 1 - words.count) }
    words[number / 64] |= 1 << UInt64(number % 64)
  }
}
