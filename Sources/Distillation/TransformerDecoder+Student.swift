public import LanguageModels
public import TensorCore

extension TransformerDecoder {
  /// A trainable student that starts from parts of its teacher: the layers, channels, heads and neurons that the plan
  /// keeps, with the weights between them, embedding and head included. A plan that cuts nothing gives the teacher
  /// again, the same logits bit for bit.
  ///
  /// Nothing is scaled but where embeddings are multiplied by √C, which fewer channels would make smaller: their
  /// weights make up for it, so that what enters the first layer stays. Where the head is the same matrix, the final
  /// norm's gain takes that out again.
  /// - Parameters:
  ///   - teacher: what it is cut from; it stays as it is.
  ///   - plan: what stays; made for this teacher's sizes.
  ///   - importance: what tells which channels, heads and neurons stay; needed where the plan cuts any of them.
  ///   - precision: what the student rounds the factors of products to.
  public convenience init(
    studentOf teacher: any DecoderModel, _ plan: StudentPlan, importance: ActivationImportance? = nil,
    precision: ProductPrecision = .float32
  ) {
    self.init(
      cutting: WidthSelection(plan, importance), outOf: teacher, plan, precision: precision)
  }

  /// A student with the chosen channels, heads and neurons in the chosen order.
  convenience init(
    cutting widths: WidthSelection, outOf teacher: any DecoderModel, _ plan: StudentPlan,
    precision: ProductPrecision = .float32
  ) {
    precondition(teacher.configuration == plan.teacher, "a plan for another teacher")
    let sources = Dictionary(uniqueKeysWithValues: teacher.weights.map { ($0.role, $0) })
    self.init(configuration: plan.configuration, precision: precision, device: teacher.device) { role, _ in
      let origin = WeightOrigin(of: role, widths, plan)
      guard let source = sources[origin.role] else { preconditionFailure("the teacher has no \(origin.role)") }
      let values = source.merged(on: teacher.device).dense(on: teacher.device).detached
      let selected = values.selecting(rows: origin.rows, columns: origin.columns)
      plan.keepEmbeddings(in: selected, of: role)
      return .dense(selected)
    }
  }
}

extension StudentPlan {
  /// Makes up for a scale of the embeddings that depends on the number of channels, in the weights that were chosen.
  fileprivate func keepEmbeddings(in weights: Tensor, of role: WeightRole) {
    let ratio =
      teacher.embeddingScale.value(hiddenSize: teacher.hiddenSize)
      / configuration.embeddingScale.value(hiddenSize: configuration.hiddenSize)
    if ratio == 1 { return }
    weights.withMutableSpan { values in
      switch role {
      case .embedding:
        for index in values.indices { values[index] *= ratio }
      case .finalNorm where configuration.tiesEmbeddings:
        let offset = configuration.normOffset
        for index in values.indices { values[index] = (offset + values[index]) / ratio - offset }
      case .finalNorm, .head, .layer: break
      }
    }
  }
}

/// Where in its teacher a student's weight lies.
private struct WeightOrigin {
  /// The teacher's weight.
  let role: WeightRole
  /// Which rows of a matrix, or elements of a vector; nil for all.
  let rows: [Int]?
  /// Which columns of a matrix; nil for all, and for a vector.
  let columns: [Int]?

  init(of role: WeightRole, _ widths: WidthSelection, _ plan: StudentPlan) {
    switch role {
    case .embedding, .head: (self.role, rows, columns) = (role, nil, widths.channels)
    case .finalNorm: (self.role, rows, columns) = (role, widths.channels, nil)
    case .layer(let layer, let weight):
      self.role = .layer(plan.layers[layer], weight)
      let (part, headSize) = (widths.layers[layer], plan.teacher.headSize)
      switch weight {
      case .attentionNorm, .feedForwardNorm, .attentionPostNorm, .feedForwardPostNorm:
        (rows, columns) = (widths.channels, nil)
      case .queryNorm, .keyNorm: (rows, columns) = (Array(0..<plan.teacher.headSize), nil)
      case .bias(let matrix): (rows, columns) = (part.outputs(of: matrix, widths, headSize: headSize), nil)
      case .matrix(let matrix):
        rows = part.outputs(of: matrix, widths, headSize: headSize)
        columns = part.inputs(of: matrix, widths, headSize: headSize)
      }
    }
  }
}

extension WidthSelection.Layer {
  /// The teacher's outputs of a matrix that stay.
  fileprivate func outputs(of matrix: LayerMatrix, _ widths: WidthSelection, headSize: Int) -> [Int] {
    switch matrix {
    case .query: Self.elements(of: heads, headSize: headSize)
    case .key, .value: Self.elements(of: keyValueHeads, headSize: headSize)
    case .gate, .up: neurons
    case .output, .down: widths.channels
    }
  }

  /// The teacher's inputs of a matrix that stay.
  fileprivate func inputs(of matrix: LayerMatrix, _ widths: WidthSelection, headSize: Int) -> [Int] {
    switch matrix {
    case .query, .key, .value, .gate, .up: widths.channels
    case .output: Self.elements(of: heads, headSize: headSize)
    case .down: neurons
    }
  }

  private static func elements(of heads: [Int], headSize: Int) -> [Int] {
    heads.flatMap { $0 * headSize..<($0 + 1) * headSize }
  }
}

extension Tensor {
  /// The elements at the given rows and columns of a matrix, or at the given rows of a vector; nil for all.
  fileprivate func selecting(rows: [Int]?, columns: [Int]?) -> Tensor {
    let (height, width) = shape.count == 1 ? (shape[0], 1) : (shape[0], shape[1])
    let (rows, columns) = (rows ?? Array(0..<height), columns ?? Array(0..<width))
    let selected = Tensor.zeros(shape.count == 1 ? [rows.count] : [rows.count, columns.count], on: device)
    withSpan { source in
      selected.withMutableSpan { target in
        var index = 0
        for row in rows {
          for column in columns {
            target[index] = source[row * width + column]
            index += 1
          }
        }
      }
    }
    return selected
  }
}
