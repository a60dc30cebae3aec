#include "server/http/http_client.h"

#include "absl/strings/cord.h"

namespace wxident {
namespace {

constexpr absl::string_view kNothingSent = "wxident/nothing-sent";

}  // namespace

bool NothingSent(const absl::Status& error) {
  return error.GetPayload(kNothingSent).has_value();
}

absl::Status MarkNothingSent(absl::Status error) {
  error.SetPayload(kNothingSent, absl::Cord());
  return error;
}

}  // namespace wxident
