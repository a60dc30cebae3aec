#include "simulator/settings.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"

namespace wxident::simulator {
namespace {

using Member = std::variant<absl::Duration Settings::*, int64_t Settings::*,
                            bool Settings::*, std::string Settings::*>;

struct Setting {
  absl::string_view name;
  Member member;
  absl::string_view unit;
  absl::string_view meaning;
  int64_t min = 0;
  int64_t max = 0;
};

constexpr int64_t kYear = 366 * 86400;
constexpr absl::string_view kSeconds = "seconds";
constexpr absl::string_view kErrcode = "errcode";

const Setting kTable[] = {
    {"login_code_ttl_s", &Settings::login_code_ttl, kSeconds,
     "life of a wx.login code", 1, kYear},
    {"phone_code_ttl_s", &Settings::phone_code_ttl, kSeconds,
     "life of a phone code", 1, kYear},
    {"oauth_code_ttl_s", &Settings::oauth_code_ttl, kSeconds,
     "life of an OAuth code of an official account or mobile app", 1, kYear},
    {"website_code_ttl_s", &Settings::website_code_ttl, kSeconds,
     "life of an OAuth code of a website (qrconnect)", 1, kYear},
    {"user_token_lifetime_s", &Settings::user_token_lifetime, kSeconds,
     "life of a user's access_token after its issue or refresh", 1, kYear},
    {"refresh_token_lifetime_s", &Settings::refresh_token_lifetime, kSeconds,
     "life of a user's refresh_token; no use extends it", 1, kYear},
    {"mobile_refresh_token_lifetime_s",
     &Settings::mobile_refresh_token_lifetime, kSeconds,
     "the same in a mobile app", 1, kYear},
    {"base_grant_replaces_refresh_token",
     &Settings::base_grant_replaces_refresh_token, "boolean",
     "a code with snsapi_base kills the user's earlier refresh_tokens in the "
     "app (40030), as some report"},
    {"profile_details", &Settings::profile_details, "boolean",
     "sns/userinfo tells sex and place, and user/info these, name and avatar, "
     "as before 2021; false: 0 and empty, or not at all"},
    {"page_user", &Settings::page_user, "text",
     "who sits before every authorisation page that carries no cookie "
     "sim_user; empty: the page asks who it is"},
    {"page_asks", &Settings::page_asks, "boolean",
     "false: page_user, or whom the cookie names, consents without a page, as "
     "always to snsapi_base"},
    {"refusal_redirects", &Settings::refusal_redirects, "boolean",
     "who refuses is sent to redirect_uri with state and no code; false: is "
     "not. Sources disagree"},
    {"strict_page_order", &Settings::strict_page_order, "boolean",
     "an authorisation page wants its parameters in WeChat's order"},
    {"clear_quota_per_month", &Settings::clear_quota_per_month, "calls",
     "how often an app may clear its quotas in a month (of UTC+8)", 0, 1000000},
    {"session_key_min_rotation_s", &Settings::session_key_min_rotation,
     kSeconds,
     "jscode2session makes a new session_key unless the user's is younger than "
     "this; 0: at every exchange. WeChat publishes no value",
     0, kYear},
    {"session_key_lifetime_s", &Settings::session_key_lifetime, kSeconds,
     "life of a session_key after the last exchange. WeChat publishes no value",
     1, kYear},
    {"session_reset_min_interval_s", &Settings::session_reset_min_interval,
     kSeconds,
     "resetusersessionkey refuses (45011) a user reset less than this ago. "
     "WeChat publishes no value",
     0, kYear},
    {"ordinary_token_lifetime_s", &Settings::ordinary_token_lifetime, kSeconds,
     "expires_in of cgi-bin/token", 1, kYear},
    {"ordinary_token_overlap_s", &Settings::ordinary_token_overlap, kSeconds,
     "how long a replaced ordinary token still works", 0, kYear},
    {"stable_token_lifetime_s", &Settings::stable_token_lifetime, kSeconds,
     "expires_in of a new stable token", 1, kYear},
    {"stable_token_overlap_s", &Settings::stable_token_overlap, kSeconds,
     "a stable token with less than this left is replaced when asked for; both "
     "then work this long",
     0, kYear},
    {"stable_force_per_day", &Settings::stable_force_per_day, "calls",
     "forced refreshes of one app in a day (of UTC+8)", 0, 1000000},
    {"stable_force_min_interval_s", &Settings::stable_force_min_interval,
     kSeconds, "forced refreshes closer than this do not refresh", 0, kYear},
    {"stable_force_early_errcode", &Settings::stable_force_early_errcode,
     kErrcode,
     "answer to a forced refresh that is too early; 0: the current token. "
     "WeChat documents neither",
     -1, 1000000},
    {"stable_force_day_errcode", &Settings::stable_force_day_errcode, kErrcode,
     "answer when the day's forced refreshes are used up. Not documented", -1,
     1000000},
    {"ticket_lifetime_s", &Settings::ticket_lifetime, kSeconds,
     "expires_in of a new ticket", 1, kYear},
    {"ticket_survives_token_rotation",
     &Settings::ticket_survives_token_rotation, "boolean",
     "false: a new access_token of the app makes getticket give a new ticket. "
     "Not documented"},
    {"unknown_token_errcode", &Settings::unknown_token_errcode, kErrcode,
     "for an access_token never issued: 40001, or 40014 as some report", -1,
     1000000},
    {"wrong_kind_errcode", &Settings::wrong_kind_errcode, kErrcode,
     "for an access_token of an app whose kind lacks the API: 48001 or 40013",
     -1, 1000000},
    {"wrong_secret_errcode", &Settings::wrong_secret_errcode, kErrcode,
     "for a wrong secret: 40125 as seen, 40001 as documented", -1, 1000000},
    {"phone_code_reused_errcode", &Settings::phone_code_reused_errcode,
     kErrcode, "for a phone code used before: 40029 or 40163. Not documented",
     -1, 1000000},
    {"phone_openid_mismatch_errcode", &Settings::phone_openid_mismatch_errcode,
     kErrcode, "for a phone code of another openid. Not documented", -1,
     1000000},
    {"foreign_phone_plus", &Settings::foreign_phone_plus, "boolean",
     "phoneNumber of a foreign number begins with '+'. Not documented"},
    {"ip_whitelist_covers_jscode2session",
     &Settings::ip_whitelist_covers_jscode2session, "boolean",
     "an app's ip_whitelist holds for jscode2session too. Sources disagree"},
    {"jscode2session_errcode_on_success",
     &Settings::jscode2session_errcode_on_success, "boolean",
     "a success carries errcode 0 and errmsg, as in the printed sample"},
    {"signature_case_sensitive", &Settings::signature_case_sensitive, "boolean",
     "a user signature in upper-case hex is refused. Not documented"},
    {"refuse_post_to_get", &Settings::refuse_post_to_get, "boolean",
     "a POST to a GET endpoint gets 43001; false: its query is read and its "
     "body is not, as seen"},
    {"require_content_length", &Settings::require_content_length, "boolean",
     "a POST without Content-Length gets HTTP 412 and no body"},
    {"unknown_path_status", &Settings::unknown_path_status, "HTTP status",
     "for a path that is not simulated", 200, 599},
    {"content_type_sns", &Settings::content_type_sns, "text",
     "Content-Type of answers under /sns/"},
    {"content_type_other", &Settings::content_type_other, "text",
     "Content-Type of all other API answers"},
    {"escape_slashes", &Settings::escape_slashes, "boolean",
     "answers write / as \\/"},
    {"journal_limit", &Settings::journal_limit, "calls",
     "the journal keeps this many, the newest", 1, 10000000},
};

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

struct Assign {
  const Setting& setting;
  const Json& value;
  Settings& settings;

