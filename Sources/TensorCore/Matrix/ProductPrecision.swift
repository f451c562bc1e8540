/// What the factors of a matrix product are rounded to; sums are always float32.
public enum ProductPrecision: String, Sendable, Codable, CaseIterable {
  /// Nothing is rounded.
  case float32
  /// Both factors are rounded to bfloat16, 8 significant bits, to nearest even: about twice the speed on the backend
  /// `avx512-bf16`, slower than float32 and with other rounding of the sums on the others.
  case bfloat16 = "bf16"
}
