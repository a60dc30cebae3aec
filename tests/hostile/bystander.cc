#include "tests/hostile/bystander.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace wxident {
namespace {

// A fifth of the calls that one connection may have a second.
constexpr absl::Duration kPause = absl::Milliseconds(5);

grpc::Status Validate(v1::IdentityService::Stub& stub, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoMicroseconds(timeout));
  v1::ValidateSessionRequest request;
  // Of the right form, and nobody's.
  request.set_session_token("wxs1_" + std::string(43, 'A'));
  v1::ValidateSessionResponse response;
  return stub.ValidateSession(&context, request, &response);
}

}  // namespace

Bystander::Bystander(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::IdentityService::NewStub(channel)),
      thread_([this] { Call(); }) {}

Bystander::~Bystander() {
  ended_ = true;
  thread_.join();
}

void Bystander::Call() {
  while (!ended_) {
    const absl::Time began = absl::Now();
    const grpc::Status status = Validate(*stub_, absl::Seconds(10));
    const absl::Duration took = absl::Now() - began;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      times_.push_back(took);
      if (!status.ok() && failure_.empty())
        failure_ =
            absl::StrCat(status.error_code(), " ", status.error_message());
    }
    called_.notify_all();
    absl::SleepFor(kPause);
  }
}

size_t Bystander::calls() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return times_.size();
}

Bystander::Seen Bystander::Take(size_t least) {
  std::unique_lock<std::mutex> lock(mutex_);
  called_.wait(lock, [&] { return times_.size() >= least; });
  Seen seen;
  seen.calls = static_cast<int>(times_.size());
  seen.failure = std::exchange(failure_, "");
  std::sort(times_.begin(), times_.end());
  seen.p50 = times_[times_.size() / 2];
  seen.p99 = times_[(times_.size() - 1) * 99 / 100];
  times_.clear();
  return seen;
}

grpc::Status CallAnew(const std::shared_ptr<grpc::Channel>& channel,
                      absl::Duration timeout) {
  return Validate(*v1::IdentityService::NewStub(channel), timeout);
}

}  // namespace wxident
