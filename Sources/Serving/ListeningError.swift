#if Server
  import DurableFiles
  import Foundation
  import NIOCore

  /// Why a server does not listen where it was told to.
  package enum ListeningError: Error, Equatable, Sendable {
    /// Another program listens at the port.
    case portInUse(host: String, port: Int)
    /// The host is none of this machine's, or has no address.
    case hostUnavailable(host: String, reason: String)
    /// Anything else, such as a port that needs privileges.
    case refused(host: String, port: Int, reason: String)
    /// It has listened, and then came to an end that nobody asked for.
    case ended(reason: String)

    init(_ error: any Error, host: String, port: Int) {
      switch error {
      case let error as IOError where error.errnoCode == EADDRINUSE:
        self = .portInUse(host: host, port: port)
      case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
        self = .hostUnavailable(host: host, reason: systemErrorText(error.errnoCode))
      case let error as IOError:
        self = .refused(host: host, port: port, reason: systemErrorText(error.errnoCode))
      case let error as SocketAddressError.UnknownHost:
        self = .hostUnavailable(host: host, reason: error.errorDescription)
      default:
        self = .refused(host: host, port: port, reason: "\(error)")
      }
    }
  }

  extension ListeningError: CustomStringConvertible, LocalizedError {
    /// One line for the user.
    package var description: String {
      switch self {
      case .portInUse(let host, let port):
        "--port: expected a free one, found \(port) of \(host) in use; choose another, or 0 for any free one"
      case .hostUnavailable(let host, let reason):
        "--host \(host): cannot listen there: \(reason); "
          + "name an address of this machine, or 0.0.0.0 for all that it has"
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
