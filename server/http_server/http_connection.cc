#include "server/http_server/http_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/http_server/response_text.h"

namespace wxident {
namespace {

constexpr size_t kReadSize = 16 << 10;
// What is read and thrown away at once of a client that has been told to go.
constexpr int kMaxDiscards = 4;
constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool MayComeLater() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

HttpConnection::HttpConnection(uint64_t id, UniqueFd fd, Peer peer,
                               const Limits& limits, EventLoop& loop,
                               Owner& owner)
    : id_(id),
      fd_(std::move(fd)),
      peer_(std::move(peer)),
      limits_(limits),
      loop_(loop),
      owner_(owner),
      reader_(limits.request) {
  Enter(State::kReading, limits_.request_time);
  events_ = EPOLLIN;
  loop_.Watch(fd_.get(), events_, this);
}

void HttpConnection::OnReady(uint32_t events) {
  switch (state_) {
    case State::kReading:
      return Read();
    case State::kAnswering:
      // The client has gone altogether; the answer will find nobody.
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) End("");
      return;
    case State::kWriting:
      return Write();
    case State::kLingering:
      return Discard();
    case State::kEnded:
      return;
  }
}

void HttpConnection::OnTime() {
  if (loop_.now() < until_) return;
  switch (state_) {
    case State::kReading:
      if (begun_) return Refuse(408, "the request did not come in time");
      return End(requests_ == 0 ? "slow" : "");
    case State::kWriting:
      return End("unread");
    case State::kLingering:
      return End(violation_);
    case State::kAnswering:
    case State::kEnded:
      return;
  }
}

void HttpConnection::Read() {
  std::array<char, kReadSize> bytes;
  const ssize_t count =
      recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && MayComeLater()) return;
  if (count <= 0) return End("");
  reader_.Feed({bytes.data(), static_cast<size_t>(count)});
  Advance();
}

void HttpConnection::Advance() {
  if (state_ != State::kReading) return;
  const std::optional<WebRequest> request = reader_.Next();
  if (request.has_value()) {
    begun_ = false;
    ++requests_;
    keep_alive_ = request->keep_alive && requests_ < limits_.requests;
    wants_body_ = request->method != "HEAD";
    Enter(State::kAnswering, absl::InfiniteDuration());
    owner_.OnRequest(*this, *request);
    if (state_ == State::kAnswering) WaitFor(0);
    return;
  }
  if (reader_.refusal().has_value())
    return Refuse(reader_.refusal()->status, reader_.refusal()->what);
  if (reader_.begun() && !std::exchange(begun_, true))
    until_ = loop_.now() + limits_.request_time;
  // A client whose socket takes no 25 bytes does without.
  if (reader_.TakeContinue())
    send(fd_.get(), kContinue.data(), kContinue.size(),
         MSG_DONTWAIT | MSG_NOSIGNAL);
}

void HttpConnection::Refuse(int status, const std::string& what) {
  violation_ = status == 408 ? "slow" : "protocol";
  keep_alive_ = false;
  Send({.status = status, .body = absl::StrCat(what, "\n")}, true);
}

void HttpConnection::Answer(const WebResponse& response) {
  Send(response, wants_body_);
}

void HttpConnection::Send(const WebResponse& response, bool with_body) {
  out_ = ResponseText(response, with_body, keep_alive_, absl::Now());
  sent_ = 0;
  Enter(State::kWriting, limits_.answer_time);
  Write();
}

void HttpConnection::Write() {
  while (sent_ < out_.size()) {
    const ssize_t count = send(fd_.get(), out_.data() + sent_, unsent(),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && MayComeLater()) return WaitFor(EPOLLOUT);
    if (count < 0) return End(violation_);
    sent_ += static_cast<size_t>(count);
    since_ = loop_.now();
  }
  OnWritten();
}

void HttpConnection::OnWritten() {
  out_ = {};
  sent_ = 0;
  if (!keep_alive_) return Linger();
  begun_ = reader_.begun();
  Enter(State::kReading, begun_ ? limits_.request_time : limits_.idle_time);
  WaitFor(EPOLLIN);
  // Others have their turn before the next request.
  if (begun_) loop_.Defer([this] { Advance(); });
}

void HttpConnection::Linger() {
  // Closed at once, with something unread, the connection would be reset, and
  // the client lose what we said last.
  shutdown(fd_.get(), SHUT_WR);
  Enter(State::kLingering, kLingerTime);
  WaitFor(EPOLLIN);
  Discard();
}

void HttpConnection::Discard() {
  std::array<char, kReadSize> bytes;
  for (int i = 0; i < kMaxDiscards; ++i) {
    const ssize_t count =
        recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && MayComeLater()) return;
    if (count <= 0) return End(violation_);
  }
}

void HttpConnection::End(absl::string_view violation) {
  if (state_ == State::kEnded) return;
  violation_ = violation;
  state_ = State::kEnded;
  loop_.Unwatch(fd_.get());
  owner_.OnEnded(*this);
}

void HttpConnection::Enter(State state, absl::Duration time) {
  state_ = state;
  since_ = loop_.now();
  until_ = since_ + time;
}

void HttpConnection::WaitFor(uint32_t events) {
  if (std::exchange(events_, events) != events)
    loop_.Rewatch(fd_.get(), events, this);
}

}  // namespace wxident
