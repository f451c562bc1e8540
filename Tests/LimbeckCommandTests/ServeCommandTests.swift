import Foundation
import Testing

extension CommandTests {
  @Suite struct ServeCommand {
    #if Server
      @Test func aServerAnswersAndStops() throws {
        let desk = try Desk()
        // no client but bash: it opens sockets itself
        let outcome = try Command.shell(
          """
          "$limbeck" serve --model '\(desk.workspace.teacher)' --port 0 --name fox --no-template 2> errors &
          for _ in {1..200}; do
            port=$(sed -n 's/^serving fox at http:..127.0.0.1:\\([0-9]*\\).*/\\1/p' errors)
            [ -z "$port" ] || break
            sleep 0.05
          done
          exec 3<> /dev/tcp/127.0.0.1/$port
          printf 'GET /v1/models HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3
          cat <&3
          kill -TERM $!
          wait $!
          echo "code $?"
          cat errors >&2
          """, in: desk.folder)
        #expect(outcome.output.hasPrefix("HTTP/1.1 200 OK"), "\(outcome.errors)")
        #expect(outcome.output.contains(#""id":"fox""#))
        #expect(outcome.output.hasSuffix("code 0\n"))
        #expect(outcome.errors.contains("stopping: "))
      }

      @Test func aModelThatIsMissingIsNamed() throws {
        let outcome = try Command.run("serve", "--model", "nowhere", "--port", "0")
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("nowhere"))
      }
    #else
      @Test func aBuildWithoutItSaysHowToGetIt() throws {
        let outcome = try Command.run("serve", "--model", "x")
        #expect(outcome.code == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("swift build -c release --traits Server"))
      }
    #endif
  }
}
