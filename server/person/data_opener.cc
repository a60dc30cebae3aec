#include "server/person/data_opener.h"

#include "server/identity/error.h"

namespace wxident {

absl::Status DataOpener::Begin(const AuthorizedKeys& keys) {
  if (keys->session_keys.empty())
    return Error(Reason::kSessionKeyStale,
                 "no session_key is kept for this user; call wx.login, log in, "
                 "then ask WeChat for the data again")
        .ToStatus();
  return limiter_.Begin(keys->session);
}

OpenDataInput DataOpener::Input(const AuthorizedKeys& keys,
                                const EncryptedData& data) const {
  return {.ciphertext = data.ciphertext,
          .iv = data.iv,
          .session_keys = keys->session_keys,
          .app_id = keys->session.identity.app_id,
          .now = wall_clocks_.WechatTime(),
          .max_age = max_age_};
}

absl::Status DataOpener::NotOpened(const AuthorizedKeys& keys,
                                   const absl::Status& error) {
  if (!keys->older_key_dropped || !HasReason(error, Reason::kDecryptRejected))
    return error;
  return Error(Reason::kSessionKeyStale,
               "the data opens under no session_key that is kept, and an older "
               "one has been dropped; call wx.login, log in, then ask WeChat "
               "for the data again")
      .ToStatus();
}

}  // namespace wxident
