#ifndef WXIDENT_SERVER_IDENTITY_APPS_H_
#define WXIDENT_SERVER_IDENTITY_APPS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace wxident {

enum class AppKind { kMiniProgram, kOfficialAccount, kWebsite, kMobile };

// Which of WeChat's two endpoints gives the app's access_token: stable_token,
// or the older cgi-bin/token whose every answer kills the token before it.
enum class TokenMode { kStable, kOrdinary };

struct App {
  std::string app_id;
  AppKind kind;
  // The name, in our configuration, of the Open Platform account the app is
  // bound to: apps with the same name share unionids. An app that is bound to
  // none has its own app_id here, so that it shares with nobody.
  std::string open_platform_account;
  Secret app_secret;
  TokenMode token_mode = TokenMode::kStable;
  // Hosts that GetAuthorizeUrl may send people back to, each exactly as
  // WeChat's console has it: no scheme, no port, lower case.
  std::vector<std::string> redirect_hosts;
};

// The configured apps. Immutable, so that any thread may read it; references
// stay valid as long as it lives.
class Apps {
 public:
  explicit Apps(std::vector<App> apps) {
    for (App& app : apps) {
      std::string id = app.app_id;
      by_id_.emplace(std::move(id), std::move(app));
    }
  }

  // nullptr for an unknown app.
  const App* Find(absl::string_view app_id) const {
    auto found = by_id_.find(std::string(app_id));
    return found == by_id_.end() ? nullptr : &found->second;
  }

  const std::map<std::string, App>& all() const { return by_id_; }

 private:
  std::map<std::string, App> by_id_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_APPS_H_
