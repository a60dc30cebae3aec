#include "simulator/control_apps.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "server/base/status_macros.h"
#include "simulator/input.h"

namespace wxident::simulator {
namespace {

constexpr std::pair<AppKind, absl::string_view> kKinds[] = {
    {AppKind::kMiniProgram, "mini_program"},
    {AppKind::kOfficialAccount, "official_account"},
    {AppKind::kWebsite, "website"},
    {AppKind::kMobile, "mobile"},
};

bool IsAppId(absl::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  for (char c : text)
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-') return false;
  return true;
}

bool IsHost(absl::string_view text) {
  for (char c : text)
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '.' &&
        c != '-')
      return false;
  return !text.empty();
}

}  // namespace

absl::StatusOr<Json> PutApp(const Maker& maker, Apps& apps, const Json& input) {
  Input in(input);
  const std::string app_id = in.Text("app_id", "wx4f4bc4dec97d474b");
  if (!app_id.empty() && !IsAppId(app_id))
    in.Fail("app_id", "give 1 to 64 letters, digits, '_' or '-'");
  auto found = apps.find(app_id);
  const bool is_new = found == apps.end();
  App app = is_new ? App{} : found->second;
  if (is_new) {
    app.app_id = app_id;
    app.secret = maker.AppSecret(app_id);
  }

  if (auto secret = in.OptionalText("secret")) {
    if (secret->empty()) in.Fail("secret", "give a text that is not empty");
    app.secret = *std::move(secret);
  }
  if (auto kind = in.OptionalText("kind")) {
    bool known = false;
    for (const auto& [value, name] : kKinds) {
      if (name != *kind) continue;
      app.kind = value;
      known = true;
    }
    if (!known)
      in.Fail("kind", "give mini_program, official_account, website or mobile");
  }
  if (auto account = in.OptionalText("open_platform_account"))
    app.open_platform_account = *std::move(account);
  if (auto whitelist = in.OptionalTexts("ip_whitelist"))
    app.ip_whitelist = *std::move(whitelist);
  if (auto hosts = in.OptionalTexts("redirect_hosts")) {
    for (const std::string& host : *hosts)
      if (!IsHost(host))
        in.Fail("redirect_hosts",
                "give hosts like \"login.example.com\": lower case, no scheme, "
                "no port, no path");
    app.redirect_hosts = *std::move(hosts);
  }
  if (auto frozen = in.OptionalBool("secret_frozen"))
    app.secret_frozen = *frozen;
  if (auto banned = in.OptionalBool("banned")) app.banned = *banned;
  if (auto verified = in.OptionalBool("verified")) app.verified = *verified;
  WX_RETURN_IF_ERROR(in.Finish());

  App& kept = apps[app_id] = std::move(app);
  return AppToJson(kept);
}

Json AppToJson(const App& app) {
  std::string kind;
  for (const auto& [value, name] : kKinds)
    if (value == app.kind) kind = std::string(name);
  return {{"app_id", app.app_id},
          {"kind", kind},
          {"secret", app.secret},
          {"open_platform_account", app.open_platform_account},
          {"ip_whitelist", app.ip_whitelist},
          {"redirect_hosts", app.redirect_hosts},
          {"secret_frozen", app.secret_frozen},
          {"banned", app.banned},
          {"verified", app.verified}};
}

}  // namespace wxident::simulator
