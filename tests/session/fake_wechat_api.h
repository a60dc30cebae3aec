#ifndef WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
#define WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// A WeChat with codes that work once and tokens that succeed each other. Errors
// are queued with FailNext; Hold() keeps answers back until Release(). Thread-
// safe.
class FakeWechatApi final : public WechatApi {
 public:
  void AddCode(const std::string& code, CodeSession session) {
    std::lock_guard<std::mutex> lock(mutex_);
    codes_[code] = std::move(session);
  }

  // The next call, of either kind, fails and has no effect.
  void FailNext(absl::Status error) {
    std::lock_guard<std::mutex> lock(mutex_);
    failures_.push_back(std::move(error));
  }

  void Hold() {
    std::lock_guard<std::mutex> lock(mutex_);
    hold_ = true;
  }

  // Gives the answers that were held back, and holds no more.
  void Release() {
    std::deque<std::function<void()>> held;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      hold_ = false;
      held.swap(held_);
    }
    for (auto& answer : held) answer();
  }

  int exchanges() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return exchanges_;
  }
  int fetches() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return fetches_;
  }
  int forced_fetches() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return forced_fetches_;
  }

  void ExchangeCode(const App& app, Secret code, Deadline deadline,
                    Done<CodeSession> done) override {
    (void)app;
    (void)deadline;
    absl::StatusOr<CodeSession> answer = absl::UnknownError("");
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++exchanges_;
      answer = Exchange(code.Expose());
    }
    Answer(std::move(answer), std::move(done));
  }

  void FetchToken(const App& app, bool force, Deadline deadline,
                  Done<FetchedToken> done) override {
    (void)deadline;
    absl::StatusOr<FetchedToken> answer = absl::UnknownError("");
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++fetches_;
      if (force) ++forced_fetches_;
      // stable_token repeats its token unless forced.
      if (force || app.token_mode == TokenMode::kOrdinary || tokens_ == 0)
        ++tokens_;
      answer = TakeFailure().ok()
                   ? absl::StatusOr<FetchedToken>(FetchedToken{
                         Secret(absl::StrCat("token_", tokens_)), expires_in})
                   : taken_;
    }
    Answer(std::move(answer), std::move(done));
  }

  // stable_token gives a new token from now on.
  void RotateToken() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++tokens_;
  }

  absl::Duration expires_in = absl::Hours(2);

 private:
  const absl::Status& TakeFailure() {
    taken_ = absl::OkStatus();
    if (!failures_.empty()) {
      taken_ = failures_.front();
      failures_.pop_front();
    }
    return taken_;
  }

  absl::StatusOr<CodeSession> Exchange(const std::string& code) {
    if (!TakeFailure().ok()) return taken_;
    auto found = codes_.find(code);
    if (found == codes_.end())
      return Error(Reason::kLoginCodeInvalid, "invalid code")
          .With("errcode", "40029")
          .ToStatus();
    if (!used_.insert(code).second)
      return Error(Reason::kLoginCodeConsumed, "code been used")
          .With("errcode", "40163")
          .ToStatus();
    return found->second;
  }

  template <typename T>
  void Answer(absl::StatusOr<T> answer, Done<T> done) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (hold_) {
        auto shared = std::make_shared<Done<T>>(std::move(done));
        held_.push_back([shared, answer = std::move(answer)] {
          std::move (*shared)(answer);
        });
        return;
      }
    }
    std::move(done)(std::move(answer));
  }

  mutable std::mutex mutex_;
  std::map<std::string, CodeSession> codes_;
  std::set<std::string> used_;
  std::deque<absl::Status> failures_;
  absl::Status taken_;
  bool hold_ = false;
  std::deque<std::function<void()>> held_;
  int exchanges_ = 0;
  int fetches_ = 0;
  int forced_fetches_ = 0;
  int tokens_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
