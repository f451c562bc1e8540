import ArgumentParser

/// A command some of whose options choose what most others would.
protocol LoneOptions {
  /// Options by their names, without dashes, and all that may be given beside each of them.
  static var companions: [String: Set<String>] { get }
}

extension LoneOptions {
  /// Throws where a call has an option beside one that does not go with it.
  static func requireCompany(_ arguments: [String]) throws {
    guard let (path, rest) = try? MistypedWord.path(arguments) else { return }
    let given = OptionDescription.given(in: rest, OptionDescription.all(of: path))
    guard let lone = given.first(where: { companions[$0] != nil }), let allowed = companions[lone],
      let other = given.first(where: { $0 != lone && !allowed.contains($0) })
    else { return }
    throw ValidationError(other, expected: "nothing with --\(lone), which chooses it", found: "given")
  }
}
