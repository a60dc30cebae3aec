#include <utility>
#include <vector>

#include "server/rpc/unary_call.h"
#include "server/rpc/user_batch.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class BatchGetUsersCall final
    : public UnaryCall<v1::BatchGetUsersRequest, v1::BatchGetUsersResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::Status read = batch_.Read(request_, context_);
    if (!read.ok()) return Fail(read);
    if (batch_.Queries().empty()) return Answer(context_.AboutNobody());
    FindUsers(batch_.Queries(),
              [this](AuthorizedUsers users) { OnFound(std::move(users)); });
  }

 private:
  void OnFound(AuthorizedUsers users) {
    const Authorized proof = users;
    batch_.SetFound(std::move(users));
    if (!request_.refresh_followers()) return Answer(proof);
    const std::vector<AuthorizedPerson> followers = batch_.Followers();
    if (followers.empty()) return Answer(proof);
    flows_.person.RefreshFollowers(
        followers, deadline(),
        [this](absl::StatusOr<RefreshFailures> failures) {
          OnRefreshed(std::move(failures));
        });
  }

  void OnRefreshed(absl::StatusOr<RefreshFailures> failures) {
    if (!failures.ok()) return Fail(failures.status());
    batch_.SetFailures(*failures);
    FindUsers(batch_.Queries(), [this](AuthorizedUsers users) {
      const Authorized proof = users;
      batch_.SetFound(std::move(users));
      Answer(proof);
    });
  }

  void Answer(const Authorized& proof) {
    batch_.Fill(response_);
    Succeed(proof);
  }

  UserBatch batch_;
};

template RpcMethod MethodOf<BatchGetUsersCall>(const Services& services);

}  // namespace wxident
