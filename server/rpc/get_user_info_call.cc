#include <utility>

#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/user_info_fields.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class GetUserInfoCall final
    : public UnaryCall<v1::GetUserInfoRequest, v1::GetUserInfoResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<UserInfoSubject> subject =
        UserInfoSubjectFields(request_, context_);
    if (!subject.ok()) return Fail(subject.status());
    if (request_.has_encrypted_profile()) return Decrypt(*subject);
    if (request_.has_oauth()) return FetchByGrant(*subject);
    FindProfile(subject->query,
                [this](const AuthorizedProfile& known) { OnKnown(known); });
  }

 private:
  void Decrypt(const UserInfoSubject& subject) {
    FindKeys(subject.token_hash(),
             [this, data = subject.encrypted](const AuthorizedKeys& keys) {
               flows_.person.stored_user_info.Decrypt(keys, data, deadline(),
                                                      Answer(keys));
             });
  }

  void FetchByGrant(const UserInfoSubject& subject) {
    const auto fetch = [this,
                        query = subject.query](const AuthorizedPerson& person) {
      flows_.person.live_user_info.FetchByGrant(
          person.app(), query, Language(request_), deadline(), Answer(person));
    };
    if (subject.person.has_value()) return fetch(*subject.person);
    FindSession(subject.token_hash(), fetch);
  }

  void OnKnown(const AuthorizedProfile& known) {
    if (request_.has_stored()) return Answer(known)(StoredUserInfo::Of(known));
    const absl::StatusOr<AuthorizedPerson> person =
        AuthorizeFollower(known->identity, context_);
    if (!person.ok()) return Fail(person.status());
    flows_.person.live_user_info.FetchFollower(
        *person, known->user, Language(request_), deadline(), Answer(*person));
  }

  Done<UserInfo> Answer(const Authorized& proof) {
    return [this, proof](absl::StatusOr<UserInfo> info) {
      if (!info.ok()) return Fail(info.status());
      Fill(*info, response_);
      Succeed(proof);
    };
  }
};

template RpcMethod MethodOf<GetUserInfoCall>(const Services& services);

}  // namespace wxident
