#include "wxident/fake_world.h"

#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace wxident::client {

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp out;
  out.set_seconds(absl::ToUnixSeconds(time));
  out.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out.seconds()))));
  return out;
}

std::string FakeWorld::RandomText(int count) {
  constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::uniform_int_distribution<size_t> letter(0, sizeof(kLetters) - 2);
  std::string out;
  while (count-- > 0) out += kLetters[letter(random)];
  return out;
}

std::string FakeWorld::RandomUuid() {
  const uint64_t a = random(), b = random();
  return absl::StrFormat("%08x-%04x-7%03x-%04x-%012x", a >> 32,
                         (a >> 16) & 0xffff, a & 0xfff,
                         0x8000 | ((b >> 48) & 0x3fff), b & 0xffffffffffff);
}

Person& FakeWorld::FindPerson(const std::string& name) {
  auto [found, is_new] = people.try_emplace(name);
  Person& person = found->second;
  if (is_new) {
    person.unionid = absl::StrCat("o", RandomText(27));
    person.phone = absl::StrFormat("138%08d", people.size());
    person.profile.set_nickname(name);
    person.profile.set_language("zh_CN");
  }
  return person;
}

Account& FakeWorld::FindAccount(const std::string& app_id,
                                const std::string& name) {
  AddApp(app_id);
  Person& person = FindPerson(name);
  auto [found, is_new] = person.accounts.try_emplace(app_id);
  Account& account = found->second;
  if (is_new) {
    account.person = &person;
    account.identity.set_app_id(app_id);
    account.identity.set_openid(absl::StrCat("o", RandomText(27)));
    account.identity.set_unionid(person.unionid);
  }
  return account;
}

void FakeWorld::AddApp(const std::string& app_id) {
  if (tokens.count(app_id) == 0) Rotate(app_id, absl::Hours(2));
}

std::string FakeWorld::MakeCode(CodeKind kind, Account& account) {
  std::string code = RandomText(32);
  codes[code] = {kind, &account, Now(), std::nullopt, false};
  return code;
}

v1::EncryptedData FakeWorld::Seal(Account& account, const std::string& json) {
  v1::EncryptedData data;
  data.set_encrypted_data(absl::Base64Escape(RandomText(48)));
  data.set_iv(absl::Base64Escape(RandomText(16)));
  sealed[data.encrypted_data()] = {&account, json, Now()};
  return data;
}

v1::LoginResponse FakeWorld::SignIn(Account& account, absl::Duration ttl) {
  v1::LoginResponse answer;
  v1::User& user = account.person->user;
  if (user.user_id().empty()) {
    user.set_user_id(RandomUuid());
    *user.mutable_create_time() = ToTimestamp(Now());
    answer.set_new_user(true);
  }
  account.seen = true;
  const absl::Time expires = Now() + ttl;
  answer.set_session_token(KeepSession(
      std::make_shared<Family>(Family{&account, Now(), expires, false})));
  *answer.mutable_expire_time() = ToTimestamp(expires);
  *answer.mutable_user() = user;
  *answer.mutable_identity() = account.identity;
  return answer;
}

std::string FakeWorld::KeepSession(std::shared_ptr<Family> family) {
  std::string token = absl::StrCat("wxs1_", RandomText(43));
  sessions[token] = {std::move(family), std::nullopt};
  return token;
}

FakeWorld::Session* FakeWorld::ActiveSession(const std::string& token) {
  constexpr absl::Duration kRefreshOverlap = absl::Seconds(30);
  const auto found = sessions.find(token);
  if (found == sessions.end()) return nullptr;
  Session& session = found->second;
  if (session.family->revoked || Now() >= session.family->expires ||
      (session.replaced.has_value() &&
       Now() - *session.replaced >= kRefreshOverlap))
    return nullptr;
  return &session;
}

const v1::GetAccessTokenResponse& FakeWorld::Rotate(const std::string& app_id,
                                                    absl::Duration life) {
  v1::GetAccessTokenResponse& token = tokens[app_id];
  token.set_access_token(absl::StrCat("98_", RandomText(120)));
  *token.mutable_expire_time() = ToTimestamp(Now() + life);
  token.set_generation(token.generation() + 1);
  token.set_kind(v1::ACCESS_TOKEN_KIND_APP);
  changed.notify_all();
  return token;
}

}  // namespace wxident::client
