#if Server
  import Foundation
  import NIOCore

  /// Why a server does not listen where it was told to.
  package enum ListeningError: Error, Equatable, Sendable {
    /// Another program listens at the port.
    case portInUse(host: String, port: Int)
    /// Anything else: a host that is none of this machine's, a port that needs privileges.
    case refused(host: String, port: Int, reason: String)
    /// It has listened, and then came to an end that nobody asked for.
    case ended(reason: String)

    init(_ error: any Error, host: String, port: Int) {
      self =
        (error as? IOError)?.errnoCode == EADDRINUSE
        ? .portInUse(host: host, port: port) : .refused(host: host, port: port, reason: "\(error)")
    }
  }

  extension ListeningError: CustomStringConvertible, LocalizedError {
    /// One line for the user.
    package var description: String {
      switch self {
      case .portInUse(let host, let port):
        "--port: expected a free one, found \(port) of \(host) in use; choose another, or 0 for any free one"
      case .refused(let host, let port, let reason):
        "\(NetworkAddress(host: host, port: port)): cannot listen there: \(reason)"
      case .ended(let reason):
        "the server has ended: \(reason)"
      }
    }

    /// The same text as `description`.
    package var errorDescription: String? { description }
  }
#endif
