#ifndef WXIDENT_TESTS_KEEPER_REPLICAS_H_
#define WXIDENT_TESTS_KEEPER_REPLICAS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/metrics.h"
#include "server/identity/error.h"
#include "server/keeper/token_manager.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_credential_store.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {

// Keepers of several replicas over one store and one WeChat; time passes only
// by Pass().
class Replicas {
 public:
  static constexpr char kStable[] = "wx00000000000000aa";
  static constexpr char kOrdinary[] = "wx00000000000000bb";
  static constexpr char kAccount[] = "wx00000000000000cc";

  using Answer = absl::StatusOr<AccessToken>;

  explicit Replicas(int count = 1) {
    for (int i = 0; i < count; ++i) Add();
  }

  void Add() {
    auto replica = std::make_unique<Replica>(data);
    replica->keeper = std::make_unique<TokenManager>(
        apps, wechat, replica->store, timer, clock, random, metrics);
    replica->keeper->Start();
    replicas_.push_back(std::move(replica));
  }
  // The process ends and begins anew.
  void Restart(int i) {
    replicas_.erase(replicas_.begin() + i);
    Add();
  }

  TokenManager& keeper(int i = 0) { return *replicas_[i]->keeper; }
  FakeCredentialStore& store(int i = 0) { return replicas_[i]->store; }
  int count() const { return static_cast<int>(replicas_.size()); }
  const App& app(const std::string& id) { return *apps.Find(id); }

  void Pass(absl::Duration time) {
    const absl::Duration end = clock.Monotonic() + time;
    // Hours need not pass in small steps.
    const absl::Duration step = time > absl::Hours(1) ? absl::Seconds(20)
                                : time >= absl::Minutes(1)
                                    ? absl::Seconds(2)
                                    : absl::Milliseconds(200);
    while (clock.Monotonic() < end) {
      clock.Advance(std::min(step, end - clock.Monotonic()));
      timer.RunDue();
    }
  }
  // Until every replica has read the store.
  void Hear() { Pass(absl::Milliseconds(400)); }

  // A deadline that does not pass.
  Deadline Later() { return Deadline::After(absl::Hours(100), clock); }

  // nullopt: not answered yet.
  std::shared_ptr<std::optional<Answer>> Ask(
      const std::string& id, int i = 0,
      const std::optional<Secret>& rejected = std::nullopt) {
    auto answer = std::make_shared<std::optional<Answer>>();
    keeper(i).Get(app(id), rejected, Later(),
                  [answer](Answer given) { *answer = std::move(given); });
    return answer;
  }
  Answer Get(const std::string& id, int i = 0,
             const std::optional<Secret>& rejected = std::nullopt) {
    auto answer = Ask(id, i, rejected);
    return answer->value_or(absl::UnavailableError("not answered"));
  }
  // "": none.
  std::string Token(const std::string& id, int i = 0) {
    const Answer answer = Get(id, i);
    return answer.ok() ? answer->token.Expose() : "";
  }
  Reason ReasonOfGet(const std::string& id, int i = 0) {
    return DetailsOf(Get(id, i).status()).reason;
  }
  std::shared_ptr<std::optional<Answer>> Refresh(const std::string& id,
                                                 int i = 0) {
    auto answer = std::make_shared<std::optional<Answer>>();
    keeper(i).Refresh(app(id),
                      [answer](Answer given) { *answer = std::move(given); });
    return answer;
  }

  FakeClock clock;
  FakeTimer timer{clock};
  FakeRandom random;
  Metrics metrics;
  FakeWechatApi wechat;
  FakeStoreData data{clock};
  Apps apps{{App{kStable, AppKind::kMiniProgram, "main", Secret("s"),
                 TokenMode::kStable},
             App{kOrdinary, AppKind::kMiniProgram, "main", Secret("s"),
                 TokenMode::kOrdinary},
             App{kAccount, AppKind::kOfficialAccount, "main", Secret("s"),
                 TokenMode::kStable}}};

 private:
  struct Replica {
    explicit Replica(FakeStoreData& data) : store(data) {}
    // Its own, so that it alone can lose the store.
    FakeCredentialStore store;
    std::unique_ptr<TokenManager> keeper;
  };
  std::vector<std::unique_ptr<Replica>> replicas_;
};

inline absl::Status Gone() {
  return Error(Reason::kWechatUnreachable, "gone").ToStatus();
}
inline absl::Status Lost() {
  return Error(Reason::kOutcomeUnknown, "lost").ToStatus();
}
inline absl::Status StoreAway() {
  return Error(Reason::kStoreUnavailable, "away").ToStatus();
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_KEEPER_REPLICAS_H_
