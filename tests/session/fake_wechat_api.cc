#include "tests/session/fake_wechat_api.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

absl::Status Refusal(Reason reason, const std::string& what,
                     const std::string& errcode) {
  return Error(reason, what).With("errcode", errcode).ToStatus();
}

absl::Status UnknownCode() {
  return Refusal(Reason::kLoginCodeInvalid, "invalid code", "40029");
}

}  // namespace

void FakeWechatApi::AddCode(const std::string& code, CodeSession session) {
  std::lock_guard<std::mutex> lock(mutex_);
  codes_[code] = std::move(session);
}

void FakeWechatApi::AddOauthCode(const std::string& code,
                                 OauthSession session) {
  std::lock_guard<std::mutex> lock(mutex_);
  oauth_codes_[code] = std::move(session);
}

void FakeWechatApi::AddSnapshotCode(const std::string& code) {
  std::lock_guard<std::mutex> lock(mutex_);
  snapshot_codes_.insert(code);
}

void FakeWechatApi::AddGrant(const OauthSession& session) {
  std::lock_guard<std::mutex> lock(mutex_);
  Grant(session);
}

void FakeWechatApi::ExpireOauthToken(const Secret& access_token) {
  std::lock_guard<std::mutex> lock(mutex_);
  oauth_tokens_.erase(access_token.Expose());
}

void FakeWechatApi::EndGrant(const Secret& refresh_token) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = grants_.find(refresh_token.Expose());
  if (found == grants_.end()) return;
  const std::string openid = found->second.openid;
  grants_.erase(found);
  for (auto it = oauth_tokens_.begin(); it != oauth_tokens_.end();)
    it = it->second.openid == openid ? oauth_tokens_.erase(it) : ++it;
}

void FakeWechatApi::SetOauthProfile(FetchedProfile profile) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string openid = profile.openid;
  oauth_profiles_[std::move(openid)] = std::move(profile);
}

void FakeWechatApi::SetFollower(FetchedProfile profile) {
  std::lock_guard<std::mutex> lock(mutex_);
  profile.profile.subscribe = true;
  std::string openid = profile.openid;
  followers_[std::move(openid)] = std::move(profile);
}

void FakeWechatApi::Unfollow(const std::string& openid) {
  std::lock_guard<std::mutex> lock(mutex_);
  followers_.erase(openid);
}

void FakeWechatApi::DisownFollower(const std::string& openid) {
  std::lock_guard<std::mutex> lock(mutex_);
  disowned_.insert(openid);
}

void FakeWechatApi::AddPhoneCode(const std::string& code, std::string openid,
                                 Phone phone) {
  std::lock_guard<std::mutex> lock(mutex_);
  phone_codes_[code] = {std::move(openid), std::move(phone)};
}

void FakeWechatApi::SetSessionKey(const std::string& openid,
                                  Secret session_key) {
  std::lock_guard<std::mutex> lock(mutex_);
  session_keys_[openid] = std::move(session_key);
}

void FakeWechatApi::DropSessionKey(const std::string& openid) {
  std::lock_guard<std::mutex> lock(mutex_);
  session_keys_.erase(openid);
}

void FakeWechatApi::RefuseToken(const std::string& token) {
  std::lock_guard<std::mutex> lock(mutex_);
  refused_tokens_.insert(token);
}

void FakeWechatApi::RotateToken() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++tokens_;
}

void FakeWechatApi::SetBreakers(const std::string& app_id,
                                std::vector<Breaker> breakers) {
  std::lock_guard<std::mutex> lock(mutex_);
  breakers_[app_id] = std::move(breakers);
}

void FakeWechatApi::FailNext(absl::Status error) {
  std::lock_guard<std::mutex> lock(mutex_);
  failures_.push_back(std::move(error));
}

void FakeWechatApi::FailNextAt(const std::string& endpoint,
                               absl::Status error) {
  std::lock_guard<std::mutex> lock(mutex_);
  failures_at_[endpoint].push_back(std::move(error));
}

int FakeWechatApi::calls(const std::string& endpoint) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = calls_.find(endpoint);
  return found == calls_.end() ? 0 : found->second;
}

int FakeWechatApi::forced_fetches() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return forced_fetches_;
}

std::vector<std::string> FakeWechatApi::used_tokens() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return used_tokens_;
}

std::vector<std::vector<std::string>> FakeWechatApi::batches() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return batches_;
}

void FakeWechatApi::Hold() {
  std::lock_guard<std::mutex> lock(mutex_);
  hold_ = true;
}

