#include "server/edge/stream.h"

#include "server/edge/wire.h"

namespace wxident {

Stream::~Stream() {
  if (timer_.has_value()) calls_.loop.Cancel(*timer_);
}

void Stream::OnHead(const EdgeMethod* method,
                    const NoSuchMethod* no_such_method) {
  http_status_ = head_.HttpStatus();
  if (http_status_ != 200) return End({});
  if (head_.status().code() == absl::StatusCode::kUnimplemented)
    return End({.code = absl::StatusCode::kUnimplemented,
                .message = std::string(head_.status().message()),
                .trailers = {{"grpc-accept-encoding", "identity"}}});
  if (!head_.status().ok()) return Refuse(head_.status());
  if (method == nullptr && no_such_method != nullptr &&
      *no_such_method != nullptr)
    return End((*no_such_method)(*this));
  if (method == nullptr)
    return Refuse(absl::UnimplementedError("there is no such method"));
  method_ = method;
  if (head_.timeout().has_value()) deadline_ = arrived_ + *head_.timeout();
  if (method_->takes_stream) Start();
}

void Stream::OnData(absl::string_view bytes) {
  if (status_.has_value()) return;
  const absl::Status read =
      reader_.Read(bytes, [this](absl::string_view m) { return OnMessage(m); });
  if (!read.ok()) Refuse(read);
}

bool Stream::OnMessage(absl::string_view message) {
  if (method_->takes_stream) {
    // Each message may ask for as much as a call does.
    if (handler_ != nullptr && !session_->HasRoom())
      RefuseForRoom();
    else if (handler_ != nullptr)
      handler_->OnMessage(message);
  } else if (has_request_) {
    Refuse(absl::InternalError("the method takes one message, more have come"));
  } else {
    has_request_ = true;
    request_ = std::string(message);
  }
  return !status_.has_value();
}

void Stream::OnHalfClose() {
  half_closed_ = true;
  if (status_.has_value()) return;
  if (reader_.kept() > 0)
    return Refuse(absl::InternalError("the request ends within a message"));
  if (method_->takes_stream) {
    if (handler_ != nullptr) handler_->OnHalfClose();
    return;
  }
  if (!has_request_)
    return Refuse(absl::InternalError("the request holds no message"));
  Start();
  if (handler_ == nullptr) return;
  const std::string request = std::exchange(request_, {});
  handler_->OnMessage(request);
  if (handler_ != nullptr) handler_->OnHalfClose();
  WaitForDeadline();
}

void Stream::Start() {
  if (deadline_ <= calls_.loop.now()) return OnDeadline();
  ++calls_.unfinished;
  handler_ = method_->start(*this);
  if (method_->takes_stream) WaitForDeadline();
}

void Stream::Refuse(const absl::Status& status) {
  if (status_.has_value()) return;
  End({.code = status.code(), .message = std::string(status.message())});
  Cancel();
}

void Stream::RefuseForRoom() {
  Refuse(absl::ResourceExhaustedError(
      "too many answers wait to be read by this client"));
}

void Stream::OnTime() {
  if (!status_.has_value() && deadline_ <= calls_.loop.now()) OnDeadline();
}

void Stream::OnDrain() {
  if (handler_ == nullptr || status_.has_value() || cancelled_) return;
  if (!std::exchange(drained_, true)) handler_->OnDrain();
}

void Stream::OnBodyTaken() {
  if (handler_ != nullptr && !status_.has_value()) handler_->OnWritten();
}

bool Stream::OnClosed() {
  if (!body().empty()) session_->Waiting(-static_cast<int64_t>(body().size()));
  session_ = nullptr;
  if (timer_.has_value()) {
    calls_.loop.Cancel(*timer_);
    timer_.reset();
  }
  Cancel();
  owns_itself_ = handler_ != nullptr;
  return !owns_itself_;
}

bool Stream::MayDoNow() const {
  return calls_.loop.IsCurrent() && posted_ == 0;
}

void Stream::DoLater(EventLoop::Task task) {
  ++posted_;
  calls_.loop.Post([this, task = std::move(task)]() mutable {
    --posted_;
    // It may be the call's last.
    std::move(task)();
  });
}

void Stream::AddInitialMetadata(absl::string_view name,
                                absl::string_view value) {
  if (MayDoNow()) {
    initial_metadata_.emplace_back(name, value);
    return;
  }
  DoLater([this, name = std::string(name), value = std::string(value)] {
    initial_metadata_.emplace_back(name, value);
  });
}

void Stream::Write(std::string message) {
  if (MayDoNow()) return DoWrite(message);
  DoLater([this, message = std::move(message)] { DoWrite(message); });
}

void Stream::Finish(CallStatus status) {
  if (MayDoNow()) return DoFinish(std::move(status));
  DoLater([this, status = std::move(status)]() mutable {
    DoFinish(std::move(status));
  });
}

void Stream::Reply(std::string message) {
  if (MayDoNow()) return DoReply(message);
  DoLater([this, message = std::move(message)] { DoReply(message); });
}

void Stream::DoWrite(absl::string_view message) {
  if (session_ == nullptr || status_.has_value()) return;
  Append(message);
  if (std::exchange(begun_, true))
    session_->Resume(*this);
  else
    session_->Begin(*this);
}

void Stream::DoFinish(CallStatus status) {
  End(std::move(status));
  DropHandler();
}

void Stream::DoReply(absl::string_view message) {
  if (session_ != nullptr && !status_.has_value()) Append(message);
  DoFinish({});
}

void Stream::Append(absl::string_view message) {
  const size_t before = body_.size();
  AppendMessagePrefix(message.size(), body_);
  body_.append(message.data(), message.size());
  session_->Waiting(static_cast<int64_t>(body_.size() - before));
}

void Stream::End(CallStatus status) {
  if (status_.has_value()) return;
  status_ = std::move(status);
  if (session_ == nullptr) return;
  if (std::exchange(begun_, true))
    session_->Resume(*this);
  else
    session_->Begin(*this);
}

void Stream::Take(size_t bytes) {
  taken_ += bytes;
  session_->Waiting(-static_cast<int64_t>(bytes));
  if (taken_ < body_.size()) return;
  body_ = {};
  taken_ = 0;
}

void Stream::WaitForDeadline() {
  if (handler_ == nullptr || status_.has_value() || timer_.has_value() ||
      deadline_ == absl::InfiniteDuration())
    return;
  timer_ = calls_.loop.RunAt(deadline_, [this] {
    timer_.reset();
    OnDeadline();
  });
}

void Stream::OnDeadline() {
  Refuse(absl::DeadlineExceededError("the deadline has passed"));
}

void Stream::Cancel() {
  if (handler_ == nullptr || cancelled_.exchange(true)) return;
  handler_->OnCancel();
}

void Stream::DropHandler() {
  if (timer_.has_value()) {
    calls_.loop.Cancel(*timer_);
    timer_.reset();
  }
  --calls_.unfinished;
  // It may be what has called this.
  calls_.loop.Defer([handler = std::move(handler_)] {});
  if (owns_itself_) calls_.loop.Defer([this] { delete this; });
}

}  // namespace wxident
