#include "bench/raw_load.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/edge/frame_scanner.h"
#include "tests/edge/connect_to.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

// As wide as windows can be: nothing is widened later.
constexpr uint32_t kWidest = 0x7fffffff;

[[noreturn]] void Fail(absl::string_view what) {
  std::fprintf(stderr, "raw_load: %s\n", std::string(what).c_str());
  std::exit(1);
}

absl::Duration CpuOf(int who) {
  rusage used{};
  getrusage(who, &used);
  return absl::DurationFromTimeval(used.ru_utime) +
         absl::DurationFromTimeval(used.ru_stime);
}

}  // namespace

class RawLoad::Connection {
 public:
  explicit Connection(const Options& options)
      : first_(Request(options.path)), body_(Message(options.request)) {
    fd_ = ConnectTo(options.addr);
    if (fd_ < 0) Fail("no connection");
    if (options.tls != nullptr) {
      tls_ = std::make_unique<TlsClient>(fd_, options.cas, *options.tls);
      if (!tls_->Handshake()) Fail("no TLS");
    }
    // The preface is not a server's: the scanner begins with frames.
    absl::string_view preface = kClientMagic;
    scanner_.Next(preface);
    Write(absl::StrCat(
        kClientMagic,
        Frame(kSettings, 0, 0, BigEndian(4, 2) + BigEndian(kWidest, 4)),
        Frame(kWindowUpdate, 0, 0, BigEndian(kWidest - 65'535, 4)),
        Frame(kSettings, kAck, 0)));
  }
  ~Connection() {
    if (tls_ == nullptr) close(fd_);
  }

  // Begins so many calls.
  void Begin(int count) {
    if (count == 0) return;
    std::string said;
    for (int i = 0; i < count; ++i) {
      const uint32_t id = next_stream_;
      next_stream_ += 2;
      absl::StrAppend(&said,
                      Frame(kHeaders, kEndHeaders, id,
                            id == 1 ? first_ : RepeatedRequest()),
                      Frame(kData, kEndStream, id, body_));
    }
    Write(said);
  }

  // Takes what is there; how many calls have ended by it.
  int Take() {
    const std::string heard = Read();
    if (heard.empty()) Fail("the server has closed");
    int ended = 0;
    absl::string_view rest = heard;
    while (!rest.empty()) {
      const FrameScanner::Piece piece = scanner_.Next(rest);
      if (!piece.header.has_value()) continue;
      if (piece.header->type == kRstStream || piece.header->type == kGoaway)
        Fail("a call failed");
      if (piece.header->type == kPing && (piece.header->flags & kAck) == 0)
        Write(Frame(kPing, kAck, 0, "12345678"));
      if (piece.header->type == kHeaders &&
          (piece.header->flags & kEndStream) != 0)
        ++ended;
    }
    return ended;
  }

  int fd() const { return fd_; }

 private:
  void Write(absl::string_view bytes) {
    if (tls_ != nullptr) {
      if (!tls_->Write(bytes)) Fail("the server has closed");
      return;
    }
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) Fail("the server has closed");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  std::string Read() {
    if (tls_ != nullptr) return tls_->Read(16 << 10);
    std::string out(64 << 10, '\0');
    const ssize_t count = recv(fd_, out.data(), out.size(), 0);
    out.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    return out;
  }

  const std::string first_;
  const std::string body_;
  int fd_;
  std::unique_ptr<TlsClient> tls_;
  FrameScanner scanner_;
  uint32_t next_stream_ = 1;
};

RawLoad::RawLoad(const Options& options) : in_flight_(options.in_flight) {
  for (int i = 0; i < options.connections; ++i)
    connections_.push_back(std::make_unique<Connection>(options));
}

RawLoad::~RawLoad() = default;

RawLoad::Pace RawLoad::Run(absl::Duration time) {
  std::vector<pollfd> waits;
  for (const auto& connection : connections_)
    waits.push_back({connection->fd(), POLLIN, 0});
  const absl::Time begin = absl::Now();
  const absl::Duration all_before = CpuOf(RUSAGE_SELF);
  const absl::Duration own_before = CpuOf(RUSAGE_THREAD);
  int64_t ended = 0;
  std::vector<int> running(connections_.size(), in_flight_);
  for (const auto& connection : connections_) connection->Begin(in_flight_);
  absl::Time now = begin;
  bool more = true;
  while (true) {
    if (poll(waits.data(), waits.size(), 10'000) < 1) Fail("no answer");
    now = absl::Now();
    more = more && now - begin < time;
    int left = 0;
    for (size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].revents != 0) {
        const int done = connections_[i]->Take();
        ended += done;
        running[i] -= done;
        if (more) {
          connections_[i]->Begin(done);
          running[i] += done;
        }
      }
      left += running[i];
    }
    if (left == 0) break;
  }
  const absl::Duration cpu =
      (CpuOf(RUSAGE_SELF) - all_before) - (CpuOf(RUSAGE_THREAD) - own_before);
  return {static_cast<double>(ended) / absl::ToDoubleSeconds(now - begin),
          absl::ToDoubleMicroseconds(cpu) / static_cast<double>(ended)};
}

}  // namespace wxident
