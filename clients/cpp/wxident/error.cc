#include "wxident/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "bazel/google_rpc/error_info.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "wxident/contract.h"

namespace wxident::client {
namespace {

constexpr char kDomain[] = "wxident";
constexpr char kPrefix[] = "ERROR_REASON_";
// Of the trailing metadata, and of the status's payload: printed as it is.
constexpr char kRequestId[] = "wxident-request-id";

// One detail of a status, by the type URL that google.protobuf.Any gives it.
template <typename Detail>
std::optional<Detail> DetailOf(const absl::Status& status) {
  const auto payload = status.GetPayload(
      absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload)))
    return std::nullopt;
  return detail;
}

std::optional<google::rpc::ErrorInfo> InfoOf(const absl::Status& status) {
  std::optional<google::rpc::ErrorInfo> info =
      DetailOf<google::rpc::ErrorInfo>(status);
  if (info.has_value() && info->domain() != kDomain) return std::nullopt;
  return info;
}

// What to do about an error that is not the server's own.
std::string Advice(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return "wxident cannot be reached; check the address and the "
             "certificates, and try again: ";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "no answer from wxident in time; try again, or allow more time: ";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "the server does not know this call; check the address and the "
             "server's version: ";
    default:
      return "the call did not get through to wxident: ";
  }
}

}  // namespace

v1::ErrorReason ReasonOf(const absl::Status& status) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (const auto info = InfoOf(status); info.has_value())
    v1::ErrorReason_Parse(absl::StrCat(kPrefix, info->reason()), &reason);
  return reason;
}

bool Is(const absl::Status& status, v1::ErrorReason reason) {
  return !status.ok() && ReasonOf(status) == reason;
}

std::string ReasonName(v1::ErrorReason reason) {
  const std::string name = v1::ErrorReason_Name(reason);
  if (reason == v1::ERROR_REASON_UNSPECIFIED || name.empty()) return "";
  return name.substr(sizeof(kPrefix) - 1);
}

absl::string_view AdviceOf(v1::ErrorReason reason) {
  const contract::ReasonRules* rules = contract::RulesOf(reason);
  return rules == nullptr ? "" : rules->advice;
}

std::string MetadataOf(const absl::Status& status, const std::string& name) {
  const auto info = InfoOf(status);
  if (!info.has_value()) return "";
  auto found = info->metadata().find(name);
  return found == info->metadata().end() ? "" : found->second;
}

std::vector<std::pair<std::string, std::string>> ViolationsOf(
    const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> violations;
  if (const auto bad = DetailOf<google::rpc::BadRequest>(status);
      bad.has_value())
    for (const auto& violation : bad->field_violations())
      violations.emplace_back(violation.field(), violation.description());
  return violations;
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  if (!retry.has_value()) return std::nullopt;
  return absl::Seconds(retry->retry_delay().seconds()) +
         absl::Nanoseconds(retry->retry_delay().nanos());
}

std::string RequestId(const absl::Status& status) {
  return std::string(status.GetPayload(kRequestId).value_or(absl::Cord()));
}

absl::Status FromGrpc(const grpc::Status& status,
                      const grpc::ClientContext& context) {
  absl::Status out = FromGrpc(status);
  if (out.ok()) return out;
  const auto& trailers = context.GetServerTrailingMetadata();
  if (auto found = trailers.find(kRequestId); found != trailers.end())
    out.SetPayload(kRequestId,
                   absl::Cord(absl::string_view(found->second.data(),
                                                found->second.size())));
  return out;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // The two enumerations have the same numbers.
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  absl::Status out(code, status.error_message());
  google::rpc::Status wire;
  if (wire.ParseFromString(status.error_details()))
    for (const auto& detail : wire.details())
      out.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  if (InfoOf(out).has_value()) return out;
  return absl::Status(code,
                      absl::StrCat(Advice(status), status.error_message()));
}

}  // namespace wxident::client
