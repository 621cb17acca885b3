import Compute

/// What a stage reads from the stream, made again from the norm before it: kept nowhere.
struct StreamSource {
  let norm: Norm
  /// Of the embeddings, whose output is dropped out after the norm.
  let dropoutSite: UInt32?

  private var width: Int { norm.weight.count }

  /// A token's whole row.
  func row(token: Int, _ pass: SlicePass, into row: UnsafeMutablePointer<Float>, _ scratch: ThreadScratch) {
    norm.output(token: token, from: 0, width, pass, into: row)
    if let dropoutSite { pass.drop(row, token: token, site: dropoutSite, width, scratch) }
  }

  /// `count` columns of it from `first`, in the row scratch.
  func columns(
    token: Int, from first: Int, _ count: Int, _ pass: SlicePass, _ scratch: ThreadScratch
  ) -> UnsafePointer<Float> {
    let row = scratch.rowTemporaries.pointer
    guard dropoutSite != nil else {
      norm.output(token: token, from: first, count, pass, into: row)
      return UnsafePointer(row)
    }
    // Draws are made for whole rows.
    self.row(token: token, pass, into: row, scratch)
    return UnsafePointer(row + first)
  }
}
