#include <string>
#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/user_info.h"

namespace wxident {
namespace {

// Ends at once.
class RefusedUserInfoCall final : public UnaryCall {
 public:
  RefusedUserInfoCall(const Services& services,
                      grpc::CallbackServerContext& context, absl::Status error)
      : UnaryCall(services, "GetUserInfo", context), error_(std::move(error)) {}

  void Start() override { Fail(error_); }

 private:
  const absl::Status error_;
};

absl::Status Check(const v1::GetUserInfoRequest& request) {
  const std::string& language = request.language();
  if (!language.empty() && language != "zh_CN" && language != "zh_TW" &&
      language != "en")
    return FieldError("language", "must be zh_CN, zh_TW or en");
  if (request.source_case() == v1::GetUserInfoRequest::SOURCE_NOT_SET)
    return FieldError("source",
                      "is required: encrypted_profile, stored, oauth or "
                      "follower");
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* StartGetUserInfo(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response) {
  const absl::Status checked = Check(request);
  if (!checked.ok()) {
    auto* call = new RefusedUserInfoCall(services, context, checked);
    call->Begin();
    return call;
  }
  if (request.has_oauth() || request.has_follower())
    return StartFetchedUserInfo(services, context, request, response);
  return StartKeptUserInfo(services, context, request, response);
}

absl::StatusOr<ProfileQuery> UserInfoSubject(
    CallRecord& call, const v1::GetUserInfoRequest& request) {
  switch (request.subject_case()) {
    case v1::GetUserInfoRequest::kSessionToken: {
      WX_ASSIGN_OR_RETURN(
          std::string hash,
          SessionTokenField("session_token", request.session_token()));
      if (hash.empty()) return SessionNotActiveError();
      return BySession{std::move(hash)};
    }
    case v1::GetUserInfoRequest::kIdentityRef: {
      const v1::IdentityRef& ref = request.identity_ref();
      WX_RETURN_IF_ERROR(IdentityRefField(call, "identity_ref", ref));
      return ByOpenid{ref.app_id(), ref.openid()};
    }
    case v1::GetUserInfoRequest::SUBJECT_NOT_SET:
      break;
  }
  return FieldError("subject", "is required: session_token or identity_ref");
}

void FillUserInfo(const Identity& identity, const Profile& profile,
                  v1::GetUserInfoResponse& response) {
  Fill(profile, *response.mutable_user_info());
  Fill(identity, *response.mutable_identity());
  response.set_source(ToMessage(profile.source));
  Fill(profile.fetched_at, *response.mutable_fetch_time());
}

}  // namespace wxident
