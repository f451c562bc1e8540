#if Server
  import Dispatch
  import Foundation
  import Glibc

  /// A client with a socket of its own, which sends what it is told to, however wrong.
  final class Client: Sendable {
    private let descriptor: Int32

    /// Connects to a port of this machine; what it has not read fills the server's buffers beyond `bufferSize` bytes.
    init(port: Int, bufferSize: Int32? = nil) throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var timeout = timeval(tv_sec: 20, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
      if var size = bufferSize {
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
      }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { Glibc.close(descriptor) }

    /// Sends bytes as they are.
    func send(_ text: String) {
      var bytes = Array(text.utf8)[...]
      while !bytes.isEmpty {
        let sent = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent <= 0 { return }
        bytes = bytes.dropFirst(sent)
      }
    }

    /// Goes away.
    func close() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// What arrives until the server closes the connection, or until `enough` of it has; "" after twenty seconds
    /// without anything. It waits on a thread of its own, for the server needs those of Swift's.
    func receive(until enough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
      await withCheckedContinuation { continuation in
        Thread {
          var received: [UInt8] = []
          var buffer = [UInt8](repeating: 0, count: 65_536)
          while !enough(String(decoding: received, as: UTF8.self)) {
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            received += buffer.prefix(count)
          }
          continuation.resume(returning: String(decoding: received, as: UTF8.self))
        }.start()
      }
    }

    /// Posts JSON, and returns all of the reply.
    static func post(_ json: String, to path: String, port: Int) async throws -> String {
      let client = try Client(port: port)
      let head = "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      client.send("\(head)Content-Length: \(json.utf8.count)\r\n\r\n\(json)")
      return await client.receive()
    }

    /// Gets a path, and returns all of the reply.
    static func get(_ path: String, port: Int) async throws -> String {
      let client = try Client(port: port)
      client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      return await client.receive()
    }
  }
#endif
