/// What the attention of one layer sees, and how it tells positions apart.
public struct LayerAttention: Equatable, Sendable {
  /// W: a token attends to itself and the W − 1 before it; nil for all before it.
  public var window: Int?
  /// How it tells positions apart; nil where it does not, as in some layers of SmolLM3.
  public var rotary: RotaryPositions?

  /// By default everything before a token is seen, with the rotary positions of Llama 2.
  public init(window: Int? = nil, rotary: RotaryPositions? = RotaryPositions()) {
    self.window = window
    self.rotary = rotary
  }
}
