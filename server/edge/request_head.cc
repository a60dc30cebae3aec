#include "server/edge/request_head.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/edge/wire.h"

namespace wxident {

void RequestHead::Add(absl::string_view name, absl::string_view value) {
  constexpr size_t kOfAField = 32;
  bytes_ += name.size() + value.size() + kOfAField;
  if (bytes_ > kMaxBytes) {
    status_ = absl::ResourceExhaustedError(absl::StrCat(
        "metadata of more than ", kMaxBytes, " bytes, 32 for each field"));
    metadata_ = {};
    return;
  }
  if (name.empty()) return;
  switch (name.front()) {
    case ':':
      if (name == ":path")
        path_ = std::string(value);
      else if (name == ":method")
        is_post_ = value == "POST";
      return;
    case 'c':
      if (name == "content-type") {
        is_grpc_ = IsGrpcContentType(value);
        return;
      }
      break;
    case 'g':
      if (absl::StartsWith(name, "grpc-")) return AddGrpc(name, value);
      break;
    case 't':
      if (name == "te") return;
      break;
    default:
      break;
  }
  if (absl::EndsWith(name, "-bin")) return AddBinary(name, value);
  metadata_.emplace_back(name, value);
}

void RequestHead::AddGrpc(absl::string_view name, absl::string_view value) {
  if (name == "grpc-timeout") {
    timeout_ = ParseGrpcTimeout(value);
    if (!timeout_.has_value())
      status_.Update(absl::InternalError("grpc-timeout cannot be read"));
  } else if (name == "grpc-encoding") {
    if (value != "identity")
      status_.Update(absl::UnimplementedError(
          "this server takes no compressed messages: send grpc-encoding "
          "identity, or none"));
  } else if (absl::EndsWith(name, "-bin")) {
    AddBinary(name, value);
  }
}

void RequestHead::AddBinary(absl::string_view name, absl::string_view value) {
  // Fields of one name may have been joined.
  for (const absl::string_view part : absl::StrSplit(value, ',')) {
    std::optional<std::string> bytes =
        DecodeBinaryField(absl::StripAsciiWhitespace(part));
    if (!bytes.has_value()) {
      status_.Update(absl::InternalError(
          absl::StrCat("the value of ", name, " is not base64")));
      return;
    }
    metadata_.emplace_back(name, *std::move(bytes));
  }
}

int RequestHead::HttpStatus() const {
  if (!is_post_) return 405;
  return is_grpc_ ? 200 : 415;
}

}  // namespace wxident
