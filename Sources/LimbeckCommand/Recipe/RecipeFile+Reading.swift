import ArgumentParser
import Diagnostics
import DurableFiles
import Foundation
import Yams

/// The file as text, and its values.
extension RecipeFile {
  private func invalid(
    _ key: String, line: Int, expected: String, found: String, advice: String? = nil
  ) -> RecipeError {
    .value(InvalidValue("\(file), line \(line)", key, expected: expected, found: found, advice: advice))
  }

  func parsed<Value: ExpressibleByArgument>(
    _ node: Node, _ key: String, line: Int
  ) throws(RecipeError) -> Value {
    let line = node.mark?.line ?? line
    guard let text = node.scalar?.string else {
      let found = node.sequence == nil ? "a mapping" : "a list"
      throw invalid(key, line: line, expected: Self.expectation(Value.self), found: found)
    }
    guard let value = Value(argument: text) else {
      throw invalid(
        key, line: line, expected: Self.expectation(Value.self), found: text.isEmpty ? "nothing" : "\"\(text)\"",
        advice: InvalidOptionValue.advice(for: text, among: Value.allValueStrings))
    }
    return value
  }

  private static func expectation<Value: ExpressibleByArgument>(_ type: Value.Type) -> String {
    if !type.allValueStrings.isEmpty { return InvalidOptionValue.expectation(of: type.allValueStrings) }
    return switch type {
    case is Bool.Type: "true or false"
    case is any FixedWidthInteger.Type: "a whole number"
    case is any FloatingPoint.Type: "a number"
    default: "text"
    }
  }

  static func read(_ file: String) throws(RecipeError) -> [(key: String, line: Int, node: Node)] {
    let content: Data
    do throws(FileError) { content = try contentsOfFileOrPipe(file) } catch { throw .file(error) }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw .file(.unreadable(file: file, reason: "it is not UTF-8"))
    }
    let root: Node?
    do { root = try Yams.compose(yaml: text) } catch { throw RecipeError(error, file: file) }
    guard let root, root.null == nil else { return [] }
    guard let mapping = root.mapping else {
      throw .invalidYAML(file: file, line: root.mark?.line, reason: "expected lines of the form key: value")
    }
    // batch_size is as good as batch-size
    let entries = mapping.map { key, value in
      (key: (key.scalar?.string ?? "?").replacing("_", with: "-"), line: key.mark?.line ?? 1, node: value)
    }
    var lines: [String: Int] = [:]
    for entry in entries where lines.updateValue(entry.line, forKey: entry.key) != nil {
      throw .invalidYAML(file: file, line: entry.line, reason: "given twice: \(entry.key)")
    }
    return entries
  }
}
