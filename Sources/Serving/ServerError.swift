import Diagnostics
import DurableFiles
import TextGeneration

/// Why a request is not answered, as OpenAI's clients expect it: a status, and an object `error` with `message`,
/// `type`, `param` and `code`.
struct ServerError: Error, Equatable, Sendable {
  /// What OpenAI calls the kind of an error.
  enum Kind: String, Sendable {
    case invalidRequest = "invalid_request_error"
    case tooManyRequests = "requests"
    case server = "server_error"
  }

  /// The HTTP status.
  var status: Int
  /// One sentence for people.
  var message: String
  var kind = Kind.invalidRequest
  /// The field that is wrong.
  var param: String?
  /// A word that programs tell the error by.
  var code: String?
  /// When to try again, in seconds.
  var retryAfter: Int?
  /// The methods that a path has, where another one was asked for.
  var allow: String?

  /// The body of the reply.
  var json: JSONValue {
    .object([
      "error": .object([
        "message": .string(message), "type": .string(kind.rawValue),
        "param": param.map(JSONValue.string) ?? .null, "code": code.map(JSONValue.string) ?? .null,
      ])
    ])
  }
}

extension ServerError {
  /// A field that cannot be.
  static func invalid(_ value: InvalidValue, code: String? = nil) -> ServerError {
    ServerError(status: 400, message: value.description, param: value.key, code: code)
  }

  /// A field that cannot be.
  static func invalid(
    _ param: String, expected: String, found: String, advice: String? = nil, code: String? = nil
  ) -> ServerError {
    invalid(InvalidValue(param, expected: expected, found: found, advice: advice), code: code)
  }

  /// A way of sampling or generating that cannot be: its keys are spelt as flags, and fields as OpenAI spells them.
  init(_ error: GenerationError) {
    switch error {
    case .value(let value):
      self = .invalid(
        value.key.replacing("-", with: "_"), expected: value.expected, found: value.found, advice: value.advice)
    case .logitsNotFinite:
      self.init(status: 500, message: error.description, kind: .server)
    case .vocabularyTooSmall, .vocabulariesDiffer, .promptTooLong, .promptTooLongForDraft, .emptyPrompt:
      self.init(status: 400, message: error.description)
    }
  }

  static func unknownPath(_ path: String) -> ServerError {
    ServerError(status: 404, message: "there is no \(path) here", code: "unknown_url")
  }

  static func wrongMethod(_ method: String, _ path: String, allow: String) -> ServerError {
    ServerError(
      status: 405, message: "\(path): expected \(allow), found \(method)", code: "method_not_supported", allow: allow)
  }

  static func bodyTooLarge(limit: Int) -> ServerError {
    ServerError(
      status: 413, message: "the request's body: expected at most \(counted(limit, "byte")), found more",
      code: "request_too_large")
  }

  static func bodyTooSlow(seconds: Double) -> ServerError {
    ServerError(
      status: 408, message: "the request's body: expected within \(seconds) s, found it incomplete",
      code: "request_timeout")
  }

  static func queueFull(waiting: Int) -> ServerError {
    ServerError(
      status: 429, message: "\(counted(waiting, "sequence")) wait already; try again later", kind: .tooManyRequests,
      code: "rate_limit_exceeded", retryAfter: 1)
  }

  static let stopping = ServerError(
    status: 503, message: "the server is stopping and takes no more requests", kind: .server, code: "shutting_down",
    retryAfter: 5)

  static func timeLimit(seconds: Double) -> ServerError {
    ServerError(
      status: 504, message: "the request's \(seconds) s were over before its first token", kind: .server,
      code: "time_limit")
  }
}
