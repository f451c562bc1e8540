import ArgumentParser

/// A list of layers on the command line: `0,2,4`.
struct LayerList: ExpressibleByArgument {
  let indices: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    indices = parts.compactMap { Int($0) }
    if indices.count != parts.count { return nil }
  }
}
