// The contract's own promises: what the .proto files say and the code does must
// be the same.

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/rpc/status.h"
#include "wxident/v1/error_reason.pb.h"

namespace wxident {
namespace {

TEST(ContractTest, EveryErrorReasonIsOneOfTheDomain) {
  const auto* reasons = v1::ErrorReason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    const auto* value = reasons->value(i);
    if (value->number() == 0) continue;
    const auto reason = static_cast<Reason>(value->number());
    EXPECT_EQ(absl::StrCat("ERROR_REASON_", ReasonName(reason)), value->name());
  }
}

TEST(ContractTest, AStatusThatIsNoErrorOfOursTellsNothing) {
  const CallStatus status =
      ToCallStatus(absl::UnknownError("SELECT secret FROM somewhere"));
  EXPECT_EQ(status.code, absl::StatusCode::kInternal);
  EXPECT_EQ(status.message.find("SELECT"), std::string::npos);
  EXPECT_EQ(status.details.find("SELECT"), std::string::npos);
}

}  // namespace
}  // namespace wxident
