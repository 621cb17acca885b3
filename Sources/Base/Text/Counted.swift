/// 1234567 as "1,234,567".
package func grouped(_ number: Int) -> String {
  var groups: [Substring] = []
  var rest = String(number.magnitude)[...]
  while rest.count > 3 {
    groups.insert(rest.suffix(3), at: 0)
    rest = rest.dropLast(3)
  }
  return (number < 0 ? "-" : "") + ([rest] + groups).joined(separator: ",")
}

/// "1 sentence", "2 sentences", "1,234 stretches".
package func counted(_ count: Int, _ noun: String) -> String {
  let ending = count == 1 ? "" : noun.hasSuffix("ch") ? "es" : "s"
  return "\(grouped(count)) \(noun)\(ending)"
}
