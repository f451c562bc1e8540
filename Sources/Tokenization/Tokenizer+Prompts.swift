public import Foundation

/// A prompt and what completes it, as ids.
public struct EncodedCompletion: Hashable, Sendable {
  /// The prompt's ids, without BOS.
  public var prompt: [Int32]
  /// The completion's ids, without EOS.
  public var completion: [Int32]
}

/// How a prompt and its completion are joined: the one place that decides it, for training and for generation.
extension Tokenizer {
  /// The ids of each prompt, in order, as a completion follows them: BOS, where the tokenizer has one, and the
  /// prompt's. After BOS they are the ids that `encode(prompt:completion:)` has for the prompt, whatever the
  /// completion.
  public func encode(prompts: [String]) -> [[Int32]] {
    let beginning = [bosID].compactMap(\.self)
    return encode(prompts).map { beginning + $0 }
  }

  /// The ids of a prompt and its completion, both UTF-8. The prompt's are those of a text of its own; the completion
  /// goes on from it (nothing is put in front of it, unless the prompt is empty), but no token reaches across. Up to
  /// `threads` threads encode (default: as many as the machine has cores).
  public func encode(
    prompt: some Collection<UInt8>, completion: some Collection<UInt8>,
    threads: Int = ProcessInfo.processInfo.activeProcessorCount
  ) -> EncodedCompletion {
    var encoder = TokenEncoder(self, threads: threads)
    let promptIDs = encoder.append(prompt) + encoder.finishPart()
    return EncodedCompletion(prompt: promptIDs, completion: encoder.append(completion) + encoder.finishPart())
  }
}
