#include "server/rpc/fields.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"

namespace wxident {
namespace {

constexpr size_t kMaxSessionToken = 512;
constexpr size_t kMaxOpenid = 128;
constexpr size_t kIvSize = 16;

}  // namespace

absl::Status FieldError(absl::string_view path, absl::string_view what) {
  return Error(Reason::kRequestInvalid, absl::StrCat(path, " ", what))
      .Field(path, what)
      .ToStatus();
}

absl::StatusOr<const App*> AppField(RpcContext& call, absl::string_view path,
                                    absl::string_view app_id) {
  if (app_id.empty()) return FieldError(path, "is required");
  WX_RETURN_IF_ERROR(call.Allow(app_id));
  const App* app = call.services().apps.Find(app_id);
  if (app == nullptr)
    return Error(Reason::kAppUnknown,
                 absl::StrCat(path,
                              " is no app of this server; check the id, or "
                              "add the app to the server's configuration"))
        .Field(path, "is no app of this server")
        .ToStatus();
  return app;
}

absl::Status WechatIdField(absl::string_view path, absl::string_view text,
                           size_t max_size) {
  if (text.empty()) return FieldError(path, "is required");
  if (!IsWechatId(text, max_size))
    return FieldError(path,
                      absl::StrCat("must be 1 to ", max_size,
                                   " characters of A-Z, a-z, 0-9, '_', '-'"));
  return absl::OkStatus();
}

absl::Status IdentityRefField(RpcContext& call, absl::string_view path,
                              const v1::IdentityRef& ref) {
  WX_RETURN_IF_ERROR(
      AppField(call, absl::StrCat(path, ".app_id"), ref.app_id()).status());
  call.SetSubject(ref.openid());
  return WechatIdField(absl::StrCat(path, ".openid"), ref.openid(), kMaxOpenid);
}

absl::Status UserIdField(absl::string_view path, absl::string_view text) {
  if (!IsUuid(text))
    return FieldError(path, "must be a UUID in lower-case text form");
  return absl::OkStatus();
}

absl::StatusOr<std::string> SessionTokenField(absl::string_view path,
                                              absl::string_view token) {
  if (token.empty()) return FieldError(path, "is required");
  if (token.size() > kMaxSessionToken)
    return FieldError(
        path, absl::StrCat("is longer than ", kMaxSessionToken, " characters"));
  return SessionTokenHash(token).value_or("");
}

absl::Status SessionNotActiveError() {
  return Error(Reason::kSessionNotActive,
               "the session token is unknown, expired or revoked; log in "
               "again")
      .ToStatus();
}

absl::Status IdentityUnknownError() {
  return Error(Reason::kUserNotFound,
               "no user has this identity_ref; it has never logged in")
      .ToStatus();
}

absl::Status UserUnknownError() {
  return Error(Reason::kUserNotFound,
               "no user has this id; check it, or let the person log in first")
      .ToStatus();
}

absl::StatusOr<const App*> AppOf(RpcContext& call, const Identity& identity) {
  WX_RETURN_IF_ERROR(call.Allow(identity.app_id));
  call.SetSubject(identity.openid);
  const App* app = call.services().apps.Find(identity.app_id);
  if (app == nullptr)
    return Error(Reason::kAppUnknown,
                 "the identity's app is no longer in the server's "
                 "configuration")
        .ToStatus();
  return app;
}

absl::StatusOr<const App*> MiniProgramOf(
    RpcContext& call, const std::optional<Session>& session) {
  if (!session.has_value()) return SessionNotActiveError();
  WX_ASSIGN_OR_RETURN(const App* app, AppOf(call, session->identity));
  if (app->kind != AppKind::kMiniProgram)
    return FieldError("session_token", "must be that of a mini program's user");
  return app;
}

void KeepAllowed(RpcContext& call, std::optional<UserWithIdentities>& found) {
  if (call.AllowsEveryApp() || !found.has_value()) return;
  std::vector<Identity>& identities = found->identities;
  identities.erase(std::remove_if(identities.begin(), identities.end(),
                                  [&](const Identity& identity) {
                                    return !call.Allows(identity.app_id);
                                  }),
                   identities.end());
  if (identities.empty()) return found.reset();
  found->user.phone_linked = std::any_of(
      identities.begin(), identities.end(), [&](const Identity& identity) {
        return found->apps_with_phone.count(identity.app_id) > 0;
      });
}

absl::StatusOr<std::string> Base64Field(absl::string_view path,
                                        absl::string_view text,
                                        size_t max_size) {
  if (text.empty()) return FieldError(path, "is required");
  if (text.size() > max_size)
    return FieldError(path,
                      absl::StrCat("is longer than ", max_size, " characters"));
  std::optional<std::string> data = Base64Decode(text);
  if (!data.has_value())
    return FieldError(path,
                      "is not base64 as WeChat gives it; a '+' that became a "
                      "space on the way is the usual cause");
  return *std::move(data);
}

absl::StatusOr<std::string> IvField(absl::string_view path,
                                    absl::string_view text) {
  WX_ASSIGN_OR_RETURN(std::string iv, Base64Field(path, text, 64));
  if (iv.size() != kIvSize)
    return FieldError(
        path, absl::StrCat("must be base64 of 16 bytes, not of ", iv.size()));
  return iv;
}

}  // namespace wxident
