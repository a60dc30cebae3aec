#include "bench/peers/load.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

using Call = H2Connection::Call;

constexpr absl::Duration kSilence = absl::Seconds(15);

int64_t Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}
int64_t NowNs() { return Now(CLOCK_MONOTONIC); }

// gRPC's prefix (not compressed, the size in 4 bytes) and the message.
std::string Framed(const std::string& message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(message.size() >> shift & 0xff));
  return out + message;
}

class Run {
 public:
  explicit Run(const LoadOptions& options)
      : options_(options), calls_(options.in_flight) {
    for (const std::string& message : options.requests)
      requests_.push_back(Framed(message));
  }
  ~Run() {
    if (epoll_ >= 0) close(epoll_);
  }

  absl::StatusOr<LoadResult> Whole() {
    WX_RETURN_IF_ERROR(Connect());
    WX_RETURN_IF_ERROR(CheckLimits());
    for (size_t i = 0; i < calls_.size(); ++i) {
      calls_[i].connection = connections_[i % connections_.size()].get();
      StartNext(calls_[i]);
    }
    WX_RETURN_IF_ERROR(LoopFor(options_.warm_up));
    options_.on_begin();
    measuring_ = true;
    const int64_t began = NowNs();
    const int64_t cpu_began = Now(CLOCK_THREAD_CPUTIME_ID);
    WX_RETURN_IF_ERROR(LoopFor(options_.time));
    measuring_ = false;
    result_.took = absl::Nanoseconds(NowNs() - began);
    result_.own_cpu =
        absl::Nanoseconds(Now(CLOCK_THREAD_CPUTIME_ID) - cpu_began);
    result_.ran_out = RanOut();
    options_.on_end();
    stopping_ = true;
    WX_RETURN_IF_ERROR(LoopFor(kSilence));
    if (running_ > 0) return NoAnswers();
    Sum();
    return std::move(result_);
  }

 private:
  absl::Status Connect() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    const size_t count = std::min(options_.connections, calls_.size());
    for (size_t i = 0; i < count; ++i) {
      WX_ASSIGN_OR_RETURN(
          std::unique_ptr<H2Connection> made,
          H2Connection::Connect(options_.host, options_.port, options_.path,
                                options_.tls,
                                [this](Call& call) { OnEnd(call); }));
      Watch(*made, EPOLL_CTL_ADD);
      connections_.push_back(std::move(made));
    }
    return absl::OkStatus();
  }

  void Watch(H2Connection& connection, int operation) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (connection.wants_to_write()) event.events |= EPOLLOUT;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, operation, connection.fd(), &event);
  }

  bool RanOut() const {
    return options_.each_once && next_ == requests_.size();
  }

  void StartNext(Call& call) {
    if (stopping_ || RanOut()) return;
    call.request = requests_[next_];
    if (++next_ == requests_.size() && !options_.each_once) next_ = 0;
    call.began_ns = NowNs();
    if (absl::Status started = call.connection->Start(call); started.ok())
      ++running_;
    else if (broken_.ok())
      broken_ = std::move(started);
  }

  void OnEnd(Call& call) {
    --running_;
    last_answer_ns_ = NowNs();
    if (measuring_) {
      if (const int status = call.Status(); status != 0) {
        ++result_.failed[status];
      } else {
        took_ns_.push_back(last_answer_ns_ - call.began_ns);
        const size_t size = call.AnswerSize();
        result_.least_answer =
            took_ns_.size() == 1 ? size : std::min(result_.least_answer, size);
        result_.largest_answer = std::max(result_.largest_answer, size);
      }
    }
    StartNext(call);
  }

  // Until the time is over, or nothing runs that could lead to more.
  absl::Status LoopFor(absl::Duration time) {
    const int64_t end = NowNs() + absl::ToInt64Nanoseconds(time);
    last_answer_ns_ = NowNs();
    WX_RETURN_IF_ERROR(FlushAll());
    while (running_ > 0) {
      const int64_t now = NowNs();
      if (now >= end) return absl::OkStatus();
      if (absl::Nanoseconds(now - last_answer_ns_) >= kSilence)
        return NoAnswers();
      epoll_event events[64];
      const int wait_ms = static_cast<int>(
          std::min<int64_t>((end - now + 999'999) / 1'000'000, 1'000));
      const int count = epoll_wait(epoll_, events, std::size(events), wait_ms);
      if (count < 0 && errno != EINTR)
        return absl::InternalError("epoll_wait fails");
      for (int i = 0; i < count; ++i) {
        auto& connection = *static_cast<H2Connection*>(events[i].data.ptr);
        if ((events[i].events & ~EPOLLOUT) != 0)
          WX_RETURN_IF_ERROR(connection.Read());
        WX_RETURN_IF_ERROR(Flush(connection));
      }
      WX_RETURN_IF_ERROR(broken_);
    }
    return absl::OkStatus();
  }

  absl::Status Flush(H2Connection& connection) {
    const bool waited = connection.wants_to_write();
    WX_RETURN_IF_ERROR(connection.Flush());
    if (connection.wants_to_write() != waited) Watch(connection, EPOLL_CTL_MOD);
    return absl::OkStatus();
  }

  absl::Status FlushAll() {
    for (const auto& connection : connections_)
      WX_RETURN_IF_ERROR(Flush(*connection));
    return broken_;
  }

  // nghttp2 would hold back what the server does not allow.
  absl::Status CheckLimits() const {
    const size_t each =
        (calls_.size() + connections_.size() - 1) / connections_.size();
    for (const auto& connection : connections_)
      if (connection->MaxCalls() < each)
        return absl::FailedPreconditionError(absl::StrCat(
            "the server lets ", connection->MaxCalls(),
            " calls run on a connection, not ", each, "; give more of them"));
    return absl::OkStatus();
  }

  absl::Status NoAnswers() const {
    return absl::DeadlineExceededError(
        absl::StrCat(running_, " calls were not answered within ",
                     absl::FormatDuration(kSilence)));
  }

  void Sum() {
    result_.answered = took_ns_.size();
    if (took_ns_.empty()) return;
    std::sort(took_ns_.begin(), took_ns_.end());
    const auto at = [this](size_t percent) {
      return absl::Nanoseconds(took_ns_[(took_ns_.size() - 1) * percent / 100]);
    };
    result_.p50 = at(50);
    result_.p99 = at(99);
    result_.longest = at(100);
  }

  const LoadOptions& options_;
  std::vector<std::string> requests_;
  size_t next_ = 0;
  // Never grows: nghttp2 points into it.
  std::vector<Call> calls_;
  std::vector<std::unique_ptr<H2Connection>> connections_;
  int epoll_ = -1;
  size_t running_ = 0;
  int64_t last_answer_ns_ = 0;
  bool measuring_ = false;
  bool stopping_ = false;
  absl::Status broken_;
  std::vector<int64_t> took_ns_;
  LoadResult result_;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options) {
  if (options.requests.empty())
    return absl::InvalidArgumentError("there is no request");
  if (options.in_flight == 0 || options.connections == 0)
    return absl::InvalidArgumentError("calls and connections are at least 1");
  return Run(options).Whole();
}

}  // namespace wxident
