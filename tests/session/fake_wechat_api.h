#ifndef WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
#define WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// A WeChat with codes that work once and tokens that succeed each other. Errors
// are queued with FailNext; Hold() keeps answers back until Release(). Thread-
// safe.
//
// Endpoints by name, for calls() and FailNextAt(): jscode2session, token,
// oauth2_access_token, oauth2_refresh_token, sns_userinfo, user_info,
// getuserphonenumber, checksession.
class FakeWechatApi final : public WechatApi {
 public:
  void AddCode(const std::string& code, CodeSession session) {
    std::lock_guard<std::mutex> lock(mutex_);
    codes_[code] = std::move(session);
  }

  // A web page's code. Its access_token and refresh_token work from the
  // exchange on.
  void AddOauthCode(const std::string& code, OauthSession session) {
    std::lock_guard<std::mutex> lock(mutex_);
    oauth_codes_[code] = std::move(session);
  }

  // A code from WeChat's snapshot mode.
  void AddSnapshotCode(const std::string& code) {
    std::lock_guard<std::mutex> lock(mutex_);
    snapshot_codes_.insert(code);
  }

  // A grant without an exchange: its two tokens work.
  void AddGrant(const OauthSession& session) {
    std::lock_guard<std::mutex> lock(mutex_);
    Grant(session);
  }

  // A person's own access_token expires; a refresh still works.
  void ExpireOauthToken(const Secret& access_token) {
    std::lock_guard<std::mutex> lock(mutex_);
    oauth_tokens_.erase(access_token.Expose());
  }

