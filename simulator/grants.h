#ifndef WXIDENT_SIMULATOR_GRANTS_H_
#define WXIDENT_SIMULATOR_GRANTS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "simulator/apps.h"
#include "simulator/maker.h"
#include "simulator/settings.h"

namespace wxident::simulator {

// What a person let an app do by one OAuth code, with the tokens for it.
struct Grant {
  enum class State {
    kLive,
    // The person took the permission back, or a later grant took its place.
    kRevoked,
    kPasswordChanged,
  };

  std::string app_id;
  std::string user;
  // As the code exchange told it; of a snapshot user a made-up one.
  std::string openid;
  std::string scope;
  bool snapshot = false;

  std::string access_token;
  absl::Time access_expires_at;
  std::string refresh_token;
  absl::Time refresh_expires_at;
  State refresh_state = State::kLive;
  State access_state = State::kLive;
};

// The grants of all people, by their tokens. These have nothing in common with
// the tokens of apps. Not thread-safe.
class Grants {
 public:
  // `maker` and `settings` must outlive this.
  Grants(const Maker& maker, const Settings& settings)
      : maker_(maker), settings_(settings) {}

  // A new grant; the tokens and times of `grant` are filled in. Earlier ones of
  // the person live on, but for the setting base_grant_replaces_refresh_token.
  const Grant& Add(Grant grant, AppKind kind, absl::Time now);

  // A living access_token lives on; an expired one gets a successor.
  void Refresh(Grant& grant, absl::Time now);

  // nullptr for what is no access_token, or no refresh_token, of a user.
  Grant* FindByAccessToken(const std::string& token);
  Grant* FindByRefreshToken(const std::string& token);

  // The person's grants in the app, oldest first.
  std::vector<Grant*> Of(const std::string& app_id, const std::string& user);
  // In all apps.
  std::vector<Grant*> OfUser(const std::string& user);

  size_t size() const { return size_; }

  // Every access_token and refresh_token ever issued.
  std::vector<std::string> AllTokens() const;

 private:
  // Bounds the memory of a long load test: beyond it a person's oldest grant
  // in an app is forgotten.
  static constexpr size_t kMaxPerMember = 100;

  struct Kept {
    Grant grant;
    // Every access_token it has had.
    std::vector<std::string> access_tokens;
  };
  // Of one person in one app.
  struct Line {
    std::deque<std::unique_ptr<Kept>> grants;
    uint64_t access_tokens = 0;
    uint64_t refresh_tokens = 0;
  };

  void IssueAccessToken(Kept& kept, Line& line, absl::Time now);
  void Forget(const Kept& kept);

  const Maker& maker_;
  const Settings& settings_;
  // By user, then app.
  std::map<std::string, std::map<std::string, Line>> lines_;
  std::unordered_map<std::string, Kept*> by_access_token_;
  std::unordered_map<std::string, Kept*> by_refresh_token_;
  size_t size_ = 0;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_GRANTS_H_
