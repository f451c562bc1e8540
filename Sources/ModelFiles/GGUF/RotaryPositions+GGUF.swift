import GGUF
import LanguageModels

extension RotaryPositions {
  /// What a file says of rotary embeddings, in metadata and tensors. Defaults are those of
  /// `llama_model_base::load_hparams` in llama-model.cpp (llama.cpp, 2026).
  /// - Parameters:
  ///   - file: the file.
  ///   - headSize: D.
  ///   - isPartial: whether the family can turn a share of each head.
  /// - Throws: `value`; `missingTensor`, `wrongShape` and `notWeights` for the factors of frequencies.
  init(_ file: GGUFConfiguration, headSize: Int, isPartial: Bool) throws(ModelFileError) {
    let key = "rope.dimension_count"
    let rotated = try file.size(key) ?? headSize
    guard isPartial ? rotated <= headSize : rotated == headSize else {
      throw file.invalid(key, expected: (isPartial ? "at most " : "") + "\(headSize), the channels of a head")
    }
    // the share is rounded down to channels again
    let share = Double(rotated) / Double(headSize)
    // `hparams.rope_freq_base_train = 10000.0f`
    self.init(
      base: try file.factor("rope.freq_base") ?? 10_000,
      rotatedShare: Int(share * Double(headSize)) == rotated ? share : share.nextUp)
    let plain = self
    scaling = try RotaryScaling(file, pairs: rotated / 2) { plain.frequencies(headSize: headSize) }
  }
}

extension RotaryScaling {
  /// Scaling by a number, or by factors of each frequency, which are tensors.
  /// - Parameters:
  ///   - file: the file.
  ///   - pairs: the pairs of a head's channels that are turned; a number from a file, and maybe absurd.
  ///   - frequencies: the frequency of each; called where the file has as many factors.
  /// - Throws: as the positions do.
  fileprivate init(
    _ file: GGUFConfiguration, pairs: Int, frequencies: () -> [Double]
  ) throws(ModelFileError) {
    // `std::string rope_scaling("linear")`; the old name of the factor is "rope.scale_linear"
    let (key, factorKey, amplitudeKey) = ("rope.scaling.type", "rope.scaling.factor", "rope.scaling.attn_factor")
    let kind = try file.string(key)
    guard ["none", "linear", "longrope", nil].contains(kind) else {
      throw file.invalid(key, expected: "\"none\", \"linear\" or \"longrope\"")
    }
    // `hparams.rope_attn_factor`: 1 where it is missing
    let amplitude = try file.factor(amplitudeKey)
    if let factors = try Self.longRopeFactors(of: file, count: pairs, isRequired: kind == "longrope") {
      // the converter of Phi-3 writes the factors and no kind (conversion/phi.py)
      guard kind == "longrope" || kind == nil else {
        throw file.invalid(key, expected: "\"longrope\", for there is a tensor \(GGUFNames.shortFactors)")
      }
      // `hparams.n_ctx_orig_yarn = hparams.n_ctx_train`
      let original = try file.size("rope.scaling.original_context_length")
      let context = try file.requiredSize("context_length")
      self = .longRope(
        shortFactors: factors.short, longFactors: factors.long, originalContextLength: original ?? context,
        amplitude: amplitude ?? 1)
      return
    }
    guard amplitude ?? 1 == 1 else { throw file.invalid(amplitudeKey, expected: "1, for there are no factors") }
    let (new, old) = (try file.scale(factorKey), try file.scale("rope.scale_linear"))
    let factor = new ?? old ?? 1
    let isLinear = kind != "none" && factor != 1
    let name = GGUFNames.frequencyFactors
    guard let factors = try Self.factors(name, of: file, count: pairs) else {
      // `ropescale == 0.0f ? 1.0f : 1.0f/ropescale`
      self = isLinear ? .linear(factor: factor) : .none
      return
    }
    guard !isLinear else { throw file.invalid(factorKey, expected: "1, for there is a tensor \(name)") }
    let length = try file.requiredSize("context_length")
    self =
      Self.llama3(factors, of: frequencies())
      ?? .longRope(shortFactors: factors, longFactors: factors, originalContextLength: length, amplitude: 1)
  }

  /// The factors of LongRoPE in sequences of the original context and in longer ones.
  private struct LongRopeFactors {
    let short, long: [Double]
  }

  /// Both factors of LongRoPE; nil where neither is there and neither is required.
  private static func longRopeFactors(
    of file: GGUFConfiguration, count: Int, isRequired: Bool
  ) throws(ModelFileError) -> LongRopeFactors? {
    let names = [GGUFNames.shortFactors, GGUFNames.longFactors]
    let short = try factors(names[0], of: file, count: count)
    let long = try factors(names[1], of: file, count: count)
    if let short, let long { return LongRopeFactors(short: short, long: long) }
    guard short != nil || long != nil || isRequired else { return nil }
    throw .missingTensor(
      file: file.file.path, tensor: short == nil ? names[0] : names[1], advice: "the model's positions depend on it")
  }

  /// What the frequencies are divided by, one by one; nil where there is no such tensor.
  private static func factors(
    _ name: String, of file: GGUFConfiguration, count: Int
  ) throws(ModelFileError) -> [Double]? {
    guard let tensor = file.file[name] else { return nil }
    guard tensor.shape == [count] else {
      throw .wrongShape(file: file.file.path, tensor: name, expected: [count], found: tensor.shape)
    }
    return try GGUFWeights(file.file).floats(name).map { Double($0).shortestFloat }
  }

  /// An original context by which no frequency is mixed: Llama 3's own, or the least beyond the longest wavelength that
  /// is kept.
  private static func context(between factors: [Double], of frequencies: [Double], high: Double) -> Double {
    let wavelengths: [Double] = frequencies.map { 2 * Double.pi / $0 }
    let kept = high * (zip(factors, wavelengths).filter { $0.0 == 1 }.map { $0.1 }.max() ?? 0)
    let scaled = zip(factors, wavelengths).filter { $0.0 > 1 }.map { $0.1 }.min() ?? .infinity
    return kept < 8192 && 8192 < scaled ? 8192 : (kept + 1).rounded(.up)
  }

  /// The scaling of Llama 3 that gives such factors for such frequencies; nil where they are others. Its file does not
  /// say the original context, nor the low and the high factor: three numbers of which only two matter. The makers'
  /// own, 1 and 4, are taken for the latter.
  private static func llama3(_ factors: [Double], of frequencies: [Double]) -> RotaryScaling? {
    guard let factor = factors.max(), factor > 1, factor.isFinite else { return nil }
    let (low, high) = (1.0, 4.0)
    // of a frequency between the two: 1/factor there is a mixture by O/λ
    let lengths = zip(factors, frequencies).compactMap { found, frequency -> Double? in
      guard found > 1, found < factor else { return nil }
      let share = (1 / found - 1 / factor) / (1 - 1 / factor)
      return (share * (high - low) + low) * 2 * .pi / frequency
    }
    let length = lengths.first ?? Self.context(between: factors, of: frequencies, high: high)
    guard length >= 1, length <= Double(DecoderConfiguration.sizeLimit) else { return nil }
    let scaling = RotaryScaling.llama3(
      factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
      originalContextLength: Int(length.rounded()))
    let agrees = zip(factors, frequencies).enumerated().allSatisfy { pair, given in
      let (found, frequency) = given
      return abs(scaling(frequency, pair: pair, length: 0) * found / frequency - 1) < 1e-5
    }
    return agrees ? scaling : nil
  }
}
