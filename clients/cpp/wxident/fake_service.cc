#include "wxident/fake_service.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "wxident/fake_errors.h"

namespace wxident::client {
namespace {

using Lock = std::unique_lock<std::mutex>;

constexpr absl::Duration kCodeLife = absl::Minutes(5);
constexpr absl::Duration kSessionLife = absl::Hours(24 * 7);
constexpr int kMostUsers = 500;

grpc::Status NotActive() {
  return FakeError(
      v1::ERROR_REASON_SESSION_NOT_ACTIVE,
      "the session token is unknown, expired or revoked; log in again");
}

grpc::Status UserNotFound() {
  return FakeError(v1::ERROR_REASON_USER_NOT_FOUND,
                   "no user is found by this; check it, or let the person log "
                   "in first");
}

grpc::Status GrantExpired() {
  return FakeError(v1::ERROR_REASON_OAUTH_GRANT_EXPIRED,
                   "the person has given no web authorisation; send the person "
                   "through GetAuthorizeUrl");
}

grpc::Status CheckApp(const FakeWorld& world, const std::string& field,
                      const std::string& app_id) {
  if (app_id.empty()) return FakeInvalid(field, "is required");
  if (world.tokens.count(app_id) != 0) return grpc::Status::OK;
  FakeWxident::Failure details;
  details.field = field;
  return FakeError(v1::ERROR_REASON_APP_UNKNOWN,
                   absl::StrCat(field,
                                " is no app of this server; check the id, or "
                                "add the app to the server's configuration"),
                   details);
}

grpc::Status CheckToken(const std::string& token) {
  if (token.empty()) return FakeInvalid("session_token", "is required");
  if (token.size() > 512)
    return FakeInvalid("session_token", "is longer than 512 characters");
  return grpc::Status::OK;
}

bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-'
             : !absl::ascii_isxdigit(text[i]) || absl::ascii_isupper(text[i]))
      return false;
  }
  return true;
}

grpc::Status FindSession(FakeWorld& world, const std::string& token,
                         FakeWorld::Session** session) {
  if (grpc::Status bad = CheckToken(token); !bad.ok()) return bad;
  *session = world.ActiveSession(token);
  return *session == nullptr ? NotActive() : grpc::Status::OK;
}

// A code that is good for a use.
grpc::Status FindCode(FakeWorld& world, const std::string& field,
                      const std::string& text, FakeWorld::CodeKind kind,
                      const std::string& app_id, FakeWorld::Code** code) {
  if (text.empty() || text.size() > 512 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '_' || c == '-';
      }))
    return FakeInvalid(
        field, "must be 1 to 512 characters of A-Z, a-z, 0-9, '_', '-'");
  const auto found = world.codes.find(text);
  if (found == world.codes.end() || found->second.kind != kind ||
      found->second.account->identity.app_id() != app_id ||
      world.Now() - found->second.made >= kCodeLife) {
    FakeWxident::Failure details;
    details.errcode = "40029";
    return FakeError(v1::ERROR_REASON_LOGIN_CODE_INVALID,
                     "WeChat does not know the code; get a new one", details);
  }
  *code = &found->second;
  return grpc::Status::OK;
}

grpc::Status Open(FakeWorld& world, const Account& account,
                  const std::string& prefix, const std::string& data,
                  const std::string& iv, FakeWorld::Sealed** sealed) {
  if (data.empty())
    return FakeInvalid(absl::StrCat(prefix, "encrypted_data"), "is required");
  std::string raw;
  if (!absl::Base64Unescape(iv, &raw) || raw.size() != 16)
    return FakeInvalid(absl::StrCat(prefix, "iv"),
                       "must be base64 of 16 bytes");
  const auto found = world.sealed.find(data);
  if (found == world.sealed.end() || found->second.account != &account)
    return FakeError(v1::ERROR_REASON_DECRYPT_REJECTED,
                     "the encrypted data does not open; log in again, then ask "
                     "WeChat for it again");
  *sealed = &found->second;
  return grpc::Status::OK;
}

