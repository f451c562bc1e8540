import ArgumentParser
import Dispatch
import Foundation
import Limbeck
import Serving
import Synchronization
import TextGeneration
import Tokenization

/// `limbeck serve`
struct Serve: ParsableCommand, OptionGroups {
  static let needs = SpeculationOptions.needs
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves a model to OpenAI's clients, by HTTP.",
    discussion: """
      Endpoints: /v1/completions, /v1/chat/completions, /v1/models, /health, and
      /metrics for Prometheus. The texts of all requests are computed together,
      and each joins and leaves the others at any token.

      Chats are written by the model's own template, as in 'limbeck chat'; without
      one that is known, /v1/chat/completions is refused, unless --template or
      --no-template says how.

      There is no password and no TLS: listen to other machines (--host 0.0.0.0)
      only behind a proxy that has them. Ctrl-C or SIGTERM lets the requests
      finish that have begun, for --drain-limit seconds at most; a second one ends
      at once.

      The server is part of a build with: swift build -c release --traits Server

      Example:
        limbeck serve --model runs/student
        limbeck serve --model gemma-3-270m-it.gguf --port 8000 --batch-size 64
        limbeck serve --model runs/teacher --draft runs/student
      """)

  @Option(help: ArgumentHelp("A model folder, or a .gguf file.", valueName: "model"))
  var model: String
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @OptionGroup(title: "Chats") var template: ChatTemplateOptions
  @OptionGroup(title: "Network and limits") var serving: ServingOptions
  @OptionGroup(title: "Speculative decoding") var speculation: SpeculationOptions
  @OptionGroup(title: "Precision") var rounding: GenerationPrecisionOptions
  @OptionGroup(title: "Device") var device: DeviceOptions

  func run() throws {
    #if Server
      try serve()
    #else
      throw CommandError.withoutServer
    #endif
  }

  #if Server
    private func serve() throws {
      let device = try device.device
      let model = try LanguageModel(
        path: model, tokenizer: tokenizer, rounding: rounding.weights.weights, precision: rounding.precision,
        on: device)
      let name = serving.name ?? URL(fileURLWithPath: self.model).deletingGGUF.lastPathComponent
      let generator = try speculation.generator(model, from: self.model, rounding, tokenizer: tokenizer, on: device)
      let served = ServedModel(
        name: name, created: Int(Date().timeIntervalSince1970), generator, chat: chat(model.tokenizer))
      let service = InferenceService(served, generator, limits: serving.limits)
      let server = InferenceServer(service, host: serving.host, port: serving.port)
      let console = Console()
      let interruption = Interruption {
        console.write("stopping: requests that have begun may finish; Ctrl-C again ends at once")
        service.drain()
      }
      defer { withExtendedLifetime(interruption) {} }
      try waiting { () async throws(ListeningError) in
        try await server.run { port in
          let address = NetworkAddress(host: serving.host, port: port)
          console.write("serving \(name) at http://\(address)/v1; Ctrl-C stops")
        }
      }
    }

    /// How chats are written; says so on standard error where they are not.
    private func chat(_ tokenizer: any Tokenizer) -> ServedModel.Chat {
      let reason: String
      do {
        if template.noTemplate { return .format(.continuation) }
        let place = try ModelLocation(URL(fileURLWithPath: model)).url
        let known =
          try place.isFolder
          ? template.template(folder: place, tokenizer: self.tokenizer) : template.template(of: tokenizer)
        if let known { return .format(known.format(for: tokenizer)) }
        reason = "the model has no chat template; serve it with --template or --no-template to chat all the same"
      } catch {
        reason = "\(error)"
      }
      Console().write("without /v1/chat/completions: \(reason)")
      return .refused(reason)
    }
  #endif
}

#if Server
  /// Runs asynchronous work, and waits for it on this thread.
  private func waiting<Failure: Error>(_ work: @escaping @Sendable () async throws(Failure) -> Void) throws {
    let result = Mutex<Result<Void, Failure>?>(nil)
    let end = DispatchSemaphore(value: 0)
    Task {
      let outcome: Result<Void, Failure>
      do throws(Failure) { outcome = .success(try await work()) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
      end.signal()
    }
    end.wait()
    try result.withLock { $0 }?.get()
  }

  extension URL {
    /// Without the suffix of a GGUF file.
    fileprivate var deletingGGUF: URL { pathExtension.lowercased() == "gguf" ? deletingPathExtension() : self }
  }
#endif
