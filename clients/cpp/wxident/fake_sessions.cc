#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "wxident/fake_answers.h"
#include "wxident/fake_errors.h"
#include "wxident/fake_find.h"

namespace wxident::client {
namespace {

constexpr absl::Duration kSessionLife = absl::Hours(24 * 7);

}  // namespace

grpc::Status Answer(FakeWorld& world, const v1::LoginRequest& request,
                    v1::LoginResponse& response) {
  if (grpc::Status bad = CheckApp(world, "app_id", request.app_id()); !bad.ok())
    return bad;
  FakeWorld::Code* code = nullptr;
  grpc::Status found = FakeInvalid("credential", "is required");
  if (request.has_mini_program_code())
    found = FindCode(world, "mini_program_code", request.mini_program_code(),
                     FakeWorld::CodeKind::kLogin, request.app_id(), &code);
  else if (request.has_oauth_code())
    found = FindCode(world, "oauth_code", request.oauth_code(),
                     FakeWorld::CodeKind::kOauth, request.app_id(), &code);
  if (!found.ok()) return found;
  absl::Duration ttl = kSessionLife;
  if (request.has_session_ttl()) {
    ttl = std::min(ttl, absl::Seconds(request.session_ttl().seconds()));
    if (ttl < absl::Seconds(1))
      return FakeInvalid("session_ttl", "must be 1 s or more");
  }
  if (!code->answer.has_value()) {
    code->answer = world.SignIn(*code->account, ttl);
    if (code->kind == FakeWorld::CodeKind::kOauth) {
      v1::GetAccessTokenResponse& token = code->account->web_token.emplace();
      token.set_access_token(absl::StrCat("98_", world.RandomText(80)));
      *token.mutable_expire_time() = ToTimestamp(world.Now() + absl::Hours(2));
      token.set_kind(v1::ACCESS_TOKEN_KIND_WEB);
    }
  }
  response = *code->answer;
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::ValidateSessionRequest& request,
                    v1::ValidateSessionResponse& response) {
  if (grpc::Status bad = CheckToken(request.session_token()); !bad.ok())
    return bad;
  const FakeWorld::Session* found =
      world.ActiveSession(request.session_token());
  if (found == nullptr) return grpc::Status::OK;
  response.set_active(true);
  v1::Session& session = *response.mutable_session();
  *session.mutable_user() = found->family->account->person->user;
  *session.mutable_identity() = found->family->account->identity;
  *session.mutable_create_time() = ToTimestamp(found->family->created);
  *session.mutable_expire_time() = ToTimestamp(found->family->expires);
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::RefreshSessionRequest& request,
                    v1::RefreshSessionResponse& response) {
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad = FindSession(world, request.session_token(), &session);
      !bad.ok()) {
    // A token refreshed again after its overlap has leaked.
    const auto old = world.sessions.find(request.session_token());
    if (old != world.sessions.end() && old->second.replaced.has_value())
      old->second.family->revoked = true;
    return bad;
  }
  if (!session->replaced.has_value()) session->replaced = world.Now();
  session->family->expires = world.Now() + kSessionLife;
  *response.mutable_expire_time() = ToTimestamp(session->family->expires);
  response.set_session_token(world.KeepSession(session->family));
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::RevokeSessionRequest& request,
                    v1::RevokeSessionResponse& response) {
  std::set<FakeWorld::Family*> ended;
  if (request.has_session_token()) {
    if (grpc::Status bad = CheckToken(request.session_token()); !bad.ok())
      return bad;
    const FakeWorld::Session* session =
        world.ActiveSession(request.session_token());
    if (session != nullptr) ended.insert(session->family.get());
  } else if (request.has_user_id()) {
    if (grpc::Status bad = CheckUserId("user_id", request.user_id()); !bad.ok())
      return bad;
    for (const auto& [token, session] : world.sessions)
      if (session.family->account->person->user.user_id() ==
              request.user_id() &&
          world.ActiveSession(token) != nullptr)
        ended.insert(session.family.get());
  } else {
    return FakeInvalid("target", "is required");
  }
  for (FakeWorld::Family* family : ended) family->revoked = true;
  response.set_revoked_count(static_cast<int>(ended.size()));
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::CheckSessionKeyRequest& request,
                    v1::CheckSessionKeyResponse& response) {
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad = FindSession(world, request.session_token(), &session);
      !bad.ok())
    return bad;
  response.set_valid(true);
  return grpc::Status::OK;
}

}  // namespace wxident::client
