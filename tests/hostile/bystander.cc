#include "tests/hostile/bystander.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/base/own_channel.h"

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

Bystander::Bystander(const std::string& addr)
    : stub_(v1::IdentityService::NewStub(OwnChannel(addr))),
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

Bystander::Seen Bystander::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  called_.wait(lock, [this] { return !times_.empty(); });
  Seen seen;
  seen.calls = static_cast<int>(times_.size());
  seen.failure = std::exchange(failure_, "");
  const auto p99 = times_.begin() + (times_.size() - 1) * 99 / 100;
  std::nth_element(times_.begin(), p99, times_.end());
  seen.p99 = *p99;
  times_.clear();
  return seen;
}

grpc::Status CallAnew(const std::string& addr, absl::Duration timeout) {
  return Validate(*v1::IdentityService::NewStub(OwnChannel(addr)), timeout);
}

}  // namespace wxident
