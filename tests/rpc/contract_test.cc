// The contract's own promises: what the .proto files say and the code does must
// be the same.

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/rpc/status.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/error_reason.pb.h"
#include "wxident/v1/identity_service.pb.h"
#include "wxident/v1/options.pb.h"

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

void ExpectSensitiveMarked(const google::protobuf::Descriptor* message,
                           std::set<std::string>& seen) {
  if (!seen.insert(message->full_name()).second) return;
  for (int i = 0; i < message->field_count(); ++i) {
    const auto* field = message->field(i);
    if (field->message_type() != nullptr)
      ExpectSensitiveMarked(field->message_type(), seen);
    if (field->type() != google::protobuf::FieldDescriptor::TYPE_STRING)
      continue;
    const std::string& name = field->name();
    bool must = false;
    for (const char* word :
         {"token", "code", "key", "phone", "openid", "unionid", "encrypted",
          "raw_data", "signature", "nickname", "remark", "json"})
      must = must || absl::StrContains(name, word);
    // A country's dialling code tells nothing of a person, nor does WeChat's
    // error; a page's signature is made for browsers.
    if (name == "country_code" || name == "failure_errcode" ||
        field->full_name() == "wxident.v1.GetJsapiSignatureResponse.signature")
      must = false;
    EXPECT_EQ(field->options().GetExtension(v1::sensitive),
              must || name == "avatar_url")
        << field->full_name();
  }
}

TEST(ContractTest, FieldsThatHoldSecretsOrPersonsAreMarkedSensitive) {
  std::set<std::string> seen;
  for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                           v1::EraseUserRequest::descriptor()->file()})
    for (int i = 0; i < file->message_type_count(); ++i)
      ExpectSensitiveMarked(file->message_type(i), seen);
  EXPECT_EQ(seen.count("wxident.v1.ExportedIdentity"), 1u);
  EXPECT_EQ(seen.count("wxident.v1.FoundUser"), 1u);
  EXPECT_GT(seen.size(), 40u);
}

TEST(ContractTest, AStatusThatIsNoErrorOfOursTellsNothing) {
  const grpc::Status status =
      ToGrpcStatus(absl::UnknownError("SELECT secret FROM somewhere"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message().find("SELECT"), std::string::npos);
  EXPECT_EQ(status.error_details().find("SELECT"), std::string::npos);
}

}  // namespace
}  // namespace wxident
