#include "server/store/postgres/keys/sealed_columns.h"

namespace wxident {

const std::vector<SealedColumn>& SealedColumns() {
  using KeyPart = SealedColumn::KeyPart;
  constexpr bool kBytes = true;
  static const auto* const kIdentity =
      new std::vector<KeyPart>{{"app_id"}, {"openid"}};
  static const auto* const kColumns = new std::vector<SealedColumn>{
      {"session_keys", "session_key", *kIdentity, "session_key"},
      // A replaced key moves there as it stands.
      {"session_keys", "previous_session_key", *kIdentity, "session_key"},
      {"phones", "phone_number", *kIdentity, "phone_number"},
      {"phones", "pure_phone_number", *kIdentity, "pure_phone_number"},
      {"phones", "country_code", *kIdentity, "country_code"},
      {"sessions", "next_salt", {{"token_hash", kBytes}}, "next_salt"},
      {"login_answers",
       "token_salt",
       {{"app_id"}, {"code_hash", kBytes}},
       "token_salt"},
      {"oauth_grants", "access_token", *kIdentity, "access_token"},
      {"oauth_grants", "refresh_token", *kIdentity, "refresh_token"},
      {"app_credentials", "value", {{"app_id"}, {"kind"}}, "value"},
  };
  return *kColumns;
}

}  // namespace wxident