// Null, and OK: one that has never logged in.
grpc::Status FindIdentity(FakeWorld& world, const std::string& field,
                          const v1::IdentityRef& ref, Account** account) {
  *account = nullptr;
  if (grpc::Status bad =
          CheckApp(world, absl::StrCat(field, ".app_id"), ref.app_id());
      !bad.ok())
    return bad;
  if (ref.openid().empty())
    return FakeInvalid(absl::StrCat(field, ".openid"), "is required");
  for (auto& [name, person] : world.people) {
    const auto found = person.accounts.find(ref.app_id());
    if (found != person.accounts.end() && found->second.seen &&
        found->second.identity.openid() == ref.openid())
      *account = &found->second;
  }
  return grpc::Status::OK;
}

template <typename Predicate>
const Person* FindPerson(const FakeWorld& world, const Predicate& is) {
  for (const auto& [name, person] : world.people)
    if (!person.user.user_id().empty() && is(person)) return &person;
  return nullptr;
}

// Into a GetUserResponse or a FoundUser.
template <typename Message>
void Describe(const Person& person, Message* message) {
  *message->mutable_user() = person.user;
  for (const auto& [app_id, account] : person.accounts)
    if (account.seen) *message->add_identities() = account.identity;
}

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                   absl::StrContains("-._~", std::string(1, c))
               ? std::string(1, c)
               : absl::StrCat("%", absl::AsciiStrToUpper(absl::BytesToHexString(
                                       std::string(1, c))));
  return out;
}

}  // namespace

grpc::Status FakeService::Begin(grpc::ServerContext& context,
                                const std::string& method, Lock& lock) {
  lock = Lock(world_.mutex);
  FakeWorld::Traffic& traffic = world_.traffic[method];
  ++traffic.calls;
  traffic.last_deadline = absl::FromChrono(context.deadline()) - absl::Now();
  traffic.last_metadata.clear();
  for (const auto& [key, value] : context.client_metadata())
    traffic.last_metadata.emplace(std::string(key.data(), key.size()),
                                  std::string(value.data(), value.size()));
  std::optional<FakeWorld::Fault> fault;
  if (!traffic.faults.empty()) {
    fault = traffic.faults.front();
    traffic.faults.pop_front();
  }
  // A call that was given up tells nobody.
  while (traffic.held && !world_.stopping && !context.IsCancelled())
    world_.changed.wait_for(lock, std::chrono::milliseconds(20));
  if (world_.stopping)
    return {grpc::StatusCode::UNAVAILABLE, "the server is stopping"};
  if (!fault.has_value()) return grpc::Status::OK;
  const std::optional<absl::Duration>& retry_in = fault->failure.retry_in;
  context.AddTrailingMetadata(
      "grpc-retry-pushback-ms",
      retry_in.has_value() ? absl::StrCat(absl::ToInt64Milliseconds(*retry_in))
                           : "-1");
  return FakeError(fault->reason, "a failure that the test asked for",
                   fault->failure);
}

grpc::Status FakeService::Login(grpc::ServerContext* context,
                                const v1::LoginRequest* request,
                                v1::LoginResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "Login", lock); !bad.ok()) return bad;
  if (grpc::Status bad = CheckApp(world_, "app_id", request->app_id());
      !bad.ok())
    return bad;
  FakeWorld::Code* code = nullptr;
  grpc::Status found = FakeInvalid("credential", "is required");
  if (request->has_mini_program_code())
    found = FindCode(world_, "mini_program_code", request->mini_program_code(),
                     FakeWorld::CodeKind::kLogin, request->app_id(), &code);
  else if (request->has_oauth_code())
    found = FindCode(world_, "oauth_code", request->oauth_code(),
                     FakeWorld::CodeKind::kOauth, request->app_id(), &code);
  if (!found.ok()) return found;
  absl::Duration ttl = kSessionLife;
  if (request->has_session_ttl()) {
    ttl = std::min(ttl, absl::Seconds(request->session_ttl().seconds()));
    if (ttl < absl::Seconds(1))
      return FakeInvalid("session_ttl", "must be 1 s or more");
  }
  if (!code->answer.has_value()) {
    code->answer = world_.SignIn(*code->account, ttl);
    if (code->kind == FakeWorld::CodeKind::kOauth) {
      v1::GetAccessTokenResponse& token = code->account->web_token.emplace();
      token.set_access_token(absl::StrCat("98_", world_.RandomText(80)));
      *token.mutable_expire_time() = ToTimestamp(world_.Now() + absl::Hours(2));
      token.set_kind(v1::ACCESS_TOKEN_KIND_WEB);
    }
  }
  *response = *code->answer;
  return grpc::Status::OK;
}

