#if Server
  import Foundation
  import HTTPTypes
  import Hummingbird
  import Logging
  import NIOCore
  import ServiceLifecycle
  import Synchronization

  /// An inference service on the network, by HTTP.
  package struct InferenceServer: Sendable {
    /// What a connection may still take after the last sequence has ended.
    private static let shutdownSeconds = 5
    /// What a connection may be idle beyond the limit, so that an error is sent before it is closed.
    private static let graceSeconds = 1.0
    private let service: InferenceService
    private let host: String
    private let port: Int

    /// - Parameters:
    ///   - service: what answers.
    ///   - host: the address or name to listen at.
    ///   - port: the port to listen at; 0 for a free one.
    package init(_ service: InferenceService, host: String, port: Int) {
      self.service = service
      self.host = host
      self.port = port
    }

    /// Answers requests, until the service has been drained.
    /// - Parameter listening: called with the port as soon as clients may connect.
    /// - Throws: where it cannot listen there, or no longer.
    package func run(listening: @escaping @Sendable (_ port: Int) -> Void) async throws(ListeningError) {
      let hasListened = Atomic(false)
      let quiet = Logger(label: "limbeck") { _ in SwiftLogNoOpLogHandler() }
      let application = Application(
        responder: CallbackResponder { request, context in await respond(to: request, context) },
        server: .http1(
          configuration: .init(
            idleTimeout: .milliseconds(Int64(1_000 * (service.limits.idleLimit + Self.graceSeconds))))),
        configuration: ApplicationConfiguration(
          address: .hostname(host, port: port), serverName: "limbeck",
          availableConnectionsDelegate: .maximum(service.limits.connections, logger: quiet)),
        onServerRunning: { channel in
          hasListened.store(true, ordering: .relaxed)
          listening(channel.localAddress?.port ?? port)
        },
        logger: quiet)
      var configuration = ServiceGroupConfiguration(services: [application], logger: quiet)
      configuration.maximumGracefulShutdownDuration = .seconds(Self.shutdownSeconds)
      let group = ServiceGroup(configuration: configuration)
      let end = Task {
        await service.waitForEnd()
        await group.triggerGracefulShutdown()
      }
      do {
        try await group.run()
      } catch {
        service.drain()
        await end.value
        if hasListened.load(ordering: .relaxed) { throw .ended(reason: "\(error)") }
        throw ListeningError(error, host: host, port: port)
      }
      await end.value
    }

    /// Reads a request's body, and answers it.
    private func respond(to request: Request, _ context: ServingContext) async -> Response {
      let exchange = Exchange(
        service: service, path: InferenceService.label(request.uri.path), channel: context.channel)
      let collected: CollectedRequest
      do throws(ServerError) {
        collected = try await exchange.collect(request)
      } catch {
        // what is left of the body may be without end
        exchange.closeConnection(after: .seconds(2))
        return exchange.response(Reply(error), closes: true)
      }
      switch service.respond(request.method.rawValue, request.uri.path, body: collected.bytes) {
      case .reply(let reply):
        return exchange.response(reply)
      case .pending(let pending):
        // a client that goes away cancels its sequences
        let reply = try? await collected.request.body.consumeWithCancellationOnInboundClose { _ in
          await pending.whole()
        }
        return exchange.response(reply.flatMap(\.self), closes: true)
      case .stream(let stream):
        return exchange.response(stream, to: collected.request)
      }
    }
  }

  /// What a handler knows of its connection.
  private struct ServingContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
      coreContext = CoreRequestContextStorage(source: source)
      channel = source.channel
    }
  }
#endif
