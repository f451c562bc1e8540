import ArgumentParser

/// How a student gets fewer channels than its teacher.
enum ChannelMethod: String, CaseIterable, ExpressibleByArgument {
  /// The channels with the largest activations stay.
  case importance
  /// All channels are projected onto their principal axes.
  case pca
}