  // The person withdraws the consent, or the refresh_token's time is up.
  void EndGrant(const Secret& refresh_token) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = grants_.find(refresh_token.Expose());
    if (found == grants_.end()) return;
    const std::string openid = found->second.openid;
    grants_.erase(found);
    for (auto it = oauth_tokens_.begin(); it != oauth_tokens_.end();)
      it = it->second.openid == openid ? oauth_tokens_.erase(it) : ++it;
  }

  // What sns/userinfo tells of profile.openid. Until then: its openid alone.
  void SetOauthProfile(FetchedProfile profile) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string openid = profile.openid;
    oauth_profiles_[std::move(openid)] = std::move(profile);
  }

  // What cgi-bin/user/info tells of profile.openid. Until then, and after
  // Unfollow: subscribe = false.
  void SetFollower(FetchedProfile profile) {
    std::lock_guard<std::mutex> lock(mutex_);
    profile.profile.subscribe = true;
    std::string openid = profile.openid;
    followers_[std::move(openid)] = std::move(profile);
  }
  void Unfollow(const std::string& openid) {
    std::lock_guard<std::mutex> lock(mutex_);
    followers_.erase(openid);
  }

  // A phone code of `openid`'s; it works once.
  void AddPhoneCode(const std::string& code, std::string openid, Phone phone) {
    std::lock_guard<std::mutex> lock(mutex_);
    phone_codes_[code] = {std::move(openid), std::move(phone)};
  }

  // The key that WeChat holds for `openid`; ExchangeCode sets it too.
  void SetSessionKey(const std::string& openid, Secret session_key) {
    std::lock_guard<std::mutex> lock(mutex_);
    session_keys_[openid] = std::move(session_key);
  }
  void DropSessionKey(const std::string& openid) {
    std::lock_guard<std::mutex> lock(mutex_);
    session_keys_.erase(openid);
  }

  // The app's access_token `token` is answered with 40001 from now on.
  void RefuseToken(const std::string& token) {
    std::lock_guard<std::mutex> lock(mutex_);
    refused_tokens_.insert(token);
  }

  // The next call, of any kind, fails and has no effect.
  void FailNext(absl::Status error) {
    std::lock_guard<std::mutex> lock(mutex_);
    failures_.push_back(std::move(error));
  }
  // The same of the next call of one kind.
  void FailNextAt(const std::string& endpoint, absl::Status error) {
    std::lock_guard<std::mutex> lock(mutex_);
    failures_at_[endpoint].push_back(std::move(error));
  }

  int calls(const std::string& endpoint) const {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = calls_.find(endpoint);
    return found == calls_.end() ? 0 : found->second;
  }

  // The app tokens that were used, in order.
  std::vector<std::string> used_tokens() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return used_tokens_;
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

  int exchanges() const { return calls("jscode2session"); }
  int fetches() const { return calls("token"); }
  // Those that did not fail.
  int forced_fetches() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return forced_fetches_;
  }

  void ExchangeCode(const App& app, Secret code, Deadline deadline,
                    Done<CodeSession> done) override {
    (void)app;
    (void)deadline;
    Answer(Locked<CodeSession>("jscode2session",
                               [&] { return Exchange(code.Expose()); }),
           std::move(done));
  }

  void FetchToken(const App& app, bool force, Deadline deadline,
                  Done<FetchedToken> done) override {
    (void)deadline;
    Answer(Locked<FetchedToken>("token", [&] { return Fetch(app, force); }),
           std::move(done));
  }

  void ExchangeOauthCode(const App& app, Secret code, Deadline deadline,
                         Done<OauthSession> done) override {
    (void)app;
    (void)deadline;
    Answer(Locked<OauthSession>("oauth2_access_token",
                                [&] { return ExchangeOauth(code.Expose()); }),
           std::move(done));
  }

  // Gives a new access_token and the same refresh_token.
  void RefreshOauthGrant(const App& app, Secret refresh_token,
                         Deadline deadline, Done<OauthSession> done) override {
    (void)app;
    (void)deadline;
    Answer(Locked<OauthSession>("oauth2_refresh_token",
                                [&] { return Refresh(refresh_token); }),
           std::move(done));
  }

  void GetOauthProfile(const App& app, Secret access_token, std::string openid,
                       std::string language, Deadline deadline,
                       Done<FetchedProfile> done) override {
    (void)app;
    (void)language;
    (void)deadline;
    Answer(Locked<FetchedProfile>(
               "sns_userinfo", [&] { return UserInfo(access_token, openid); }),
           std::move(done));
  }

  void GetFollower(const App& app, Secret access_token, std::string openid,
                   std::string language, Deadline deadline,
                   Done<FetchedProfile> done) override {
    (void)app;
    (void)language;
    (void)deadline;
    Answer(Locked<FetchedProfile>("user_info",
                                  [&]() -> absl::StatusOr<FetchedProfile> {
                                    if (!UseToken(access_token).ok())
                                      return taken_;
                                    return Follower(openid);
                                  }),
           std::move(done));
  }

  void GetPhoneNumber(const App& app, Secret access_token, Secret code,
                      std::string openid, Deadline deadline,
                      Done<Phone> done) override {
    (void)app;
    (void)deadline;
    Answer(Locked<Phone>("getuserphonenumber",
                         [&]() -> absl::StatusOr<Phone> {
                           if (!UseToken(access_token).ok()) return taken_;
                           return TakePhone(code.Expose(), openid);
                         }),
           std::move(done));
  }

  void CheckSessionKey(const App& app, Secret access_token, std::string openid,
                       Secret session_key, Deadline deadline,
                       Done<bool> done) override {
    (void)app;
    (void)deadline;
    Answer(Locked<bool>("checksession",
                        [&]() -> absl::StatusOr<bool> {
                          if (!UseToken(access_token).ok()) return taken_;
                          auto found = session_keys_.find(openid);
                          return found != session_keys_.end() &&
                                 found->second == session_key;
                        }),
           std::move(done));
  }

  // stable_token gives a new token from now on.
  void RotateToken() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++tokens_;
  }

  absl::Duration expires_in = absl::Hours(2);

 private:
  // Counts the call, then takes a queued failure or what `answer` gives.
  template <typename T, typename Make>
  absl::StatusOr<T> Locked(const std::string& endpoint, Make answer) {
    std::lock_guard<std::mutex> lock(mutex_);
    ++calls_[endpoint];
    if (!TakeFailure(failures_).ok()) return taken_;
    if (!TakeFailure(failures_at_[endpoint]).ok()) return taken_;
    return answer();
  }

  const absl::Status& TakeFailure(std::deque<absl::Status>& failures) {
    taken_ = absl::OkStatus();
    if (!failures.empty()) {
      taken_ = failures.front();
      failures.pop_front();
    }
    return taken_;
  }

  static absl::Status Refusal(Reason reason, const std::string& what,
                              const std::string& errcode) {
    return Error(reason, what).With("errcode", errcode).ToStatus();
  }

  // OK, or 40001 in `taken_`.
  const absl::Status& UseToken(const Secret& token) {
    used_tokens_.push_back(token.Expose());
    taken_ = refused_tokens_.count(token.Expose()) == 0
                 ? absl::OkStatus()
                 : Refusal(Reason::kWechatBadResponse, "invalid credential",
                           "40001");
    return taken_;
  }

  absl::Status UseCode(const std::string& code) {
    if (used_.insert(code).second) return absl::OkStatus();
    return Refusal(Reason::kLoginCodeConsumed, "code been used", "40163");
  }

  static absl::Status UnknownCode() {
    return Refusal(Reason::kLoginCodeInvalid, "invalid code", "40029");
  }

  absl::StatusOr<CodeSession> Exchange(const std::string& code) {
    auto found = codes_.find(code);
    if (found == codes_.end()) return UnknownCode();
    if (absl::Status used = UseCode(code); !used.ok()) return used;
    session_keys_[found->second.openid] = found->second.session_key;
    return found->second;
  }

  absl::StatusOr<FetchedToken> Fetch(const App& app, bool force) {
    if (force) ++forced_fetches_;
    // stable_token repeats its token unless forced.
    if (force || app.token_mode == TokenMode::kOrdinary || tokens_ == 0)
      ++tokens_;
    return FetchedToken{Secret(absl::StrCat("token_", tokens_)), expires_in};
  }

  void Grant(const OauthSession& session) {
    grants_[session.refresh_token.Expose()] = session;
    oauth_tokens_[session.access_token.Expose()] = session;
  }

  absl::StatusOr<OauthSession> ExchangeOauth(const std::string& code) {
    auto found = oauth_codes_.find(code);
    const bool snapshot = snapshot_codes_.count(code) != 0;
    if (found == oauth_codes_.end() && !snapshot) return UnknownCode();
    if (absl::Status used = UseCode(code); !used.ok()) return used;
    if (snapshot)
      return Error(Reason::kSnapshotUser, "snapshot user").ToStatus();
    Grant(found->second);
    return found->second;
  }

  absl::StatusOr<OauthSession> Refresh(const Secret& refresh_token) {
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

  absl::StatusOr<FetchedProfile> UserInfo(const Secret& token,
                                          const std::string& openid) {
    auto found = oauth_tokens_.find(token.Expose());
    if (found == oauth_tokens_.end())
      return Refusal(Reason::kOauthGrantExpired, "access_token expired",
                     "42001");
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

  FetchedProfile Follower(const std::string& openid) const {
    auto found = followers_.find(openid);
    if (found != followers_.end()) return found->second;
    FetchedProfile nothing;
    nothing.openid = openid;
    nothing.profile.source = ProfileSource::kFollower;
    return nothing;
  }

  absl::StatusOr<Phone> TakePhone(const std::string& code,
                                  const std::string& openid) {
    auto found = phone_codes_.find(code);
    if (found == phone_codes_.end()) return UnknownCode();
    if (!openid.empty() && found->second.first != openid)
      return Refusal(Reason::kRequestInvalid, "invalid openid", "40003");
    if (absl::Status used = UseCode(code); !used.ok()) return used;
    return found->second.second;
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
  std::map<std::string, OauthSession> oauth_codes_;
  std::set<std::string> snapshot_codes_;
  // By refresh_token and by access_token.
  std::map<std::string, OauthSession> grants_;
  std::map<std::string, OauthSession> oauth_tokens_;
  int refreshed_tokens_ = 0;
  std::map<std::string, FetchedProfile> oauth_profiles_;
  std::map<std::string, FetchedProfile> followers_;
  std::map<std::string, std::pair<std::string, Phone>> phone_codes_;
  std::map<std::string, Secret> session_keys_;
  std::set<std::string> refused_tokens_;
  std::vector<std::string> used_tokens_;
  std::deque<absl::Status> failures_;
  std::map<std::string, std::deque<absl::Status>> failures_at_;
  absl::Status taken_;
  bool hold_ = false;
  std::deque<std::function<void()>> held_;
  std::map<std::string, int> calls_;
  int forced_fetches_ = 0;
  int tokens_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