  absl::StatusOr<int64_t> Integer() const {
    if (value.is_number_integer()) {
      const int64_t number = value.get<int64_t>();
      if (number >= setting.min && number <= setting.max) return number;
    }
    return Bad(setting.name,
               absl::StrCat("give a whole number (", setting.unit, ") from ",
                            setting.min, " to ", setting.max));
  }

  absl::Status operator()(absl::Duration Settings::*member) const {
    WX_ASSIGN_OR_RETURN(const int64_t seconds, Integer());
    settings.*member = absl::Seconds(seconds);
    return absl::OkStatus();
  }
  absl::Status operator()(int64_t Settings::*member) const {
    WX_ASSIGN_OR_RETURN(settings.*member, Integer());
    return absl::OkStatus();
  }
  absl::Status operator()(bool Settings::*member) const {
    if (!value.is_boolean()) return Bad(setting.name, "give true or false");
    settings.*member = value.get<bool>();
    return absl::OkStatus();
  }
  absl::Status operator()(std::string Settings::*member) const {
    if (!value.is_string()) return Bad(setting.name, "give a text");
    const std::string text = value.get<std::string>();
    // These go into headers.
    for (unsigned char c : text) {
      if (c < 0x20 || c == 0x7f)
        return Bad(setting.name, "give a text without control characters");
    }
    settings.*member = text;
    return absl::OkStatus();
  }
};

struct Read {
  const Settings& settings;

