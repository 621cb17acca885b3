/// `auto`, which leaves a choice to the program and the machine, or one of `Choice`'s own words.
public enum AutomaticOr<Choice: RawRepresentable & CaseIterable & Hashable & Sendable>: Hashable, Sendable
where Choice.RawValue == String {
  case automatic
  case fixed(Choice)

  /// The choice; nil where it is left open.
  public var choice: Choice? { if case .fixed(let choice) = self { choice } else { nil } }
}

extension AutomaticOr: RawRepresentable, CaseIterable {
  public init?(rawValue: String) {
    if rawValue == "auto" {
      self = .automatic
    } else if let choice = Choice(rawValue: rawValue) {
      self = .fixed(choice)
    } else {
      return nil
    }
  }

  public var rawValue: String { choice?.rawValue ?? "auto" }

  public static var allCases: [AutomaticOr] { [.automatic] + Choice.allCases.map { .fixed($0) } }
}
