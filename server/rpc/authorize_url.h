#ifndef WXIDENT_SERVER_RPC_AUTHORIZE_URL_H_
#define WXIDENT_SERVER_RPC_AUTHORIZE_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/identity/apps.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The address of WeChat's page where a person authorises `app`:
// oauth2/authorize of an official account, qrconnect of a website. WeChat
// matches the order of the parameters and the fragment. REQUEST_INVALID names
// the field: only an https URL whose host is, letter for letter, on the app's
// list is let through, for whoever owns that address receives the person's
// code.
absl::StatusOr<std::string> MakeAuthorizeUrl(
    const App& app, const v1::GetAuthorizeUrlRequest& request);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_AUTHORIZE_URL_H_
