#ifndef WXIDENT_SERVER_RPC_OPEN_DATA_FIELDS_H_
#define WXIDENT_SERVER_RPC_OPEN_DATA_FIELDS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/identity/apps.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/services.h"
#include "server/store/session_store.h"
#include "server/wechat/open_data.h"

namespace wxident {

// The two fields of encrypted open data, base64 decoded.
struct OpenDataFields {
  std::string ciphertext;
  std::string iv;
};

// `path` is that of the message that has the fields encrypted_data and iv;
// empty for the request itself.
absl::StatusOr<OpenDataFields> CheckOpenDataFields(
    absl::string_view path, absl::string_view encrypted_data,
    absl::string_view iv);

// Whether a session can open data at all: it is active, of an app that the
// caller may call the method for, a session_key is kept, and its app is still
// configured. Gives the app.
absl::StatusOr<const App*> CheckOpenDataSession(
    RpcContext& call, const std::optional<SessionWithKeys>& session);

// The error for data that did not open. A former key that was dropped may be
// the cause, so then it is SESSION_KEY_STALE whatever is wrong with the data:
// which of the two comes depends on the session alone.
absl::Status OpenDataError(const SessionWithKeys& session,
                           const absl::Status& error);

// `fields` and `session` must outlive the result.
OpenDataInput MakeOpenDataInput(const Services& services,
                                const OpenDataFields& fields,
                                const SessionWithKeys& session);

// Opens data of a session that passed CheckOpenDataSession with `open`, which
// takes an OpenDataInput and gives a StatusOr, and counts it when it does not
// open. Errors: SESSION_RATE_LIMITED, and then nothing has been decrypted; and
// those of OpenDataError.
template <typename Open>
auto OpenWithinLimit(const Services& services, const OpenDataFields& fields,
                     const SessionWithKeys& session, const Open& open)
    -> decltype(open(MakeOpenDataInput(services, fields, session))) {
  const absl::Status within = services.decrypt_limiter.Begin(session.session);
  if (!within.ok()) return within;
  auto opened = open(MakeOpenDataInput(services, fields, session));
  services.decrypt_limiter.End(session.session, opened.ok());
  if (!opened.ok()) return OpenDataError(session, opened.status());
  return opened;
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_OPEN_DATA_FIELDS_H_
