#include "server/session/session_cache.h"

#include <algorithm>
#include <utility>

namespace wxident {
namespace {

// The contract's bound on staleness.
constexpr absl::Duration kGoodFor = absl::Seconds(1);
constexpr size_t kMaxPerGeneration = 8192;

}  // namespace

SessionCache::SessionCache(SessionStore& store, Clock& clock)
    : store_(store), clock_(clock) {}

void SessionCache::Check(std::string token_hash, bool strong, Deadline deadline,
                         Done<std::optional<Session>> done) {
  if (!strong) {
    if (std::optional<Session> session = Recall(token_hash))
      return std::move(done)(std::move(session));
  }
  const Asked asked{clock_.Monotonic(), changes_.load(), epoch_.load()};
  std::string key = token_hash;
  store_.FindSession(
      std::move(token_hash), deadline,
      [this, key = std::move(key), asked, done = std::move(done)](
          absl::StatusOr<std::optional<Session>> found) mutable {
        if (found.ok() && found->has_value()) Remember(key, **found, asked);
        std::move(done)(std::move(found));
      });
}

void SessionCache::Refresh(SessionRefresh refresh, Deadline deadline,
                           Done<std::optional<RefreshedSession>> done) {
  ++changes_;
  std::string key = refresh.token_hash;
  store_.RefreshSession(
      std::move(refresh), deadline,
      [this, key = std::move(key), done = std::move(done)](
          absl::StatusOr<std::optional<RefreshedSession>> refreshed) mutable {
        // A no may come of a leaked token, whose family has now ended.
        if (refreshed.ok() && refreshed->has_value())
          Forget(key);
        else
          ForgetAll();
        std::move(done)(std::move(refreshed));
      });
}

void SessionCache::Revoke(std::string token_hash, Deadline deadline,
                          Done<int> done) {
  ++changes_;
  std::string key = token_hash;
  store_.RevokeSession(std::move(token_hash), deadline,
                       [this, key = std::move(key), done = std::move(done)](
                           absl::StatusOr<int> count) mutable {
                         // Also after a failure, which may hide a revocation
                         // that took effect.
                         if (count.ok() && *count == 0)
                           Forget(key);
                         else
                           ForgetAll();
                         std::move(done)(std::move(count));
                       });
}

void SessionCache::RevokeUser(std::string user_id, Deadline deadline,
                              Done<int> done) {
  ++changes_;
  store_.RevokeUserSessions(
      std::move(user_id), deadline,
      [this, done = std::move(done)](absl::StatusOr<int> count) mutable {
        ForgetAll();
        std::move(done)(std::move(count));
      });
}

SessionCache::Shard& SessionCache::ShardOf(absl::string_view token_hash) {
  const auto byte = static_cast<unsigned char>(
      token_hash.empty() ? '\0' : token_hash.front());
  return shards_[byte % shards_.size()];
}

std::optional<Session> SessionCache::Recall(const std::string& token_hash) {
  Shard& shard = ShardOf(token_hash);
  std::lock_guard<std::mutex> lock(shard.mutex);
  for (const auto* generation : {&shard.younger, &shard.elder}) {
    auto found = generation->find(token_hash);
    if (found != generation->end() && found->second.epoch == epoch_.load() &&
        clock_.Monotonic() < found->second.good_until)
      return found->second.session;
  }
  return std::nullopt;
}

void SessionCache::Remember(const std::string& token_hash,
                            const Session& session, const Asked& asked) {
  const absl::Duration life = session.expires_at - clock_.Now();
  Entry entry{session, asked.at + std::min(kGoodFor, life), asked.epoch};
  Shard& shard = ShardOf(token_hash);
  std::lock_guard<std::mutex> lock(shard.mutex);
  // Under the lock, so that a change either is seen here or finds the entry
  // afterwards.
  if (changes_.load() != asked.changes) return;
  const absl::Duration now = clock_.Monotonic();
  if (now - shard.younger_since > kGoodFor ||
      shard.younger.size() >= kMaxPerGeneration) {
    shard.elder = std::exchange(shard.younger, {});
    shard.younger_since = now;
  }
  shard.younger.insert_or_assign(token_hash, std::move(entry));
}

void SessionCache::Forget(const std::string& token_hash) {
  ++changes_;
  Shard& shard = ShardOf(token_hash);
  std::lock_guard<std::mutex> lock(shard.mutex);
  shard.younger.erase(token_hash);
  shard.elder.erase(token_hash);
}

void SessionCache::ForgetAll() {
  ++changes_;
  ++epoch_;
}

}  // namespace wxident
