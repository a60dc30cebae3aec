#ifndef WXIDENT_TESTS_FAKES_FORWARDING_SESSION_STORE_H_
#define WXIDENT_TESTS_FAKES_FORWARDING_SESSION_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "server/store/session_store.h"

namespace wxident {

// Passes everything on; what a test wants otherwise, it overrides.
class ForwardingSessionStore : public SessionStore {
 public:
  explicit ForwardingSessionStore(SessionStore& store) : store_(store) {}

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    store_.FindSession(std::move(token_hash), deadline, std::move(done));
  }
  void FindTokenOwner(std::string token_hash, Deadline deadline,
                      Done<std::optional<Identity>> done) override {
    store_.FindTokenOwner(std::move(token_hash), deadline, std::move(done));
  }
  void FindSessionWithKeys(std::string token_hash, Deadline deadline,
                           Done<std::optional<SessionWithKeys>> done) override {
    store_.FindSessionWithKeys(std::move(token_hash), deadline,
                               std::move(done));
  }
  void RefreshSession(SessionRefresh refresh, Deadline deadline,
                      Done<std::optional<RefreshedSession>> done) override {
    store_.RefreshSession(std::move(refresh), deadline, std::move(done));
  }
  void RevokeSession(std::string token_hash, Deadline deadline,
                     Done<int> done) override {
    store_.RevokeSession(std::move(token_hash), deadline, std::move(done));
  }
  void RevokeUserSessions(std::string user_id, Deadline deadline,
                          Done<int> done) override {
    store_.RevokeUserSessions(std::move(user_id), deadline, std::move(done));
  }
  void Sweep(int limit, Deadline deadline, Done<int> done) override {
    store_.Sweep(limit, deadline, std::move(done));
  }

 protected:
  SessionStore& store_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FORWARDING_SESSION_STORE_H_
