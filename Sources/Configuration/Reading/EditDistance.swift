/// The least number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`, counted in bytes.
///
/// Optimal string alignment distance (Damerau-Levenshtein without edits inside a swap).
package func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.utf8)
  let b = Array(b.utf8)
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var twoBack = [Int](repeating: 0, count: b.count + 1)
  var previous = Array(0...b.count)
  for i in 1...a.count {
    var current = [i] + [Int](repeating: 0, count: b.count)
    for j in 1...b.count {
      let replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      current[j] = min(previous[j] + 1, current[j - 1] + 1, replaced)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        current[j] = min(current[j], twoBack[j - 2] + 1)
      }
    }
    twoBack = previous
    previous = current
  }
  return previous[b.count]
}

/// The name of `names` nearest to `word`, or nil where none is near enough to be what was meant.
///
/// Case, hyphens and underscores do not count; beyond that a third of the letters may differ. The first of equals wins.
package func nearestName(to word: String, among names: [String]) -> String? {
  guard word.utf8.count <= 64 else { return nil }
  let plain = plainLetters(word)
  var best: (name: String, distance: Int)?
  for name in names {
    let other = plainLetters(name)
    let distance = editDistance(plain, other)
    guard distance <= max(2, other.utf8.count / 3), distance < max(other.utf8.count, 1) else { continue }
    if distance < best?.distance ?? Int.max { best = (name, distance) }
  }
  return best?.name
}

private func plainLetters(_ word: String) -> String {
  String(word.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " })
}
