#include "wxident/fake_answers.h"
#include "wxident/fake_errors.h"
#include "wxident/fake_find.h"

namespace wxident::client {

grpc::Status Answer(FakeWorld& world, const v1::DecryptPhoneRequest& request,
                    v1::DecryptPhoneResponse& response) {
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad = FindSession(world, request.session_token(), &session);
      !bad.ok())
    return bad;
  Account& account = *session->family->account;
  absl::Time made = world.Now();
  if (request.has_encrypted()) {
    FakeWorld::Sealed* sealed = nullptr;
    if (grpc::Status bad = Open(world, account, "encrypted.",
                                request.encrypted().encrypted_data(),
                                request.encrypted().iv(), &sealed);
        !bad.ok())
      return bad;
    if (!sealed->json.empty())
      return FakeError(v1::ERROR_REASON_DECRYPT_REJECTED,
                       "the encrypted data is no phone number; ask WeChat for "
                       "one");
    made = sealed->made;
  } else if (request.has_phone_code()) {
    FakeWorld::Code* code = nullptr;
    if (grpc::Status bad = FindCode(world, "phone_code", request.phone_code(),
                                    FakeWorld::CodeKind::kPhone,
                                    account.identity.app_id(), &code);
        !bad.ok())
      return bad;
    if (code->account != &account)
      return FakeInvalid("phone_code", "is not one of this person's");
    if (code->used) {
      FakeWxident::Failure details;
      details.errcode = "40163";
      return FakeError(v1::ERROR_REASON_LOGIN_CODE_CONSUMED,
                       "the code has been used; get a new one from WeChat's "
                       "phone button",
                       details);
    }
    code->used = true;
  } else {
    return FakeInvalid("source", "is required");
  }
  account.person->user.set_phone_linked(true);
  response.mutable_phone()->set_phone_number(account.person->phone);
  response.mutable_phone()->set_pure_phone_number(account.person->phone);
  response.mutable_phone()->set_country_code("86");
  *response.mutable_watermark_time() = ToTimestamp(made);
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::DecryptUserDataRequest& request,
                    v1::DecryptUserDataResponse& response) {
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad = FindSession(world, request.session_token(), &session);
      !bad.ok())
    return bad;
  FakeWorld::Sealed* sealed = nullptr;
  if (grpc::Status bad = Open(world, *session->family->account, "",
                              request.encrypted_data(), request.iv(), &sealed);
      !bad.ok())
    return bad;
  response.set_json(sealed->json);
  *response.mutable_watermark_time() = ToTimestamp(sealed->made);
  return grpc::Status::OK;
}

}  // namespace wxident::client
