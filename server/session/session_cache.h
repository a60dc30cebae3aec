#ifndef WXIDENT_SERVER_SESSION_SESSION_CACHE_H_
#define WXIDENT_SERVER_SESSION_SESSION_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/types.h"
#include "server/store/session_store.h"

namespace wxident {

// Tells whether a session is active, mostly from memory: what the database
// said of an active session is good for 1 s, so that no answer is more than
// 1 s behind a revocation on another replica, and none behind one made here.
// Thread-safe. Must outlive every call it was given.
class SessionCache {
 public:
  SessionCache(SessionStore& store, Clock& clock);

  // `token_hash`: see SessionStore. From memory it answers inline. `strong`
  // asks the database in any case.
  void Check(std::string token_hash, bool strong, Deadline deadline,
             Done<std::optional<Session>> done);

  // See SessionStore. Whatever these end or may have ended is not answered from
  // memory any more; a family of tokens cannot be told from others here, so
  // then all of memory is forgotten.
  void Refresh(SessionRefresh refresh, Deadline deadline,
               Done<std::optional<RefreshedSession>> done);
  void Revoke(std::string token_hash, Deadline deadline, Done<int> done);
  void RevokeUser(std::string user_id, Deadline deadline, Done<int> done);

  // To be called when sessions have been ended past this class.
  void ForgetAll();

 private:
  struct Entry {
    Session session;
    // On Clock::Monotonic().
    absl::Duration good_until;
    uint64_t epoch;
  };
  // What a question to the database knew when it was asked.
  struct Asked {
    absl::Duration at;
    uint64_t changes;
    uint64_t epoch;
  };
  // Two generations: when the younger is old or large it becomes the elder,
  // and the elder is dropped. So nothing is swept, and memory is bounded.
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Entry> younger;
    std::unordered_map<std::string, Entry> elder;
    absl::Duration younger_since = absl::ZeroDuration();
  };

  Shard& ShardOf(absl::string_view token_hash);
  std::optional<Session> Recall(const std::string& token_hash);
  void Remember(const std::string& token_hash, const Session& session,
                const Asked& asked);
  void Forget(const std::string& token_hash);

  SessionStore& store_;
  Clock& clock_;
  std::array<Shard, 16> shards_;
  // Rises when a refresh or revocation here begins and when it has ended: an
  // answer of the database that was asked for before such a moment is not
  // remembered.
  std::atomic<uint64_t> changes_{0};
  // Rises when all is forgotten: only entries of the present epoch count.
  std::atomic<uint64_t> epoch_{0};
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_SESSION_CACHE_H_
