#include "wxident/fake_errors.h"

#include "absl/strings/str_cat.h"
#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wxident/error.h"

namespace wxident::client {
namespace {

// As error_reason.proto says.
grpc::StatusCode CodeOf(v1::ErrorReason reason) {
  switch (reason) {
    case v1::ERROR_REASON_REQUEST_INVALID:
    case v1::ERROR_REASON_APP_UNKNOWN:
    case v1::ERROR_REASON_DECRYPT_REJECTED:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case v1::ERROR_REASON_LOGIN_CODE_INVALID:
    case v1::ERROR_REASON_LOGIN_CODE_CONSUMED:
    case v1::ERROR_REASON_SESSION_NOT_ACTIVE:
    case v1::ERROR_REASON_SESSION_KEY_STALE:
    case v1::ERROR_REASON_SNAPSHOT_USER:
    case v1::ERROR_REASON_OAUTH_GRANT_EXPIRED:
    case v1::ERROR_REASON_OAUTH_SCOPE_INSUFFICIENT:
    case v1::ERROR_REASON_APP_MISCONFIGURED:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case v1::ERROR_REASON_USER_BLOCKED:
    case v1::ERROR_REASON_API_UNAUTHORIZED:
    case v1::ERROR_REASON_CALLER_NOT_ALLOWED:
      return grpc::StatusCode::PERMISSION_DENIED;
    case v1::ERROR_REASON_CALLER_UNAUTHENTICATED:
      return grpc::StatusCode::UNAUTHENTICATED;
    case v1::ERROR_REASON_USER_NOT_FOUND:
    case v1::ERROR_REASON_PROFILE_NOT_FOUND:
      return grpc::StatusCode::NOT_FOUND;
    case v1::ERROR_REASON_WECHAT_RATE_LIMITED:
    case v1::ERROR_REASON_TOKEN_BUDGET_EXHAUSTED:
    case v1::ERROR_REASON_OVERLOADED:
    case v1::ERROR_REASON_CALLER_RATE_LIMITED:
    case v1::ERROR_REASON_SESSION_RATE_LIMITED:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case v1::ERROR_REASON_WECHAT_BUSY:
    case v1::ERROR_REASON_WECHAT_UNREACHABLE:
    case v1::ERROR_REASON_WECHAT_BAD_RESPONSE:
    case v1::ERROR_REASON_STORE_UNAVAILABLE:
    case v1::ERROR_REASON_OUTCOME_UNKNOWN:
    case v1::ERROR_REASON_AUDIT_UNAVAILABLE:
      return grpc::StatusCode::UNAVAILABLE;
    case v1::ERROR_REASON_DEADLINE_PASSED:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case v1::ERROR_REASON_KEY_UNAVAILABLE:
    case v1::ERROR_REASON_TAMPERED:
      return grpc::StatusCode::DATA_LOSS;
    case v1::ERROR_REASON_WECHAT_REQUEST_REJECTED:
    case v1::ERROR_REASON_INTERNAL_FAULT:
      return grpc::StatusCode::INTERNAL;
    default:
      return grpc::StatusCode::UNKNOWN;
  }
}

}  // namespace

grpc::Status FakeError(v1::ErrorReason reason, const std::string& message,
                       const FakeWxident::Failure& details) {
  google::rpc::Status wire;
  wire.set_code(CodeOf(reason));
  wire.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("wxident");
  info.set_reason(ReasonName(reason));
  if (!details.errcode.empty()) {
    (*info.mutable_metadata())["errcode"] = details.errcode;
    (*info.mutable_metadata())["rid"] = "00000000-00000000-00000000";
  }
  wire.add_details()->PackFrom(info);
  if (!details.field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(details.field);
    violation->set_description(message);
    wire.add_details()->PackFrom(bad_request);
  }
  if (details.retry_after > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    const int64_t ms = absl::ToInt64Milliseconds(details.retry_after);
    retry.mutable_retry_delay()->set_seconds(ms / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(ms % 1000 * 1'000'000));
    wire.add_details()->PackFrom(retry);
  }
  return {CodeOf(reason), message, wire.SerializeAsString()};
}

grpc::Status FakeInvalid(const std::string& field, const std::string& what) {
  FakeWxident::Failure details;
  details.field = field;
  return FakeError(v1::ERROR_REASON_REQUEST_INVALID,
                   absl::StrCat(field, " ", what), details);
}

v1::ItemError FakeItemError(const grpc::Status& status) {
  v1::ItemError item;
  item.set_message(status.error_message());
  google::rpc::Status wire;
  google::rpc::ErrorInfo info;
  if (wire.ParseFromString(status.error_details()))
    for (const auto& detail : wire.details())
      if (detail.UnpackTo(&info)) {
        item.set_reason(info.reason());
        const auto errcode = info.metadata().find("errcode");
        if (errcode != info.metadata().end()) item.set_errcode(errcode->second);
      }
  return item;
}

}  // namespace wxident::client
