import Base
import Foundation

/// One rank and where it runs, for `hosts.json`.
public struct HostEntry: Sendable, Equatable {
  /// The rank.
  public var rank: Int
  /// Its host's name.
  public var host: String
  /// Its number among the ranks of the host.
  public var localRank: Int
  /// Its threads.
  public var threads: Int

  /// All fields, in order.
  public init(rank: Int, host: String, localRank: Int, threads: Int) {
    self.rank = rank
    self.host = host
    self.localRank = localRank
    self.threads = threads
  }
}

/// What can be told of this machine without any library: for `versions.json` and for reports of speed.
public enum MachineDescription {
  /// Name and value pairs: operating system, kernel, architecture, processor, logical processors.
  public static func current() -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    let release = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""
    if let system = value(of: "PRETTY_NAME=", in: release) {
      pairs.append(("system", system.trimmingCharacters(in: CharacterSet(charactersIn: "\""))))
    }
    var kernel = utsname()
    if uname(&kernel) == 0 {
      pairs.append(("kernel", text(&kernel.release)))
      pairs.append(("architecture", text(&kernel.machine)))
    }
    if let model = CPUInfo.current.modelName { pairs.append(("processor", model)) }
    pairs.append(("logical_processors", String(ProcessInfo.processInfo.processorCount)))
    return pairs
  }

  private static func value(of key: String, in text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix(key) }.map { String($0.dropFirst(key.count)) }
  }

  /// A field of `utsname`: a C array of characters, which Swift sees as a tuple.
  private static func text<Field>(_ field: inout Field) -> String {
    withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
