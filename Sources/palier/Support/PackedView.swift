import Base
import Models

/// The bytes of a packed folder by part, beside what arithmetic gives.
struct PackedView {
  private let sizes: PackedSizes

  init(_ sizes: PackedSizes) { self.sizes = sizes }

  func show() {
    var table = TextTable(["part", "bits", "numbers", "bytes", "by arithmetic"], right: [1, 2, 3, 4])
    for part in sizes.parts {
      table.add([
        part.name, part.bits.map { "\($0)" } ?? "", grouped(part.count), grouped(part.byteCount),
        grouped(Int(part.arithmetic.rounded())),
      ])
    }
    table.add([
      "all files of tensors", "", "", grouped(sizes.byteCount), grouped(Int(sizes.arithmetic.rounded())),
    ])
    Output.say(table.text)
  }
}
