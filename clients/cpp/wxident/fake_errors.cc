#include "wxident/fake_errors.h"

#include "absl/strings/str_cat.h"
#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wxident/contract.h"
#include "wxident/error.h"

namespace wxident::client {
namespace {

grpc::StatusCode CodeOf(v1::ErrorReason reason) {
  const contract::ReasonRules* rules = contract::RulesOf(reason);
  // The two enumerations have the same numbers.
  return rules == nullptr ? grpc::StatusCode::UNKNOWN
                          : static_cast<grpc::StatusCode>(rules->code);
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
