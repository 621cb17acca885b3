import Base

extension ReportTable {
  /// A `table*` for booktabs.
  package var latex: String {
    let form = String(repeating: "l", count: nameCount) + String(repeating: "r", count: columns.count - nameCount)
    var text = "% \\usepackage{booktabs}\n\\begin{table*}\n\\centering\\small\n"
    text += "\\caption{\(ReportTable.latex(caption))}\n\\begin{tabular}{\(form)}\n\\toprule\n"
    if !groups.isEmpty {
      text += groups.map { "\\multicolumn{\($0.span)}{c}{\(ReportTable.latex($0.text))}" }.joined(separator: " & ")
      text += " \\\\\n"
    }
    text += columns.map(ReportTable.latex).joined(separator: " & ") + " \\\\\n\\midrule\n"
    for row in rows {
      switch row {
      case .group(let name):
        text += "\\multicolumn{\(columns.count)}{l}{\\emph{\(ReportTable.latex(name))}} \\\\\n"
      case .cells(let cells): text += cells.map(ReportTable.latex).joined(separator: " & ") + " \\\\\n"
      }
    }
    text += "\\bottomrule\n\\end{tabular}\n"
    text += notes.map { "\\par\\smallskip\\footnotesize \(ReportTable.latex($0))\n" }.joined()
    return text + "\\end{table*}\n"
  }

  private static func latex(_ cell: Cell) -> String {
    let main = cell.isBold ? "\\textbf{\(latex(cell.text))}" : latex(cell.text)
    guard !cell.below.isEmpty else { return main }
    let below = cell.below.map { "{\\scriptsize \(latex($0))}" }
    return "\\shortstack[r]{" + ([main] + below).joined(separator: "\\\\") + "}"
  }

  private static let signs: [Character: String] = [
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$", "–": "--", "—": "---", "α": "$\\alpha$",
    "×": "$\\times$", "−": "$-$", "≥": "$\\geq$", "≤": "$\\leq$", "†": "$\\dagger$", "₂": "$_2$", "·": "$\\cdot$",
    "<": "$<$", ">": "$>$", "…": "\\ldots{}", "√": "$\\surd$", "→": "$\\rightarrow$",
  ]

  /// Text that LaTeX sets as it stands.
  private static func latex(_ text: String) -> String { text.printable.map { signs[$0] ?? String($0) }.joined() }
}
