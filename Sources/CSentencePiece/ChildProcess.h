// Runs code that may end the process, as libsentencepiece does where it checks what a text must have, in a process of
// its own.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace limbeck {

// Sends and receives whole records: a size of 4 bytes, then so many bytes.
class Channel {
 public:
  explicit Channel(int descriptor) : descriptor_(descriptor) {}
  ~Channel() { close(descriptor_); }
  Channel(const Channel &) = delete;

  // Returns false when the other side is gone.
  bool send(const char *bytes, size_t size) {
    const auto count = static_cast<uint32_t>(size);
    buffer_.append(reinterpret_cast<const char *>(&count), sizeof(count));
    buffer_.append(bytes, size);
    return buffer_.size() < buffer_size || flush();
  }

  bool flush() {
    for (size_t at = 0; at < buffer_.size();) {
      const ssize_t sent = ::send(descriptor_, buffer_.data() + at, buffer_.size() - at, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      at += static_cast<size_t>(sent);
    }
    buffer_.clear();
    return true;
  }

  // No more will be sent.
  void finish() { shutdown(descriptor_, SHUT_WR); }

  // Returns false at the end, or where the other side is gone.
  bool receive(std::string &record) {
    uint32_t count = 0;
    if (!receive(reinterpret_cast<char *>(&count), sizeof(count))) return false;
    record.resize(count);
    return receive(record.data(), count);
  }

 private:
  static constexpr size_t buffer_size = 1 << 18;

  bool receive(char *bytes, size_t size) {
    while (size > 0) {
      if (begin_ == input_.size()) {
        input_.resize(buffer_size);
        const ssize_t count = recv(descriptor_, input_.data(), input_.size(), 0);
        input_.resize(count < 0 ? 0 : static_cast<size_t>(count));
        begin_ = 0;
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
      }
      const size_t taken = std::min(size, input_.size() - begin_);
      std::memcpy(bytes, input_.data() + begin_, taken);
      begin_ += taken;
      bytes += taken;
      size -= taken;
    }
    return true;
  }

  int descriptor_;
  std::string buffer_, input_;
  size_t begin_ = 0;
};

// A child process that ran to its end, or did not.
class ChildProcess {
 public:
  // Starts a process that calls body(channel); the other end of the channel is `channel()`.
  template <typename Body>
  explicit ChildProcess(Body body) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error(strerror(errno));
    errors_ = memfd_create("limbeck-errors", MFD_CLOEXEC);
    process_ = fork();
    if (process_ == 0) {
      close(pair[0]);
      prepare();
      {
        Channel channel(pair[1]);
        body(channel);
      }
      _exit(0);
    }
    const int failure = errno;
    close(pair[1]);
    channel_ = std::make_unique<Channel>(pair[0]);
    if (process_ < 0) {
      // no destructor runs
      if (errors_ >= 0) close(errors_);
      throw std::runtime_error(strerror(failure));
    }
  }

  ~ChildProcess() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      wait();
    }
    if (errors_ >= 0) close(errors_);
  }

  Channel &channel() { return *channel_; }

  // Waits for the end of a process that has said nothing of use, and returns what is known of the cause, in one line.
  std::string failure() {
    const int status = wait();
    std::string text = last_line();
    if (WIFSIGNALED(status)) {
      const std::string signal = strsignal(WTERMSIG(status));
      text = text.empty() ? "libsentencepiece crashed (" + signal + ")" : text;
    }
    return text.empty() ? "libsentencepiece ended without a result" : text;
  }

 private:
  void prepare() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Nobody is to print a backtrace or to dump the memory of the parent.
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGINT, SIGTERM}) {
      std::signal(signal, SIG_DFL);
    }
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (errors_ >= 0) dup2(errors_, STDERR_FILENO);
  }

  int wait() {
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return status;
  }

  // The last line that was written to standard error and is not blank.
  std::string last_line() {
    char text[4096];
    const off_t size = errors_ < 0 ? 0 : lseek(errors_, 0, SEEK_END);
    const off_t begin = std::max<off_t>(0, size - static_cast<off_t>(sizeof(text)));
    const ssize_t count = size <= 0 ? 0 : pread(errors_, text, sizeof(text), begin);
    std::string lines(text, static_cast<size_t>(std::max<ssize_t>(0, count)));
    lines.erase(lines.find_last_not_of(" \t\r\n") + 1);
    const size_t newline = lines.rfind('\n');
    return newline == std::string::npos ? lines : lines.substr(newline + 1);
  }

  pid_t process_ = -1;
  int errors_ = -1;
  std::unique_ptr<Channel> channel_;
};

}  // namespace limbeck
