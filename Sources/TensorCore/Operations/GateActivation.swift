/// The activation a of a gated feed-forward network, a(gate) · up.
public enum GateActivation: String, Sendable, CaseIterable {
  /// x · sigmoid(x) (SwiGLU, Shazeer 2020).
  case silu
  /// GELU by its approximation with tanh, x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks & Gimpel 2016).
  case geluTanh
}
