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
  WX_ASSIGN_OR_RETURN(fields.ciphertext,
                      Base64Field(absl::StrCat(path, ".encrypted_data"),
                                  encrypted_data, kMaxEncryptedData));
  WX_ASSIGN_OR_RETURN(fields.iv, IvField(absl::StrCat(path, ".iv"), iv));
  return fields;
}

absl::StatusOr<const App*> CheckOpenDataSession(
    const Services& services, const std::optional<SessionWithKeys>& session) {
  if (!session.has_value()) return SessionNotActiveError();
  if (session->session_keys.empty())
    return Error(Reason::kSessionKeyStale,
                 "no session_key is kept for this user; call wx.login, log in, "
                 "then ask WeChat for the data again")
        .ToStatus();
  const App* app = services.apps.Find(session->session.identity.app_id);
  if (app == nullptr)
    return Error(Reason::kAppUnknown,
                 "the session's app is no longer in the server's configuration")
        .ToStatus();
  return app;
}

OpenDataInput MakeOpenDataInput(const Services& services,
                                const OpenDataFields& fields,
                                const SessionWithKeys& session) {
  return {.ciphertext = fields.ciphertext,
          .iv = fields.iv,
          .session_keys = session.session_keys,
          .app_id = session.session.identity.app_id,
          .now = services.clock.Now(),
          .max_age = services.open_data_max_age};
}

}  // namespace wxident