grpc::Status FakeService::ValidateSession(
    grpc::ServerContext* context, const v1::ValidateSessionRequest* request,
    v1::ValidateSessionResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "ValidateSession", lock); !bad.ok())
    return bad;
  if (grpc::Status bad = CheckToken(request->session_token()); !bad.ok())
    return bad;
  const FakeWorld::Session* found =
      world_.ActiveSession(request->session_token());
  if (found == nullptr) return grpc::Status::OK;
  response->set_active(true);
  v1::Session& session = *response->mutable_session();
  *session.mutable_user() = found->family->account->person->user;
  *session.mutable_identity() = found->family->account->identity;
  *session.mutable_create_time() = ToTimestamp(found->family->created);
  *session.mutable_expire_time() = ToTimestamp(found->family->expires);
  return grpc::Status::OK;
}

grpc::Status FakeService::RefreshSession(
    grpc::ServerContext* context, const v1::RefreshSessionRequest* request,
    v1::RefreshSessionResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "RefreshSession", lock); !bad.ok())
    return bad;
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad =
          FindSession(world_, request->session_token(), &session);
      !bad.ok()) {
    // A token refreshed again after its overlap has leaked.
    const auto old = world_.sessions.find(request->session_token());
    if (old != world_.sessions.end() && old->second.replaced.has_value())
      old->second.family->revoked = true;
    return bad;
  }
  if (!session->replaced.has_value()) session->replaced = world_.Now();
  session->family->expires = world_.Now() + kSessionLife;
  *response->mutable_expire_time() = ToTimestamp(session->family->expires);
  response->set_session_token(world_.KeepSession(session->family));
  return grpc::Status::OK;
}

grpc::Status FakeService::RevokeSession(grpc::ServerContext* context,
                                        const v1::RevokeSessionRequest* request,
                                        v1::RevokeSessionResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "RevokeSession", lock); !bad.ok())
    return bad;
  std::set<FakeWorld::Family*> ended;
  if (request->has_session_token()) {
    if (grpc::Status bad = CheckToken(request->session_token()); !bad.ok())
      return bad;
    const FakeWorld::Session* session =
        world_.ActiveSession(request->session_token());
    if (session != nullptr) ended.insert(session->family.get());
  } else if (request->has_user_id()) {
    if (!IsUuid(request->user_id()))
      return FakeInvalid("user_id", "must be a UUID in lower-case text form");
    for (const auto& [token, session] : world_.sessions)
      if (session.family->account->person->user.user_id() ==
              request->user_id() &&
          world_.ActiveSession(token) != nullptr)
        ended.insert(session.family.get());
  } else {
    return FakeInvalid("target", "is required");
  }
  for (FakeWorld::Family* family : ended) family->revoked = true;
  response->set_revoked_count(static_cast<int>(ended.size()));
  return grpc::Status::OK;
}

grpc::Status FakeService::CheckSessionKey(
    grpc::ServerContext* context, const v1::CheckSessionKeyRequest* request,
    v1::CheckSessionKeyResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "CheckSessionKey", lock); !bad.ok())
    return bad;
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad =
          FindSession(world_, request->session_token(), &session);
      !bad.ok())
    return bad;
  response->set_valid(true);
  return grpc::Status::OK;
}

