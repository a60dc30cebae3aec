#ifndef WXIDENT_SIMULATOR_APPS_H_
#define WXIDENT_SIMULATOR_APPS_H_

#include <map>
#include <string>
#include <vector>

namespace wxident::simulator {

enum class AppKind { kMiniProgram, kOfficialAccount, kWebsite, kMobile };

struct App {
  std::string app_id;
  AppKind kind = AppKind::kMiniProgram;
  std::string secret;
  // Empty: bound to none, so that its users have no unionid.
  std::string open_platform_account;
  // Empty: every caller may.
  std::vector<std::string> ip_whitelist;
  // Where its authorisation pages may send people: hosts without scheme and
  // port, in lower case.
  std::vector<std::string> redirect_hosts;
  bool secret_frozen = false;
  // Punished: every API that takes its token answers 48004.
  bool banned = false;
  // Unverified mini programs may not ask for phone numbers.
  bool verified = true;
};

// By app_id.
using Apps = std::map<std::string, App>;

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_APPS_H_
