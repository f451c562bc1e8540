public import TensorCore

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019): each step moves a weight by −rate·m̂/(√v̂ + ε), after
/// p ← p − rate·decay·p for the parameters that decay.
public final class AdamW {
  /// What it updates.
  public let parameters: ParameterStore
  /// β₁, the decay rate of the first moment, the running mean of the gradients.
  public let beta1: Double
  /// β₂, the decay rate of the second moment, the running mean of their squares.
  public let beta2: Double
  /// ε, added to the root of the second moment.
  public let epsilon: Double
  /// Decay of the weights that decay.
  public let weightDecay: Double
  /// The number of updates so far.
  public internal(set) var updates = 0
  /// The means of the gradients and of their squares, laid out as the parameters' arena.
  let firstMoment: Tensor
  let secondMoment: Tensor

  /// An optimiser with empty moments for trainable parameters; by default β₁ 0.9, β₂ 0.95, ε 1e-8, weight decay 0.1.
  public init(
    _ parameters: ParameterStore, beta1: Double = 0.9, beta2: Double = 0.95, epsilon: Double = 1e-8,
    weightDecay: Double = 0.1
  ) {
    precondition(parameters.isTrainable, "a frozen model cannot be trained")
    self.parameters = parameters
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    let device = parameters.device
    (firstMoment, secondMoment) = device.counting(as: .moments) {
      (.zeros([parameters.count], on: device), .zeros([parameters.count], on: device))
    }
  }

  /// Moves all parameters along `gradientScale` × their gradients.
  public func update(learningRate: Double, gradientScale: Double = 1) {
    updates += 1
    let step = AdamWStep(
      learningRate: Float(learningRate), beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon),
      weightDecay: Float(weightDecay), number: updates, gradientScale: Float(gradientScale))
    parameters.apply(step, firstMoment: firstMoment, secondMoment: secondMoment)
  }

  /// The factor that brings gradients of the given norm down to `limit`, and 1 where they are below it: that of
  /// `torch.nn.utils.clip_grad_norm_`. A limit of 0 clips nothing.
  public static func clippingFactor(norm: Double, limit: Double) -> Double {
    limit == 0 ? 1 : min(1, limit / (norm + 1e-6))
  }
}
