import Dispatch
import Glibc
import Synchronization

/// Ctrl-C (SIGINT) and SIGTERM while it is alive: the first one is a request to stop at the next good place, the second
/// one ends the process at once.
final class Interruption {
  private let request = SignalRequest()
  private let sources: [any DispatchSourceSignal]

  /// - Parameter notify: called once, on another thread, as soon as the request has come.
  init(notify: @escaping @Sendable () -> Void) {
    sources = [SIGINT, SIGTERM].map { [request] number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        guard request.register(number) else { _exit(128 + number) }
        notify()
      }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }

  /// Whether to stop.
  var isRequested: Bool { request.signal != 0 }

  /// What a shell expects of a process that a signal ended: 128 plus the signal's number.
  var exitCode: Int32 { 128 + request.signal }
}

/// The first signal that came.
private final class SignalRequest: Sendable {
  private let first = Atomic<Int32>(0)

  var signal: Int32 { first.load(ordering: .relaxed) }

  /// Whether `number` is the first one.
  func register(_ number: Int32) -> Bool {
    first.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged
  }
}