grpc::Status FakeService::DecryptPhone(grpc::ServerContext* context,
                                       const v1::DecryptPhoneRequest* request,
                                       v1::DecryptPhoneResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "DecryptPhone", lock); !bad.ok())
    return bad;
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad =
          FindSession(world_, request->session_token(), &session);
      !bad.ok())
    return bad;
  Account& account = *session->family->account;
  absl::Time made = world_.Now();
  if (request->has_encrypted()) {
    FakeWorld::Sealed* sealed = nullptr;
    if (grpc::Status bad = Open(world_, account, "encrypted.",
                                request->encrypted().encrypted_data(),
                                request->encrypted().iv(), &sealed);
        !bad.ok())
      return bad;
    if (!sealed->json.empty())
      return FakeError(v1::ERROR_REASON_DECRYPT_REJECTED,
                       "the encrypted data is no phone number; ask WeChat for "
                       "one");
    made = sealed->made;
  } else if (request->has_phone_code()) {
    FakeWorld::Code* code = nullptr;
    if (grpc::Status bad = FindCode(world_, "phone_code", request->phone_code(),
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
  response->mutable_phone()->set_phone_number(account.person->phone);
  response->mutable_phone()->set_pure_phone_number(account.person->phone);
  response->mutable_phone()->set_country_code("86");
  *response->mutable_watermark_time() = ToTimestamp(made);
  return grpc::Status::OK;
}

grpc::Status FakeService::DecryptUserData(
    grpc::ServerContext* context, const v1::DecryptUserDataRequest* request,
    v1::DecryptUserDataResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "DecryptUserData", lock); !bad.ok())
    return bad;
  FakeWorld::Session* session = nullptr;
  if (grpc::Status bad =
          FindSession(world_, request->session_token(), &session);
      !bad.ok())
    return bad;
  FakeWorld::Sealed* sealed = nullptr;
  if (grpc::Status bad =
          Open(world_, *session->family->account, "", request->encrypted_data(),
               request->iv(), &sealed);
      !bad.ok())
    return bad;
  response->set_json(sealed->json);
  *response->mutable_watermark_time() = ToTimestamp(sealed->made);
  return grpc::Status::OK;
}

grpc::Status FakeService::GetUserInfo(grpc::ServerContext* context,
                                      const v1::GetUserInfoRequest* request,
                                      v1::GetUserInfoResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "GetUserInfo", lock); !bad.ok())
    return bad;
  Account* account = nullptr;
  if (request->has_session_token()) {
    FakeWorld::Session* session = nullptr;
    if (grpc::Status bad =
            FindSession(world_, request->session_token(), &session);
        !bad.ok())
      return bad;
    account = session->family->account;
  } else if (request->has_identity_ref()) {
    if (grpc::Status bad = FindIdentity(world_, "identity_ref",
                                        request->identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account == nullptr) return UserNotFound();
  } else {
    return FakeInvalid("subject", "is required");
  }
  if (request->has_stored()) {
    if (!account->stored.has_value())
      return FakeError(v1::ERROR_REASON_PROFILE_NOT_FOUND,
                       "no profile has been stored for this identity; get one "
                       "from another source first");
    *response = *account->stored;
    *response->mutable_user() = account->person->user;
    return grpc::Status::OK;
  }
  if (request->has_encrypted_profile()) {
    if (request->has_identity_ref())
      return FakeInvalid("encrypted_profile", "needs a session_token");
    FakeWorld::Sealed* sealed = nullptr;
    if (grpc::Status bad = Open(world_, *account, "encrypted_profile.",
                                request->encrypted_profile().encrypted_data(),
                                request->encrypted_profile().iv(), &sealed);
        !bad.ok())
      return bad;
    response->set_source(v1::USER_INFO_SOURCE_ENCRYPTED_PROFILE);
  } else if (request->has_oauth()) {
    if (!account->web_token.has_value()) return GrantExpired();
    response->set_source(v1::USER_INFO_SOURCE_OAUTH);
  } else if (request->has_follower()) {
    response->set_source(v1::USER_INFO_SOURCE_FOLLOWER);
  } else {
    return FakeInvalid("source", "is required");
  }
  *response->mutable_user_info() = account->person->profile;
  *response->mutable_identity() = account->identity;
  *response->mutable_user() = account->person->user;
  *response->mutable_fetch_time() = ToTimestamp(world_.Now());
  account->stored = *response;
  return grpc::Status::OK;
}

