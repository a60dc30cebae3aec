#include <optional>
#include <utility>

#include "server/rpc/admin_calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

void FillExported(const ExportedIdentity& identity,
                  v1::ExportedIdentity& message) {
  Fill(identity.identity, *message.mutable_identity());
  Fill(identity.created_at, *message.mutable_create_time());
  if (identity.profile.has_value())
    Fill(*identity.profile, *message.mutable_user_info());
  if (identity.phone.has_value())
    Fill(*identity.phone, *message.mutable_phone());
  for (const ExportedIdentity::ActiveSession& session : identity.sessions) {
    v1::ExportedSession& exported = *message.add_sessions();
    Fill(session.created_at, *exported.mutable_create_time());
    Fill(session.expires_at, *exported.mutable_expire_time());
  }
  message.set_session_count(identity.session_count);
}

class ExportUserCall final
    : public UnaryCall<v1::ExportUserRequest, v1::ExportUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::Status checked = UserIdField("user_id", request_.user_id());
    if (!checked.ok()) return Fail(checked);
    const absl::Status allowed = AllowEveryApp();
    if (!allowed.ok()) return Fail(allowed);
    SetSubject(request_.user_id());
    services_.identities.ExportUser(
        request_.user_id(), deadline(),
        [this](absl::StatusOr<std::optional<ExportedUser>> user) {
          OnExported(std::move(user));
        });
  }

 private:
  void OnExported(absl::StatusOr<std::optional<ExportedUser>> user) {
    if (!user.ok()) return Fail(user.status());
    if (!user->has_value()) return Fail(UserUnknownError());
    Fill((*user)->user, *response_.mutable_user());
    for (const ExportedIdentity& identity : (*user)->identities)
      FillExported(identity, *response_.add_identities());
    for (const std::string& merged : (*user)->merged_user_ids)
      response_.add_merged_user_ids(merged);
    Succeed();
  }
};

}  // namespace

RpcMethod ExportUserMethod(const Services& services) {
  return MethodOf<ExportUserCall>(services);
}

}  // namespace wxident
