#ifndef WXIDENT_TESTS_FAKES_FAKE_TOKEN_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_TOKEN_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "server/store/token_store.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// TokenStore in memory. Completes inline. Thread-safe.
class FakeTokenStore final : public TokenStore, public FakeFailure {
 public:
  explicit FakeTokenStore(FakeStoreData& data) : data_(data) {}

  void LoadToken(std::string app_id, TokenMode mode, Deadline deadline,
                 Done<std::optional<AccessToken>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Load(app_id, mode));
  }

  void SaveToken(std::string app_id, TokenMode mode, AccessToken token,
                 Deadline deadline, DoneStatus done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    Save(app_id, mode, std::move(token));
    std::move(done)(absl::OkStatus());
  }

 private:
  std::optional<AccessToken> Load(const std::string& app_id, TokenMode mode) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.tokens.find({app_id, mode});
    if (found == data_.tokens.end()) return std::nullopt;
    return found->second;
  }

  void Save(const std::string& app_id, TokenMode mode, AccessToken token) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const auto found = data_.tokens.find({app_id, mode});
    if (found != data_.tokens.end() &&
        found->second.generation >= token.generation)
      return;
    data_.tokens[{app_id, mode}] = std::move(token);
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_TOKEN_STORE_H_