grpc::Status FakeService::GetAccessToken(
    grpc::ServerContext* context, const v1::GetAccessTokenRequest* request,
    v1::GetAccessTokenResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "GetAccessToken", lock); !bad.ok())
    return bad;
  if (grpc::Status bad = CheckApp(world_, "app_id", request->app_id());
      !bad.ok())
    return bad;
  if (request->has_web()) {
    Account* account = nullptr;
    if (grpc::Status bad =
            FindIdentity(world_, "web.identity_ref",
                         request->web().identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account == nullptr) return UserNotFound();
    if (!account->web_token.has_value()) return GrantExpired();
    *response = *account->web_token;
    return grpc::Status::OK;
  }
  const v1::GetAccessTokenResponse& token = world_.tokens[request->app_id()];
  if (token.access_token() == request->rejected_access_token() ||
      absl::FromUnixSeconds(token.expire_time().seconds()) <= world_.Now())
    world_.Rotate(request->app_id(), absl::Hours(2));
  *response = token;
  return grpc::Status::OK;
}

grpc::Status FakeService::WatchAccessToken(
    grpc::ServerContext* context, const v1::WatchAccessTokenRequest* request,
    grpc::ServerWriter<v1::WatchAccessTokenResponse>* writer) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "WatchAccessToken", lock); !bad.ok())
    return bad;
  if (grpc::Status bad = CheckApp(world_, "app_id", request->app_id());
      !bad.ok())
    return bad;
  const int ended_before = world_.streams_ended;
  std::string sent;
  while (!world_.stopping && world_.streams_ended == ended_before &&
         !context->IsCancelled()) {
    const v1::GetAccessTokenResponse& token = world_.tokens[request->app_id()];
    if (token.access_token() == sent) {
      // Nobody tells that the call was given up.
      world_.changed.wait_for(lock, std::chrono::milliseconds(20));
      continue;
    }
    sent = token.access_token();
    v1::WatchAccessTokenResponse message;
    message.set_access_token(sent);
    *message.mutable_expire_time() = token.expire_time();
    message.set_generation(token.generation());
    message.set_kind(token.kind());
    lock.unlock();
    writer->Write(message);
    lock.lock();
  }
  return grpc::Status::OK;
}

grpc::Status FakeService::GetJsapiSignature(
    grpc::ServerContext* context, const v1::GetJsapiSignatureRequest* request,
    v1::GetJsapiSignatureResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "GetJsapiSignature", lock); !bad.ok())
    return bad;
  if (grpc::Status bad = CheckApp(world_, "app_id", request->app_id());
      !bad.ok())
    return bad;
  if (request->url().size() > 2048 ||
      (!absl::StartsWith(request->url(), "https://") &&
       !absl::StartsWith(request->url(), "http://")))
    return FakeInvalid("url",
                       "must be an http or https URL of at most 2048 "
                       "characters");
  response->set_app_id(request->app_id());
  response->set_nonce(world_.RandomText(16));
  response->set_timestamp(absl::ToUnixSeconds(world_.Now()));
  // Of a ticket that nobody has: 20 random bytes are as good.
  response->set_signature(absl::BytesToHexString(world_.RandomText(20)));
  return grpc::Status::OK;
}

