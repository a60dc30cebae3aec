#ifndef WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
#define WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// A WeChat with codes that work once and tokens that succeed each other. Errors
// are queued with FailNext; Hold() keeps answers back until Release(). Thread-
// safe.
//
// Endpoints by name, for calls() and FailNextAt(): jscode2session, token,
// getticket, oauth2_access_token, oauth2_refresh_token, sns_userinfo,
// user_info, user_info_batchget, getuserphonenumber, checksession.
class FakeWechatApi final : public WechatApi {
 public:
  void AddCode(const std::string& code, CodeSession session);
  // A web page's code. Its access_token and refresh_token work from the
  // exchange on.
  void AddOauthCode(const std::string& code, OauthSession session);
  // A code from WeChat's snapshot mode.
  void AddSnapshotCode(const std::string& code);
  // A grant without an exchange: its two tokens work.
  void AddGrant(const OauthSession& session);
  // A person's own access_token expires; a refresh still works.
  void ExpireOauthToken(const Secret& access_token);
  // The person withdraws the consent, or the refresh_token's time is up.
  void EndGrant(const Secret& refresh_token);
  // What sns/userinfo tells of profile.openid. Until then: its openid alone.
  void SetOauthProfile(FetchedProfile profile);

  // What cgi-bin/user/info and its batchget tell of profile.openid. Until then,
  // and after Unfollow: subscribe = false.
  void SetFollower(FetchedProfile profile);
  void Unfollow(const std::string& openid);
  // batchget answers 40003 to what holds this openid from now on.
  void DisownFollower(const std::string& openid);

  // A phone code of `openid`'s; it works once.
  void AddPhoneCode(const std::string& code, std::string openid, Phone phone);

  // The key that WeChat holds for `openid`; ExchangeCode sets it too.
  void SetSessionKey(const std::string& openid, Secret session_key);
  void DropSessionKey(const std::string& openid);

  // The app's access_token `token` is answered with 40001 from now on.
  void RefuseToken(const std::string& token);
  // stable_token gives a new token from now on.
  void RotateToken();

  // What BreakersOf answers. The calls do not look at it: FailNext makes them
  // fail.
  void SetBreakers(const std::string& app_id, std::vector<Breaker> breakers);

  // The next call, of any kind, fails and has no effect.
  void FailNext(absl::Status error);
  // The same of the next call of one kind.
  void FailNextAt(const std::string& endpoint, absl::Status error);

  int calls(const std::string& endpoint) const;
  int exchanges() const { return calls("jscode2session"); }
  int fetches() const { return calls("token"); }
  int ticket_fetches() const { return calls("getticket"); }
  // Those that did not fail.
  int forced_fetches() const;
  // The app tokens that were used, in order.
  std::vector<std::string> used_tokens() const;
  // The openids of each batchget, in order.
  std::vector<std::vector<std::string>> batches() const;

  void Hold();
  // Gives the answers that were held back, and holds no more.
  void Release();

  // Of tokens and of tickets.
  absl::Duration expires_in = absl::Hours(2);

  void ExchangeCode(const App& app, Secret code, Deadline deadline,
                    Done<CodeSession> done) override;
  // "token_1", "token_2", ...
  void FetchToken(const App& app, bool force, Deadline deadline,
                  Done<FetchedToken> done) override;
  // "ticket_1", "ticket_2", ..., each time the next one.
  void FetchTicket(const App& app, Secret access_token, Deadline deadline,
                   Done<FetchedToken> done) override;
  void ExchangeOauthCode(const App& app, Secret code, Deadline deadline,
                         Done<OauthSession> done) override;
  // Gives a new access_token and the same refresh_token.
  void RefreshOauthGrant(const App& app, Secret refresh_token,
                         Deadline deadline, Done<OauthSession> done) override;
  void GetOauthProfile(const App& app, Secret access_token, std::string openid,
                       std::string language, Deadline deadline,
                       Done<FetchedProfile> done) override;
  void GetFollower(const App& app, Secret access_token, std::string openid,
                   std::string language, Deadline deadline,
                   Done<FetchedProfile> done) override;
  void BatchGetFollowers(const App& app, Secret access_token,
                         std::vector<std::string> openids, std::string language,
                         Deadline deadline, Done<Followers> done) override;
  void GetPhoneNumber(const App& app, Secret access_token, Secret code,
                      std::string openid, Deadline deadline,
                      Done<Phone> done) override;
  void CheckSessionKey(const App& app, Secret access_token, std::string openid,
                       Secret session_key, Deadline deadline,
                       Done<bool> done) override;
  std::vector<Breaker> BreakersOf(const App& app) override;

 private:
  // Counts the call, then takes a queued failure or what `answer` gives.
  template <typename T, typename Make>
  absl::StatusOr<T> Locked(const std::string& endpoint, Make answer);
  // The same of a call that is made with the app's token.
  template <typename T, typename Make>
  absl::StatusOr<T> WithToken(const std::string& endpoint, const Secret& token,
                              Make answer);
  // Gives the answer, or keeps it while answers are held.
  template <typename T>
  void Answer(absl::StatusOr<T> answer, Done<T> done);

  static absl::Status TakeFailure(std::deque<absl::Status>& failures);
  absl::Status UseToken(const Secret& token);
  absl::Status UseCode(const std::string& code);
  absl::StatusOr<CodeSession> Exchange(const std::string& code);
  FetchedToken Fetch(const App& app, bool force);
  void Grant(const OauthSession& session);
  absl::StatusOr<OauthSession> ExchangeOauth(const std::string& code);
  absl::StatusOr<OauthSession> Refresh(const Secret& refresh_token);
  absl::StatusOr<FetchedProfile> UserInfo(const Secret& token,
                                          const std::string& openid);
  FetchedProfile Follower(const std::string& openid) const;
  absl::StatusOr<Followers> FollowersOf(std::vector<std::string> openids);
  absl::StatusOr<Phone> TakePhone(const std::string& code,
                                  const std::string& openid);

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
  std::set<std::string> disowned_;
  std::vector<std::vector<std::string>> batches_;
  std::map<std::string, std::pair<std::string, Phone>> phone_codes_;
  std::map<std::string, Secret> session_keys_;
  std::set<std::string> refused_tokens_;
  std::vector<std::string> used_tokens_;
  std::map<std::string, std::vector<Breaker>> breakers_;
  std::deque<absl::Status> failures_;
  std::map<std::string, std::deque<absl::Status>> failures_at_;
  bool hold_ = false;
  std::deque<std::function<void()>> held_;
  std::map<std::string, int> calls_;
  int forced_fetches_ = 0;
  int tokens_ = 0;
  int tickets_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_SESSION_FAKE_WECHAT_API_H_
