#include "bench/call_load.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace wxident {
namespace {

constexpr auto kRunTime = std::chrono::seconds(2);

// One caller that has the next call made as soon as the last one is answered.
class Caller {
 public:
  Caller(v1::IdentityService::Stub& stub, std::atomic<bool>& stop)
      : stub_(stub), stop_(stop) {
    request_.set_app_id(kBenchApp);
  }

  void Start() {
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.async()->GetAccessToken(
        context_.get(), &request_, &response_,
        [this](const grpc::Status& status) { OnAnswer(status); });
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return end_; });
  }
  int64_t answered = 0;

 private:
  void OnAnswer(const grpc::Status& status) {
    if (!status.ok() || response_.access_token().empty()) {
      std::fprintf(stderr, "a call failed: %s\n",
                   status.error_message().c_str());
      std::exit(1);
    }
    ++answered;
    if (!stop_.load(std::memory_order_relaxed)) return Start();
    std::lock_guard<std::mutex> lock(mutex_);
    end_ = true;
    ended_.notify_all();
  }

  v1::IdentityService::Stub& stub_;
  std::atomic<bool>& stop_;
  v1::GetAccessTokenRequest request_;
  v1::GetAccessTokenResponse response_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
};

double CpuUs() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return absl::ToDoubleMicroseconds(absl::DurationFromTimespec(used));
}

}  // namespace

CallLoad::CallLoad(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels) {
  for (const auto& channel : channels)
    stubs_.push_back(v1::IdentityService::NewStub(channel));
}

CallLoad::Pace CallLoad::Run(int callers) {
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<Caller>> all;
  for (int i = 0; i < callers; ++i)
    all.push_back(std::make_unique<Caller>(*stubs_[i % stubs_.size()], stop));
  const double cpu_began = CpuUs();
  const auto began = std::chrono::steady_clock::now();
  for (auto& caller : all) caller->Start();
  std::this_thread::sleep_for(kRunTime);
  stop = true;
  for (auto& caller : all) caller->Wait();
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - began;
  int64_t answered = 0;
  for (auto& caller : all) answered += caller->answered;
  return {static_cast<double>(answered) / took.count(),
          (CpuUs() - cpu_began) / static_cast<double>(answered)};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace wxident