grpc::Status FakeService::GetAuthorizeUrl(
    grpc::ServerContext* context, const v1::GetAuthorizeUrlRequest* request,
    v1::GetAuthorizeUrlResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "GetAuthorizeUrl", lock); !bad.ok())
    return bad;
  if (grpc::Status bad = CheckApp(world_, "app_id", request->app_id());
      !bad.ok())
    return bad;
  if (!absl::StartsWith(request->redirect_uri(), "https://") ||
      request->redirect_uri().size() > 1024)
    return FakeInvalid("redirect_uri", "must be an https URL");
  const std::string& scope = request->scope();
  if (scope != "snsapi_base" && scope != "snsapi_userinfo" &&
      scope != "snsapi_login")
    return FakeInvalid("scope",
                       "must be snsapi_base, snsapi_userinfo or snsapi_login");
  if (request->state().empty() || request->state().size() > 128 ||
      !std::all_of(request->state().begin(), request->state().end(),
                   absl::ascii_isalnum))
    return FakeInvalid("state", "must be 1 to 128 characters of A-Z, a-z, 0-9");
  response->set_url(absl::StrCat(
      "https://open.weixin.qq.com/connect/",
      scope == "snsapi_login" ? "qrconnect" : "oauth2/authorize", "?appid=",
      request->app_id(), "&redirect_uri=", Escape(request->redirect_uri()),
      "&response_type=code&scope=", scope, "&state=", request->state(),
      "#wechat_redirect"));
  return grpc::Status::OK;
}

grpc::Status FakeService::GetUser(grpc::ServerContext* context,
                                  const v1::GetUserRequest* request,
                                  v1::GetUserResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "GetUser", lock); !bad.ok())
    return bad;
  const Person* person = nullptr;
  if (request->has_user_id()) {
    if (!IsUuid(request->user_id()))
      return FakeInvalid("user_id", "must be a UUID in lower-case text form");
    person = FindPerson(world_, [&](const Person& one) {
      return one.user.user_id() == request->user_id();
    });
  } else if (request->has_identity_ref()) {
    Account* account = nullptr;
    if (grpc::Status bad = FindIdentity(world_, "identity_ref",
                                        request->identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account != nullptr) person = account->person;
  } else if (request->has_union_ref()) {
    if (grpc::Status bad =
            CheckApp(world_, "union_ref.app_id", request->union_ref().app_id());
        !bad.ok())
      return bad;
    person = FindPerson(world_, [&](const Person& one) {
      return one.unionid == request->union_ref().unionid();
    });
  } else {
    return FakeInvalid("subject", "is required");
  }
  if (person == nullptr) return UserNotFound();
  Describe(*person, response);
  return grpc::Status::OK;
}

grpc::Status FakeService::BatchGetUsers(grpc::ServerContext* context,
                                        const v1::BatchGetUsersRequest* request,
                                        v1::BatchGetUsersResponse* response) {
  Lock lock;
  if (grpc::Status bad = Begin(*context, "BatchGetUsers", lock); !bad.ok())
    return bad;
  if (request->identity_refs_size() > 0 && request->user_ids_size() > 0)
    return FakeInvalid("user_ids",
                       "must be empty when there are identity_refs");
  if (request->identity_refs_size() > kMostUsers)
    return FakeInvalid("identity_refs", "has more than 500");
  if (request->user_ids_size() > kMostUsers)
    return FakeInvalid("user_ids", "has more than 500");
  const auto add = [&](const Person* person) {
    v1::FoundUser& found = *response->add_users();
    found.set_found(person != nullptr);
    if (person != nullptr) Describe(*person, &found);
  };
  for (int i = 0; i < request->identity_refs_size(); ++i) {
    Account* account = nullptr;
    if (grpc::Status bad =
            FindIdentity(world_, absl::StrCat("identity_refs[", i, "]"),
                         request->identity_refs(i), &account);
        !bad.ok())
      return bad;
    add(account == nullptr ? nullptr : account->person);
  }
  for (int i = 0; i < request->user_ids_size(); ++i) {
    if (!IsUuid(request->user_ids(i)))
      return FakeInvalid(absl::StrCat("user_ids[", i, "]"),
                         "must be a UUID in lower-case text form");
    add(FindPerson(world_, [&](const Person& one) {
      return one.user.user_id() == request->user_ids(i);
    }));
  }
  return grpc::Status::OK;
}

}  // namespace wxident::client
