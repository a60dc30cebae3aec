#ifndef WXIDENT_TESTS_STORE_CREDENTIAL_CONTRACT_H_
#define WXIDENT_TESTS_STORE_CREDENTIAL_CONTRACT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/store/credential_store.h"
#include "tests/store/store_contract.h"

namespace wxident {

// Leases are of 10 s, values live for 2 h and are due 5 min before that.
class CredentialStoreContract : public StoreContract {
 protected:
  using ForcedAnswer = CredentialStore::ForcedAnswer;

  static constexpr absl::Duration kTerm = absl::Seconds(10);
  static constexpr absl::Duration kLife = absl::Hours(2);
  static constexpr absl::Duration kUntilRefresh = absl::Minutes(115);

  CredentialStore& store() { return harness_->credentials(); }

  static CredentialKey Stable(const std::string& app_id = "wx1") {
    return {app_id, CredentialKind::kStableToken};
  }
  static CredentialKey Ordinary(const std::string& app_id = "wx1") {
    return {app_id, CredentialKind::kOrdinaryToken};
  }
  static CredentialKey Ticket(const std::string& app_id = "wx1") {
    return {app_id, CredentialKind::kJsapiTicket};
  }

  std::vector<CredentialState> ReadAll(std::vector<KnownCredential> known) {
    return Must<std::vector<CredentialState>>([&](auto done) {
      store().Read(std::move(known), Soon(), std::move(done));
    });
  }
  CredentialState Read(const CredentialKey& key, int64_t known = 0) {
    auto states = ReadAll({{key, known}});
    EXPECT_EQ(states.size(), 1u);
    return states.size() == 1 ? states[0] : CredentialState();
  }
  // Empty when there is none, or it is known.
  static std::string ValueOf(const CredentialState& state) {
    EXPECT_TRUE(state.value.ok()) << state.value.status();
    return state.value.ok() ? state.value->Expose() : "an error";
  }

  LeaseRequest Ask(const CredentialKey& key, int64_t known) {
    LeaseRequest request;
    request.key = key;
    request.known_generation = known;
    request.term = kTerm;
    request.attempt = random_.Bytes(16);
    return request;
  }
  // For a fetch whatever time is left.
  LeaseRequest AskToReplace(const CredentialKey& key, int64_t known) {
    LeaseRequest request = Ask(key, known);
    request.replace = true;
    return request;
  }
  LeaseRequest AskByForce(const CredentialKey& key, int64_t known) {
    LeaseRequest request = AskToReplace(key, known);
    request.forced = true;
    return request;
  }
  LeaseAnswer Acquire(const LeaseRequest& request) {
    return AcquireFrom(store(), request);
  }
  LeaseAnswer AcquireFrom(CredentialStore& from, const LeaseRequest& request) {
    return Must<LeaseAnswer>(
        [&](auto done) { from.Acquire(request, Soon(), std::move(done)); });
  }
  // The fence of a lease that must be given; 0 when it is not.
  int64_t MustAcquire(const LeaseRequest& request) {
    const LeaseAnswer answer = Acquire(request);
    EXPECT_TRUE(answer.fence.has_value());
    return answer.fence.value_or(0);
  }

  ForcedAnswer CountForced(const CredentialKey& key, int64_t fence) {
    return Must<ForcedAnswer>([&](auto done) {
      store().CountForced(key, fence, kTerm, Soon(), std::move(done));
    });
  }

  // nullopt: the value of the present generation.
  static FetchedCredential Fetched(const std::optional<std::string>& value) {
    FetchedCredential fetched;
    if (value.has_value()) fetched.value = Secret(*value);
    fetched.life = kLife;
    fetched.until_refresh = kUntilRefresh;
    return fetched;
  }
  SaveAnswer Save(const CredentialKey& key, int64_t fence, int64_t known,
                  const FetchedCredential& fetched) {
    return Must<SaveAnswer>([&](auto done) {
      store().Save(key, fence, known, fetched, Soon(), std::move(done));
    });
  }
  SaveAnswer Save(const CredentialKey& key, int64_t fence, int64_t known,
                  const std::optional<std::string>& value) {
    return Save(key, fence, known, Fetched(value));
  }
  // A lease and what was fetched under it; the fence.
  int64_t Fetch(const CredentialKey& key, int64_t known,
                const std::string& value) {
    const int64_t fence = MustAcquire(AskToReplace(key, known));
    EXPECT_TRUE(Save(key, fence, known, value).kept);
    return fence;
  }

  static CredentialFailure Failure(absl::Duration pause = absl::Seconds(2)) {
    CredentialFailure failure;
    failure.reason = "WECHAT_BUSY";
    failure.errcode = "-1";
    failure.pause = pause;
    return failure;
  }
  void Fail(const CredentialKey& key, int64_t fence,
            const CredentialFailure& failure) {
    EXPECT_TRUE(AwaitStatus([&](DoneStatus done) {
                  store().Fail(key, fence, failure, Soon(), std::move(done));
                }).ok());
  }

  // Whether a time that the database reckons is what it was set to, less what
  // the test itself has taken.
  static ::testing::AssertionResult About(absl::Duration left,
                                          absl::Duration set) {
    if (left <= set && left > set - absl::Seconds(9))
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << absl::FormatDuration(left) << " of " << absl::FormatDuration(set);
  }
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_CREDENTIAL_CONTRACT_H_