  Json operator()(absl::Duration Settings::*member) const {
    return absl::ToInt64Seconds(settings.*member);
  }
  Json operator()(int64_t Settings::*member) const { return settings.*member; }
  Json operator()(bool Settings::*member) const { return settings.*member; }
  Json operator()(std::string Settings::*member) const {
    return settings.*member;
  }
};

absl::Status ApplyQuotas(const Json& input, Settings& settings) {
  constexpr absl::string_view kForm =
      "give an object like {\"/cgi-bin/token\": {\"per_second\": 0, "
      "\"per_minute\": 0, \"per_day\": 2000, \"per_minute_per_user\": 0}}; 0 "
      "is "
      "no limit";
  if (!input.is_object()) return Bad("quotas", kForm);
  for (const auto& [path, limits] : input.items()) {
    if (path.empty() || path[0] != '/' || !limits.is_object())
      return Bad(absl::StrCat("quotas.", path), kForm);
    QuotaLimits& changed = settings.quotas[path];
    for (const auto& [name, value] : limits.items()) {
      int64_t* limit = name == "per_second"   ? &changed.per_second
                       : name == "per_minute" ? &changed.per_minute
                       : name == "per_day"    ? &changed.per_day
                       : name == "per_minute_per_user"
                           ? &changed.per_minute_per_user
                           : nullptr;
      if (limit == nullptr || !value.is_number_integer() ||
          value.get<int64_t>() < 0)
        return Bad(absl::StrCat("quotas.", path, ".", name), kForm);
      *limit = value.get<int64_t>();
    }
  }
  return absl::OkStatus();
}

// `text` in lines of at most 78 columns, each indented.
std::string Wrapped(absl::string_view text) {
  constexpr absl::string_view kIndent = "      ";
  constexpr size_t kWidth = 78;
  std::string out;
  std::string line;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (kIndent.size() + line.size() + word.size() > kWidth) {
      absl::StrAppend(&out, kIndent, line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  return absl::StrCat(out, kIndent, line, "\n");
}

}  // namespace

absl::Status ApplySettings(const Json& input, Settings& settings) {
  if (!input.is_object())
    return absl::InvalidArgumentError("settings: give a JSON object");
  Settings changed = settings;
  for (const auto& [name, value] : input.items()) {
    if (name == "quotas") {
      WX_RETURN_IF_ERROR(ApplyQuotas(value, changed));
      continue;
    }
    const Setting* found = nullptr;
    for (const Setting& setting : kTable)
      if (setting.name == name) found = &setting;
    if (found == nullptr)
      return Bad(name, "no such setting; GET /_sim/settings lists all of them");
    WX_RETURN_IF_ERROR(
        std::visit(Assign{*found, value, changed}, found->member));
  }
  settings = std::move(changed);
  return absl::OkStatus();
}

Json SettingsToJson(const Settings& settings) {
  Json out = Json::object();
  for (const Setting& setting : kTable)
    out[std::string(setting.name)] = std::visit(Read{settings}, setting.member);
  Json& quotas = out["quotas"] = Json::object();
  for (const auto& [path, limits] : settings.quotas) {
    quotas[path] = {{"per_second", limits.per_second},
                    {"per_minute", limits.per_minute},
                    {"per_day", limits.per_day},
                    {"per_minute_per_user", limits.per_minute_per_user}};
  }
  return out;
}

std::string SettingsHelp() {
  const Settings defaults;
  std::string out;
  for (const Setting& setting : kTable) {
    const Json value = std::visit(Read{defaults}, setting.member);
    absl::StrAppend(&out, "  ", setting.name, " (", setting.unit, ", default ",
                    WriteJson(value), ")\n", Wrapped(setting.meaning));
  }
  std::string quotas;
  for (const auto& [path, limits] : defaults.quotas)
    absl::StrAppend(&quotas, "      ", path, ": ", limits.per_minute,
                    " per minute, ", limits.per_day, " per day\n");
  absl::StrAppend(
      &out,
      "  quotas (calls of one app; 0: no limit)\n"
      "      per path: per_second (44990 beyond it), per_minute (45011), "
      "per_day (45009;\n      days of UTC+8), per_minute_per_user (45011; "
      "jscode2session only).\n      Not 0 by default:\n",
      quotas);
  return out;
}

}  // namespace wxident::simulator
