#include "simulator/control.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "simulator/control_apps.h"
#include "simulator/control_oauth.h"
#include "simulator/control_users.h"
#include "simulator/endpoints.h"
#include "simulator/input.h"
#include "simulator/pages.h"

namespace wxident::simulator {
namespace {

constexpr double kMaxAdvance = 10.0 * 366 * 86400;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// A whole number in the query; `value` stays when it is absent.
absl::Status QueryNumber(const HttpRequest& request, absl::string_view name,
                         uint64_t& value) {
  const std::string& text = request.Query(name);
  if (text.empty() || absl::SimpleAtoi(text, &value)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": give a whole number of 0 or more"));
}

absl::StatusOr<Json> PostApp(State& state, const HttpRequest&,
                             const Json& input) {
  return PutApp(state.world.maker, state.world.apps, input);
}

absl::StatusOr<Json> PostUser(State& state, const HttpRequest&,
                              const Json& input) {
  return PutUser(state.world, input);
}

absl::StatusOr<Json> PostLoginCode(State& state, const HttpRequest&,
                                   const Json& input) {
  return MakeLoginCode(state.world, input);
}

absl::StatusOr<Json> PostPhoneCode(State& state, const HttpRequest&,
                                   const Json& input) {
  return MakePhoneCode(state.world, input);
}

absl::StatusOr<Json> PostOauthCode(State& state, const HttpRequest&,
                                   const Json& input) {
  return MakeOauthCode(state.world, input);
}

absl::StatusOr<Json> PostGrants(State& state, const HttpRequest&,
                                const Json& input) {
  return ChangeGrants(state.world, input);
}

absl::StatusOr<Json> PostPasswordChanged(State& state, const HttpRequest&,
                                         const Json& input) {
  return ChangePassword(state.world, input);
}

absl::StatusOr<Json> PostFollower(State& state, const HttpRequest&,
                                  const Json& input) {
  return PutFollower(state.world, input);
}

absl::StatusOr<Json> PostEncrypt(State& state, const HttpRequest&,
                                 const Json& input) {
  return Encrypt(state.world, input);
}

absl::StatusOr<Json> PostFault(State& state, const HttpRequest&,
                               const Json& input) {
  WX_ASSIGN_OR_RETURN(const uint64_t id, state.faults.Add(input));
  return Json{{"id", id}};
}

absl::StatusOr<Json> GetFaults(State& state, const HttpRequest&, const Json&) {
  return Json{{"faults", state.faults.ToJson()}};
}

absl::StatusOr<Json> DeleteFaults(State& state, const HttpRequest& request,
                                  const Json&) {
  uint64_t id = 0;
  WX_RETURN_IF_ERROR(QueryNumber(request, "id", id));
  if (request.Query("id").empty()) {
    state.faults.Clear();
  } else if (!state.faults.Remove(id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: no rule ", id, "; GET /_sim/faults lists them"));
  }
  return Json{{"faults", state.faults.ToJson()}};
}

absl::StatusOr<Json> AdvanceClock(State& state, const HttpRequest&,
                                  const Json& input) {
  Input in(input);
  const std::optional<double> seconds =
      in.OptionalNumber("seconds", 0, kMaxAdvance);
  if (!seconds.has_value())
    in.Fail("seconds", "missing; give a number like 300");
  WX_RETURN_IF_ERROR(in.Finish());
  state.world.clock.Advance(absl::Seconds(*seconds));
  return Json{{"now", TimeText(state.world.clock.Now())}};
}

absl::StatusOr<Json> GetJournal(State& state, const HttpRequest& request,
                                const Json&) {
  uint64_t since = 0;
  uint64_t limit = SIZE_MAX;
  WX_RETURN_IF_ERROR(QueryNumber(request, "since", since));
  WX_RETURN_IF_ERROR(QueryNumber(request, "limit", limit));
  return state.journal.ToJson({request.Query("path"), request.Query("app_id"),
                               request.Query("user"), since, limit});
}

absl::StatusOr<Json> PostSettings(State& state, const HttpRequest&,
                                  const Json& input) {
  WX_RETURN_IF_ERROR(ApplySettings(input, state.world.settings));
  return SettingsToJson(state.world.settings);
}

absl::StatusOr<Json> GetSettings(State& state, const HttpRequest&,
                                 const Json&) {
  return SettingsToJson(state.world.settings);
}

absl::StatusOr<Json> GetState(State& state, const HttpRequest&, const Json&) {
  World& world = state.world;
  const absl::Time now = world.clock.Now();
  Json apps = Json::array();
  for (const auto& [app_id, app] : world.apps) {
    Json shown = AppToJson(app);
    shown.erase("secret");
    shown["users"] = world.users.CountMembers(app_id);
    const Tokens::Status tokens = world.tokens.StatusOf(app_id, now);
    const auto line = [now](const Tokens::LineStatus& status) {
      Json out = {{"issued", status.issued},
                  {"newest", status.newest},
                  {"accepted", status.accepted}};
      if (status.expires_at > now)
        out["expires_at"] = TimeText(status.expires_at);
      return out;
    };
    shown["ordinary_token"] = line(tokens.ordinary);
    shown["stable_token"] = line(tokens.stable);
    shown["jsapi_ticket"] = line(tokens.jsapi_ticket);
    shown["stable_token"]["forced_today"] = tokens.forced_today;
    apps.push_back(std::move(shown));
  }
  Json endpoints = Json::array();
  for (const Endpoint& endpoint : Endpoints())
    endpoints.push_back(absl::StrCat(endpoint.method, " ", endpoint.path));
  Json pages = Json::array();
  for (absl::string_view page : Pages()) pages.push_back(std::string(page));
  return Json{
      {"now", TimeText(now)},        {"people", world.users.people()},
      {"codes", world.codes.size()}, {"grants", world.grants.size()},
      {"apps", std::move(apps)},     {"endpoints", std::move(endpoints)},
      {"pages", std::move(pages)}};
}

absl::StatusOr<Json> GetIssued(State& state, const HttpRequest&, const Json&) {
  const World& world = state.world;
  Json secrets = Json::array();
  for (const auto& [app_id, app] : world.apps) secrets.push_back(app.secret);
  return Json{{"app_secrets", std::move(secrets)},
              {"codes", world.codes.All()},
              {"openids", world.users.AllOpenids()},
              {"unionids", world.users.AllUnionids(world.apps)},
              {"session_keys", world.users.AllSessionKeys()},
              {"phone_numbers", world.users.AllPhoneNumbers()},
              {"access_tokens", world.tokens.AllTokens()},
              {"jsapi_tickets", world.tokens.AllTickets()},
              {"user_tokens", world.grants.AllTokens()}};
}

struct Route {
  absl::string_view method;
  absl::string_view path;
  absl::StatusOr<Json> (*answer)(State& state, const HttpRequest& request,
                                 const Json& input);
};

constexpr Route kRoutes[] = {
    {"POST", "/_sim/apps", PostApp},
    {"POST", "/_sim/users", PostUser},
    {"POST", "/_sim/login_code", PostLoginCode},
    {"POST", "/_sim/phone_code", PostPhoneCode},
    {"POST", "/_sim/oauth_code", PostOauthCode},
    {"POST", "/_sim/grants", PostGrants},
    {"POST", "/_sim/password_changed", PostPasswordChanged},
    {"POST", "/_sim/followers", PostFollower},
    {"POST", "/_sim/encrypt", PostEncrypt},
    {"POST", "/_sim/faults", PostFault},
    {"GET", "/_sim/faults", GetFaults},
    {"DELETE", "/_sim/faults", DeleteFaults},
    {"POST", "/_sim/clock/advance", AdvanceClock},
    {"GET", "/_sim/journal", GetJournal},
    {"POST", "/_sim/settings", PostSettings},
    {"GET", "/_sim/settings", GetSettings},
    {"GET", "/_sim/state", GetState},
    {"GET", "/_sim/issued", GetIssued},
};

HttpReply UnknownRoute(const HttpRequest& request) {
  std::string known;
  for (const Route& route : kRoutes)
    absl::StrAppend(&known, route.method, " ", route.path, ", ");
  return ControlReply(
      404, {{"error", absl::StrCat(request.method, " ", request.path,
                                   ": no such control call; known are ", known,
                                   "POST /_sim/reset")}});
}

}  // namespace

State::State(const Config& config, Clock& clock)
    : world(config.seed, clock, config.settings, config.apps),
      faults(world.maker) {}

HttpReply ControlReply(int status, const Json& body) {
  HttpReply reply;
  reply.status = status;
  reply.content_type = "application/json";
  reply.body = WriteJson(body) + "\n";
  return reply;
}

HttpReply Control(State& state, const HttpRequest& request) {
  for (const Route& route : kRoutes) {
    if (route.path != request.path || route.method != request.method) continue;
    std::optional<Json> input = Json::object();
    if (request.method == "POST") input = ParseJson(request.body);
    if (!input.has_value())
      return ControlReply(400, {{"error", "body: give one JSON object"}});
    const absl::StatusOr<Json> answer = route.answer(state, request, *input);
    if (answer.ok()) return ControlReply(200, *answer);
    return ControlReply(400,
                        {{"error", std::string(answer.status().message())}});
  }
  return UnknownRoute(request);
}

}  // namespace wxident::simulator
