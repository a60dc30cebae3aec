#ifndef WXIDENT_SIMULATOR_SETTINGS_H_
#define WXIDENT_SIMULATOR_SETTINGS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "simulator/json.h"

namespace wxident::simulator {

// How often one app may call one endpoint. 0: as often as it likes.
struct QuotaLimits {
  int64_t per_second = 0;
  int64_t per_minute = 0;
  int64_t per_day = 0;
  // Of one user; only where the endpoint learns who it is before its effect.
  int64_t per_minute_per_user = 0;
};

// How the simulated WeChat behaves where it could behave otherwise. The names
// on the wire, units and meanings stand in settings.cc, in one table that
// ApplySettings, SettingsToJson and SettingsHelp share.
struct Settings {
  absl::Duration login_code_ttl = absl::Minutes(5);
  absl::Duration phone_code_ttl = absl::Minutes(5);
  absl::Duration oauth_code_ttl = absl::Minutes(5);
  absl::Duration website_code_ttl = absl::Minutes(10);
  absl::Duration user_token_lifetime = absl::Hours(2);
  absl::Duration refresh_token_lifetime = absl::Hours(30 * 24);
  absl::Duration mobile_refresh_token_lifetime = absl::Hours(180 * 24);
  bool base_grant_replaces_refresh_token = false;
  bool profile_details = false;
  std::string page_user;
  bool page_asks = true;
  bool refusal_redirects = true;
  bool strict_page_order = true;
  int64_t clear_quota_per_month = 10;
  absl::Duration session_key_min_rotation = absl::Minutes(5);
  absl::Duration session_key_lifetime = absl::Hours(72);
  absl::Duration session_reset_min_interval = absl::Seconds(10);
  absl::Duration ordinary_token_lifetime = absl::Hours(2);
  absl::Duration ordinary_token_overlap = absl::Minutes(5);
  absl::Duration stable_token_lifetime = absl::Hours(2);
  absl::Duration stable_token_overlap = absl::Minutes(5);
  int64_t stable_force_per_day = 20;
  absl::Duration stable_force_min_interval = absl::Seconds(30);
  int64_t stable_force_early_errcode = 0;
  int64_t stable_force_day_errcode = 45009;
  absl::Duration ticket_lifetime = absl::Hours(2);
  bool ticket_survives_token_rotation = true;
  int64_t unknown_token_errcode = 40001;
  int64_t wrong_kind_errcode = 48001;
  int64_t wrong_secret_errcode = 40125;
  int64_t phone_code_reused_errcode = 40029;
  int64_t phone_openid_mismatch_errcode = 40003;
  bool foreign_phone_plus = true;
  bool ip_whitelist_covers_jscode2session = false;
  bool jscode2session_errcode_on_success = false;
  bool signature_case_sensitive = false;
  bool refuse_post_to_get = false;
  bool require_content_length = true;
  int64_t unknown_path_status = 404;
  std::string content_type_sns = "text/plain";
  std::string content_type_other = "application/json";
  bool escape_slashes = false;
  int64_t journal_limit = 100000;
  std::map<std::string, QuotaLimits> quotas = {
      {"/cgi-bin/stable_token", {0, 10000, 500000}},
      {"/cgi-bin/token", {0, 0, 2000}},
      {"/cgi-bin/user/info", {0, 0, 5000000}},
      {"/sns/oauth2/access_token", {0, 50000, 0}},
      {"/sns/oauth2/refresh_token", {0, 50000, 0}},
      {"/sns/userinfo", {0, 50000, 0}},
      {"/wxa/resetusersessionkey", {0, 60000, 0}},
  };
};

// Changes what `input`, a JSON object, names and leaves the rest. On an error,
// which names the setting and says what fits, nothing is changed.
absl::Status ApplySettings(const Json& input, Settings& settings);

Json SettingsToJson(const Settings& settings);

// One setting a line pair: name, default, unit; meaning.
std::string SettingsHelp();

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_SETTINGS_H_
