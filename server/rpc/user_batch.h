#ifndef WXIDENT_SERVER_RPC_USER_BATCH_H_
#define WXIDENT_SERVER_RPC_USER_BATCH_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/person/authorized.h"
#include "server/person/follower_refresh.h"
#include "server/rpc/rpc_context.h"
#include "server/store/identity_store.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The things that a BatchGetUsers asks for, each with an answer of its own.
class UserBatch {
 public:
  // Checks the request as a whole, see fields.h, and each thing, and asks the
  // guard for each person. Fails with CALLER_NOT_ALLOWED if that is so of every
  // person: then nothing is left that the caller may ask.
  absl::Status Read(const v1::BatchGetUsersRequest& request,
                    RpcContext& context);

  // Those that can be looked up, and what has been found of them, in one order.
  std::vector<UserQuery> Queries() const;
  void SetFound(AuthorizedUsers found);

  // The people who are known, of official accounts: nothing is stored of
  // others. And of whom WeChat told nothing.
  std::vector<AuthorizedPerson> Followers() const;
  void SetFailures(const RefreshFailures& failures);

  void Fill(v1::BatchGetUsersResponse& message) const;

 private:
  struct Item {
    UserQuery query;
    std::optional<AuthorizedPerson> person;
    absl::Status error;
    // Where the store was asked for it, and knows it.
    std::optional<UserWithIdentities> user;
  };

  absl::Status ReadPeople(const v1::BatchGetUsersRequest& request,
                          RpcContext& context);
  void Add(Item item);

  // In the request's order.
  std::vector<Item> items_;
  // Of items_, by index: those that can be looked up.
  std::vector<size_t> good_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_USER_BATCH_H_
