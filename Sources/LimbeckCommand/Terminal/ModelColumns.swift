/// Rows about models, one column a model.
struct ModelColumns {
  /// The columns of a table that goes to a file or a pipe, and the letters of a model's name.
  private static let (widest, nameLength) = (100, 18)

  /// What models are called.
  let folders: [String]
  /// Each a name, then a cell for each model, which is empty where it has none.
  let rows: [[String]]
  /// Which of the models is the teacher; nil without one.
  let teacher: Int?

  /// The table, whose models have short names where their paths are long, or where a screen of so many columns is too
  /// narrow for it, one model below another; nil is no screen.
  func text(columns: Int?) -> String {
    let table = TextTable(rows: [[""] + ShortNames.of(folders, length: Self.nameLength)] + rows)
    guard table.width > columns ?? Self.widest else { return table.text }
    return folders.enumerated().map { index, folder in
      var facts = FactList()
      for row in rows where !row[index + 1].isEmpty { facts.add("  " + row[0], row[index + 1]) }
      return "\n\(folder)\(index == teacher ? ", the teacher" : "")\n" + facts.text
    }.joined()
  }
}
