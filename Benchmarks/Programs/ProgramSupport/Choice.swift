import ArgumentParser

/// The case of that name, for the value of an option.
public func choice<Choice: RawRepresentable & CaseIterable>(
  named name: String
) throws -> Choice where Choice.RawValue == String {
  guard let choice = Choice(rawValue: name) else {
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("\(name) is none of these: \(known)")
  }
  return choice
}
