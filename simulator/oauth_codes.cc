#include "simulator/oauth_codes.h"

namespace wxident::simulator {

bool ScopeFits(AppKind kind, absl::string_view scope) {
  switch (kind) {
    case AppKind::kMiniProgram:
      return false;
    case AppKind::kOfficialAccount:
      return scope == kScopeBase || scope == kScopeUserinfo;
    case AppKind::kWebsite:
      return scope == kScopeLogin;
    case AppKind::kMobile:
      return scope == kScopeUserinfo;
  }
  return false;
}

std::string IssueOauthCode(World& world, const App& app,
                           const std::string& user, const std::string& scope,
                           bool snapshot) {
  const absl::Time now = world.clock.Now();
  Member& member = world.users.Ensure(app, user, now);
  const std::string text =
      world.maker.OauthCode(app.app_id, user, ++member.oauth_codes);
  Codes::Code code{
      CodeKind::kOauth, app.app_id, user, now,
      now + (app.kind == AppKind::kWebsite ? world.settings.website_code_ttl
                                           : world.settings.oauth_code_ttl)};
  code.scope = scope;
  code.snapshot = snapshot || member.snapshot;
  world.codes.Add(text, std::move(code));
  return text;
}

}  // namespace wxident::simulator
