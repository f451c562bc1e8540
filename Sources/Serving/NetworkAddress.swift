/// A host and a port, as URLs write them.
package struct NetworkAddress: CustomStringConvertible {
  private let host: String
  private let port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// `127.0.0.1:80`; an address of IPv6 is in brackets, for it has colons of its own.
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
