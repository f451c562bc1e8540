import Logging

/// Logs to standard error as plain lines, above the progress line if there is one.
struct ConsoleLogHandler: LogHandler {
  let console: Console
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info
  var metadataProvider: Logger.MetadataProvider?

  init(_ console: Console) { self.console = console }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let prefix = event.level > .notice ? "\(event.level): " : ""
    let details = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
    console.write(prefix + "\(event.message)" + details.map { " \($0.key)=\($0.value)" }.joined())
  }
}

extension Logger {
  /// The command's log.
  init(_ console: Console) {
    self.init(label: "limbeck") { _ in ConsoleLogHandler(console) }
  }
}
