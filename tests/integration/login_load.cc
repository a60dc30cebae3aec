#include "tests/integration/login_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace wxident {

double SecondsSince(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then)
      .count();
}

LoginLoad::LoginLoad(World& world, Wxidentd& server, int people)
    : server_(server) {
  for (int i = 0; i < people; ++i)
    codes_.push_back(
        world.sim().LoginCode(kMiniProgram, absl::StrCat("person", i)));
  for (int i = 0; i < 16; ++i) threads_.emplace_back([this] { Run(); });
}

LoginLoad::~LoginLoad() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void LoginLoad::Run() {
  while (true) {
    const size_t i = next_++;
    if (i >= codes_.size()) return;
    while (!stop_) {
      const Clock::time_point began = Clock::now();
      v1::LoginResponse response;
      const grpc::Status status = Login(server_.stub(), codes_[i], &response);
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (status.ok())
          tokens_.push_back(response.session_token());
        else
          failures_.push_back({began, SecondsSince(began), status.error_code(),
                               ReasonOf(status)});
      }
      changed_.notify_all();
      // Not so fast that all are in before anything happens to the database.
      std::this_thread::sleep_for(
          std::chrono::milliseconds(status.ok() ? 20 : 100));
      if (status.ok()) break;
    }
  }
}

bool LoginLoad::Await(const char* what, const std::function<size_t()>& count,
                      int more, size_t at_most) {
  std::unique_lock<std::mutex> lock(mutex_);
  const size_t until = std::min(count() + static_cast<size_t>(more), at_most);
  const bool came = changed_.wait_for(lock, std::chrono::minutes(1),
                                      [&] { return count() >= until; });
  EXPECT_TRUE(came) << "of " << more << " " << what << " " << until - count()
                    << " did not come";
  return came;
}

bool LoginLoad::AwaitLogins(int more) {
  return Await(
      "logins", [this] { return tokens_.size(); }, more, codes_.size());
}

bool LoginLoad::AwaitFailures(int more) {
  return Await(
      "failures", [this] { return failures_.size(); }, more,
      std::numeric_limits<size_t>::max());
}

void LoginLoad::AwaitAll() {
  size_t left;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    left = codes_.size() - tokens_.size();
  }
  AwaitLogins(static_cast<int>(left));
}

std::vector<LoginLoad::Failure> LoginLoad::failures() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

void LoginLoad::ExpectNoneLost(Wxidentd& server) const {
  std::lock_guard<std::mutex> lock(mutex_);
  EXPECT_EQ(tokens_.size(), codes_.size());
  int lost = 0;
  for (const std::string& token : tokens_) lost += !IsActive(server, token);
  EXPECT_EQ(lost, 0) << "of " << tokens_.size() << " acknowledged logins";
}

}  // namespace wxident
