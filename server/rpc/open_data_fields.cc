#include "server/rpc/open_data_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/fields.h"

namespace wxident {
namespace {

constexpr size_t kMaxEncryptedData = 32 * 1024;

}  // namespace

absl::StatusOr<OpenDataFields> CheckOpenDataFields(
    absl::string_view path, absl::string_view encrypted_data,
    absl::string_view iv) {
  OpenDataFields fields;
  const std::string prefix = path.empty() ? "" : absl::StrCat(path, ".");
  WX_ASSIGN_OR_RETURN(fields.ciphertext,
                      Base64Field(absl::StrCat(prefix, "encrypted_data"),
                                  encrypted_data, kMaxEncryptedData));
  WX_ASSIGN_OR_RETURN(fields.iv, IvField(absl::StrCat(prefix, "iv"), iv));
  return fields;
}

absl::StatusOr<const App*> CheckOpenDataSession(
    RpcContext& call, const std::optional<SessionWithKeys>& session) {
  if (!session.has_value()) return SessionNotActiveError();
  WX_ASSIGN_OR_RETURN(const App* app, MiniProgramOf(call, session->session));
  if (session->session_keys.empty())
    return Error(Reason::kSessionKeyStale,
                 "no session_key is kept for this user; call wx.login, log in, "
                 "then ask WeChat for the data again")
        .ToStatus();
  return app;
}

absl::Status OpenDataError(const SessionWithKeys& session,
                           const absl::Status& error) {
  if (!session.older_key_dropped || !HasReason(error, Reason::kDecryptRejected))
    return error;
  return Error(Reason::kSessionKeyStale,
               "the data opens under no session_key that is kept, and an older "
               "one has been dropped; call wx.login, log in, then ask WeChat "
               "for the data again")
      .ToStatus();
}

OpenDataInput MakeOpenDataInput(const Services& services,
                                const OpenDataFields& fields,
                                const SessionWithKeys& session) {
  return {.ciphertext = fields.ciphertext,
          .iv = fields.iv,
          .session_keys = session.session_keys,
          .app_id = session.session.identity.app_id,
          .now = services.wall_clocks.WechatTime(),
          .max_age = services.open_data_max_age};
}

}  // namespace wxident
