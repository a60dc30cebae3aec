#include "server/person/follower_refresh.h"

#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/keeper/app_token_call.h"

namespace wxident {
namespace {

// A person's openid that WeChat no longer takes is found among a hundred with 7
// of these, so there is room for one in each hundred of the most that a call
// asks for.
constexpr int kMostSplits = 50;

// What WeChat is asked with one call.
struct Chunk {
  const App* app;
  std::vector<std::string> openids;
};

std::deque<Chunk> Chunks(const std::vector<AuthorizedPerson>& people) {
  std::map<const App*, std::set<std::string>> openids_of;
  for (const AuthorizedPerson& person : people)
    openids_of[&*person.app()].insert(person.identity().openid);
  std::deque<Chunk> chunks;
  for (const auto& [app, openids] : openids_of) {
    size_t taken = 0;
    for (const std::string& openid : openids) {
      if (taken++ % WechatApi::kMostFollowers == 0) chunks.push_back({app, {}});
      chunks.back().openids.push_back(openid);
    }
  }
  return chunks;
}

// WeChat refuses them all for one, and does not say which.
bool IsRefusedTogether(const Chunk& chunk, const absl::Status& error) {
  return chunk.openids.size() > 1 && IsOpenidRefused(error);
}

absl::Status NotFoundOut(const Chunk& chunk, const absl::Status& error) {
  Error out = Error(
      Reason::kRequestInvalid,
      absl::StrCat("WeChat refuses ", chunk.openids.size(), " openids of app ",
                   chunk.app->app_id,
                   " together, for one of them at least is not of that app "
                   "(errcode ",
                   DetailsOf(error).Fact("errcode"),
                   "), and among so many such it was not looked "
                   "for; ask for fewer at once, or without refresh_followers"));
  for (const auto& [name, value] : DetailsOf(error).metadata)
    out = std::move(out).With(name, value);
  return std::move(out).ToStatus();
}

class FollowerRefresh : public std::enable_shared_from_this<FollowerRefresh> {
 public:
  FollowerRefresh(TokenManager& tokens, WechatApi& wechat,
                  ProfileStore& profiles, std::deque<Chunk> chunks,
                  Deadline deadline, Done<RefreshFailures> done)
      : tokens_(tokens),
        wechat_(wechat),
        profiles_(profiles),
        chunks_(std::move(chunks)),
        deadline_(deadline),
        done_(std::move(done)) {}

  // Asks about the first of chunks_.
  void Ask() {
    if (chunks_.empty()) return std::move(done_)(std::move(failures_));
    const App& app = *chunks_.front().app;
    CallWithAppToken<WechatApi::Followers>(
        tokens_, app, "user_info_batchget", deadline_,
        [self = shared_from_this(), &app](const Secret& token,
                                          Done<WechatApi::Followers> done) {
          self->wechat_.BatchGetFollowers(
              app, token, self->chunks_.front().openids, "zh_CN",
              self->deadline_, std::move(done));
        },
        [self =
             shared_from_this()](absl::StatusOr<WechatApi::Followers> fetched) {
          self->OnFetched(std::move(fetched));
        });
  }

 private:
  void OnFetched(absl::StatusOr<WechatApi::Followers> fetched) {
    const Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    if (!fetched.ok()) return OnRefused(chunk, fetched.status());
    std::vector<std::pair<Identity, Profile>> learned;
    for (size_t i = 0; i < fetched->size(); ++i) {
      absl::StatusOr<FetchedProfile>& one = (*fetched)[i];
      Identity identity{chunk.app->app_id, chunk.openids[i], ""};
      const absl::StatusOr<bool> follows =
          one.ok() ? LearnFollower(*one, identity) : one.status();
      if (!follows.ok())
        failures_[{chunk.app, chunk.openids[i]}] = follows.status();
      else if (*follows)
        learned.emplace_back(std::move(identity), std::move(one->profile));
    }
    if (learned.empty()) return Ask();
    Save(*chunk.app, std::move(learned));
  }

  void OnRefused(const Chunk& chunk, const absl::Status& error) {
    const bool together = IsRefusedTogether(chunk, error);
    if (together && splits_left_ > 0) {
      --splits_left_;
      // Behind what has not been asked for yet: that may be good.
      const auto middle = chunk.openids.begin() + chunk.openids.size() / 2;
      chunks_.push_back({chunk.app, {chunk.openids.begin(), middle}});
      chunks_.push_back({chunk.app, {middle, chunk.openids.end()}});
      return Ask();
    }
    const absl::Status why = together ? NotFoundOut(chunk, error) : error;
    for (const std::string& openid : chunk.openids)
      failures_[{chunk.app, openid}] = why;
    Ask();
  }

  // All at once: the store makes few statements of them.
  void Save(const App& app, std::vector<std::pair<Identity, Profile>> learned) {
    saving_ = learned.size();
    for (auto& [identity, profile] : learned)
      profiles_.SaveProfile(
          std::move(identity), app.open_platform_account, std::move(profile),
          deadline_, [self = shared_from_this()](absl::StatusOr<User> user) {
            self->OnSaved(user.status());
          });
  }

  void OnSaved(const absl::Status& status) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      // Who was erased meanwhile is not known any more.
      if (!status.ok() && !HasReason(status, Reason::kUserNotFound))
        store_failure_.Update(status);
      if (--saving_ > 0) return;
    }
    if (!store_failure_.ok()) return std::move(done_)(store_failure_);
    Ask();
  }

  TokenManager& tokens_;
  WechatApi& wechat_;
  ProfileStore& profiles_;
  std::deque<Chunk> chunks_;
  const Deadline deadline_;
  Done<RefreshFailures> done_;
  int splits_left_ = kMostSplits;
  RefreshFailures failures_;
  // Of the saves under way, which may end on any thread.
  std::mutex mutex_;
  size_t saving_ = 0;
  absl::Status store_failure_;
};

}  // namespace

absl::StatusOr<bool> LearnFollower(const FetchedProfile& fetched,
                                   Identity& identity) {
  if (fetched.openid != identity.openid)
    return Error(Reason::kWechatBadResponse,
                 "WeChat answered for another openid; retry")
        .ToStatus();
  if (!fetched.profile.subscribe) return false;
  if (!fetched.unionid.empty()) identity.unionid = fetched.unionid;
  return true;
}

void RefreshFollowers(TokenManager& tokens, WechatApi& wechat,
                      ProfileStore& profiles,
                      const std::vector<AuthorizedPerson>& people,
                      Deadline deadline, Done<RefreshFailures> done) {
  std::make_shared<FollowerRefresh>(tokens, wechat, profiles, Chunks(people),
                                    deadline, std::move(done))
      ->Ask();
}

}  // namespace wxident