void FakeWechatApi::Release() {
  std::deque<std::function<void()>> held;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    hold_ = false;
    held.swap(held_);
  }
  for (auto& answer : held) answer();
}

template <typename T, typename Make>
absl::StatusOr<T> FakeWechatApi::Locked(const std::string& endpoint,
                                        Make answer) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++calls_[endpoint];
  if (absl::Status next = TakeFailure(failures_); !next.ok()) return next;
  if (absl::Status next = TakeFailure(failures_at_[endpoint]); !next.ok())
    return next;
  return answer();
}

template <typename T, typename Make>
absl::StatusOr<T> FakeWechatApi::WithToken(const std::string& endpoint,
                                           const Secret& token, Make answer) {
  return Locked<T>(endpoint, [&]() -> absl::StatusOr<T> {
    if (absl::Status used = UseToken(token); !used.ok()) return used;
    return answer();
  });
}

template <typename T>
void FakeWechatApi::Answer(absl::StatusOr<T> answer, Done<T> done) {
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

void FakeWechatApi::ExchangeCode(const App&, Secret code, Deadline,
                                 Done<CodeSession> done) {
  Answer(Locked<CodeSession>("jscode2session",
                             [&] { return Exchange(code.Expose()); }),
         std::move(done));
}

void FakeWechatApi::FetchToken(const App& app, bool force, Deadline,
                               Done<FetchedToken> done) {
  Answer(Locked<FetchedToken>("token", [&] { return Fetch(app, force); }),
         std::move(done));
}

void FakeWechatApi::FetchTicket(const App&, Secret access_token, Deadline,
                                Done<FetchedToken> done) {
  Answer(WithToken<FetchedToken>(
             "getticket", access_token,
             [&] {
               return FetchedToken{Secret(absl::StrCat("ticket_", ++tickets_)),
                                   expires_in};
             }),
         std::move(done));
}

void FakeWechatApi::ExchangeOauthCode(const App&, Secret code, Deadline,
                                      Done<OauthSession> done) {
  Answer(Locked<OauthSession>("oauth2_access_token",
                              [&] { return ExchangeOauth(code.Expose()); }),
         std::move(done));
}

void FakeWechatApi::RefreshOauthGrant(const App&, Secret refresh_token,
                                      Deadline, Done<OauthSession> done) {
  Answer(Locked<OauthSession>("oauth2_refresh_token",
                              [&] { return Refresh(refresh_token); }),
         std::move(done));
}

void FakeWechatApi::GetOauthProfile(const App&, Secret access_token,
                                    std::string openid, std::string, Deadline,
                                    Done<FetchedProfile> done) {
  Answer(Locked<FetchedProfile>("sns_userinfo",
                                [&] { return UserInfo(access_token, openid); }),
         std::move(done));
}

void FakeWechatApi::GetFollower(const App&, Secret access_token,
                                std::string openid, std::string, Deadline,
                                Done<FetchedProfile> done) {
  Answer(WithToken<FetchedProfile>("user_info", access_token,
                                   [&] { return Follower(openid); }),
         std::move(done));
}

void FakeWechatApi::BatchGetFollowers(const App&, Secret access_token,
                                      std::vector<std::string> openids,
                                      std::string, Deadline,
                                      Done<Followers> done) {
  Answer(WithToken<Followers>("user_info_batchget", access_token,
                              [&] { return FollowersOf(std::move(openids)); }),
         std::move(done));
}

void FakeWechatApi::GetPhoneNumber(const App&, Secret access_token, Secret code,
                                   std::string openid, Deadline,
                                   Done<Phone> done) {
  Answer(WithToken<Phone>("getuserphonenumber", access_token,
                          [&] { return TakePhone(code.Expose(), openid); }),
         std::move(done));
}

void FakeWechatApi::CheckSessionKey(const App&, Secret access_token,
                                    std::string openid, Secret session_key,
                                    Deadline, Done<bool> done) {
  Answer(WithToken<bool>("checksession", access_token,
                         [&] {
                           auto found = session_keys_.find(openid);
                           return found != session_keys_.end() &&
                                  found->second == session_key;
                         }),
         std::move(done));
}

std::vector<WechatApi::Breaker> FakeWechatApi::BreakersOf(const App& app) {
  std::lock_guard<std::mutex> lock(mutex_);
  return breakers_[app.app_id];
}

absl::Status FakeWechatApi::TakeFailure(std::deque<absl::Status>& failures) {
  if (failures.empty()) return absl::OkStatus();
  absl::Status next = std::move(failures.front());
  failures.pop_front();
  return next;
}

// OK, or 40001.
absl::Status FakeWechatApi::UseToken(const Secret& token) {
  used_tokens_.push_back(token.Expose());
  if (refused_tokens_.count(token.Expose()) == 0) return absl::OkStatus();
  return Refusal(Reason::kWechatBadResponse, "invalid credential", "40001");
}

absl::Status FakeWechatApi::UseCode(const std::string& code) {
  if (used_.insert(code).second) return absl::OkStatus();
  return Refusal(Reason::kLoginCodeConsumed, "code been used", "40163");
}

absl::StatusOr<CodeSession> FakeWechatApi::Exchange(const std::string& code) {
  auto found = codes_.find(code);
  if (found == codes_.end()) return UnknownCode();
  if (absl::Status used = UseCode(code); !used.ok()) return used;
  session_keys_[found->second.openid] = found->second.session_key;
  return found->second;
}

FetchedToken FakeWechatApi::Fetch(const App& app, bool force) {
  if (force) ++forced_fetches_;
  // stable_token repeats its token unless forced.
  if (force || app.token_mode == TokenMode::kOrdinary || tokens_ == 0)
    ++tokens_;
  return FetchedToken{Secret(absl::StrCat("token_", tokens_)), expires_in};
}

void FakeWechatApi::Grant(const OauthSession& session) {
  grants_[session.refresh_token.Expose()] = session;
  oauth_tokens_[session.access_token.Expose()] = session;
}

absl::StatusOr<OauthSession> FakeWechatApi::ExchangeOauth(
    const std::string& code) {
  auto found = oauth_codes_.find(code);
  const bool snapshot = snapshot_codes_.count(code) != 0;
  if (found == oauth_codes_.end() && !snapshot) return UnknownCode();
  if (absl::Status used = UseCode(code); !used.ok()) return used;
  if (snapshot) return Error(Reason::kSnapshotUser, "snapshot user").ToStatus();
  Grant(found->second);
  return found->second;
}

absl::StatusOr<OauthSession> FakeWechatApi::Refresh(
    const Secret& refresh_token) {
  auto found = grants_.find(refresh_token.Expose());
  if (found == grants_.end())
    return Refusal(Reason::kOauthGrantExpired, "invalid refresh_token",
                   "40030");
  OauthSession& session = found->second;
  session.access_token =
      Secret(absl::StrCat("oauth_token_", ++refreshed_tokens_));
  session.unionid.clear();
  oauth_tokens_[session.access_token.Expose()] = session;
  return session;
}

absl::StatusOr<FetchedProfile> FakeWechatApi::UserInfo(
    const Secret& token, const std::string& openid) {
  auto found = oauth_tokens_.find(token.Expose());
  if (found == oauth_tokens_.end())
    return Refusal(Reason::kOauthGrantExpired, "access_token expired", "42001");
  if (found->second.openid != openid)
    return Refusal(Reason::kRequestInvalid, "invalid openid", "40003");
  if (found->second.scope == "snsapi_base")
    return Refusal(Reason::kOauthScopeInsufficient, "api unauthorized",
                   "48001");
  auto profile = oauth_profiles_.find(openid);
  if (profile != oauth_profiles_.end()) return profile->second;
  FetchedProfile nothing;
  nothing.openid = openid;
  nothing.profile.source = ProfileSource::kOauth;
  return nothing;
}

FetchedProfile FakeWechatApi::Follower(const std::string& openid) const {
  auto found = followers_.find(openid);
  if (found != followers_.end()) return found->second;
  FetchedProfile nothing;
  nothing.openid = openid;
  nothing.profile.source = ProfileSource::kFollower;
  return nothing;
}

absl::StatusOr<WechatApi::Followers> FakeWechatApi::FollowersOf(
    std::vector<std::string> openids) {
  Followers followers;
  bool disowned = false;
  for (const std::string& openid : openids) {
    disowned |= disowned_.count(openid) > 0;
    followers.push_back(Follower(openid));
  }
  batches_.push_back(std::move(openids));
  if (disowned)
    return Refusal(Reason::kRequestInvalid, "invalid openid", "40003");
  return followers;
}

absl::StatusOr<Phone> FakeWechatApi::TakePhone(const std::string& code,
                                               const std::string& openid) {
  auto found = phone_codes_.find(code);
  if (found == phone_codes_.end()) return UnknownCode();
  if (!openid.empty() && found->second.first != openid)
    return Refusal(Reason::kRequestInvalid, "invalid openid", "40003");
  if (absl::Status used = UseCode(code); !used.ok()) return used;
  return found->second.second;
}

}  // namespace wxident
