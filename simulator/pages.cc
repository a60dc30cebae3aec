#include "simulator/pages.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "simulator/errcode.h"
#include "simulator/oauth_codes.h"
#include "simulator/page_html.h"
#include "simulator/redirect_uri.h"

namespace wxident::simulator {
namespace {

constexpr absl::string_view kAuthorize = "/connect/oauth2/authorize";
constexpr absl::string_view kQrConnect = "/connect/qrconnect";
constexpr absl::string_view kUserCookie = "sim_user";
constexpr absl::string_view kOrder[] = {"appid", "redirect_uri",
                                        "response_type", "scope", "state"};
constexpr size_t kMaxState = 128;
// A list of more would help nobody.
constexpr size_t kMaxShown = 500;

// The numbers that WeChat's error pages show.
constexpr int kBadRedirectUri = 10003;
constexpr int kAppBanned = 10004;
constexpr int kNoScope = 10005;

HttpReply Html(std::string body) {
  HttpReply reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.headers = {{"Cache-Control", "no-store"}};
  reply.body = std::move(body);
  return reply;
}

HttpReply GoTo(std::string location) {
  HttpReply reply;
  reply.status = 302;
  reply.headers = {{"Location", std::move(location)},
                   {"Cache-Control", "no-store"}};
  return reply;
}

struct Problem {
  int errcode = 0;
  std::string text;
};

// The first parameters in WeChat's order, with state or without; others may
// follow.
bool InOrder(const HttpRequest& request) {
  const auto& query = request.query;
  for (size_t i = 0; i < std::size(kOrder); ++i) {
    const bool optional = kOrder[i] == "state";
    if (i < query.size() && query[i].first == kOrder[i]) continue;
    return optional && request.Query("state").empty();
  }
  return true;
}

bool IsState(absl::string_view text) {
  return text.size() <= kMaxState &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c); });
}

// What is wrong with the link; `app` gets whose it is.
Problem Check(const World& world, const HttpRequest& request, const App*& app) {
  if (world.settings.strict_page_order && !InOrder(request))
    return {kInvalidParameter,
            "the parameters are not appid, redirect_uri, response_type, scope, "
            "state, in this order"};
  auto found = world.apps.find(request.Query("appid"));
  if (found == world.apps.end()) return {kInvalidAppid, "no such appid"};
  app = &found->second;
  const bool website = request.path == kQrConnect;
  if (app->kind != (website ? AppKind::kWebsite : AppKind::kOfficialAccount))
    return {kInvalidAppid, website ? "the appid is no website's"
                                   : "the appid is no official account's"};
  if (app->banned) return {kAppBanned, "the app is banned"};
  const std::string host = RedirectHost(request.Query("redirect_uri"));
  const auto& hosts = app->redirect_hosts;
  if (std::find(hosts.begin(), hosts.end(), host) == hosts.end())
    return {kBadRedirectUri,
            "redirect_uri is no http or https URL, or its host is not one of "
            "the app's redirect_hosts"};
  if (request.Query("response_type") != "code")
    return {kInvalidParameter, "response_type is not code"};
  if (!app->verified || !ScopeFits(app->kind, request.Query("scope")))
    return {kNoScope, "scope is wrong, or the app may not ask for it"};
  if (!IsState(request.Query("state")))
    return {kInvalidParameter,
            "state is longer than 128, or not only letters and digits"};
  return {};
}

// Whoever the browser's cookie names, else the setting. May be empty.
std::string PageUser(const World& world, const HttpRequest& request) {
  const std::string user = request.Cookie(kUserCookie);
  return user.empty() ? world.settings.page_user : user;
}

HttpReply Form(const World& world, const App& app, const HttpRequest& request) {
  ConsentView view;
  view.title = request.path == kQrConnect ? "Log in to a website with WeChat"
                                          : "Log in with WeChat";
  view.app_id = app.app_id;
  view.scope = request.Query("scope");
  view.chosen = PageUser(world, request);
  view.users = world.users.Names(kMaxShown);
  if (!view.chosen.empty() && std::find(view.users.begin(), view.users.end(),
                                        view.chosen) == view.users.end())
    view.users.insert(view.users.begin(), view.chosen);
  return Html(ConsentHtml(view));
}

HttpReply Allow(World& world, const App& app, Visit& visit,
                const std::string& user) {
  const HttpRequest& request = visit.request;
  visit.user = user;
  visit.effect = true;
  const std::string code =
      IssueOauthCode(world, app, user, request.Query("scope"),
                     request.Query("forceSnapShot") == "true");
  return GoTo(WithQuery(
      request.Query("redirect_uri"),
      absl::StrCat("code=", code, "&state=", request.Query("state"))));
}

HttpReply RefuseConsent(const World& world, const HttpRequest& request) {
  if (!world.settings.refusal_redirects)
    return Html(NoticeHtml("refused", "You refused. You may close this page."));
  return GoTo(WithQuery(request.Query("redirect_uri"),
                        absl::StrCat("state=", request.Query("state"))));
}

}  // namespace

const std::vector<absl::string_view>& Pages() {
  static const std::vector<absl::string_view>& pages =
      *new std::vector<absl::string_view>{kAuthorize, kQrConnect};
  return pages;
}

bool IsPage(absl::string_view path) {
  return path == kAuthorize || path == kQrConnect;
}

HttpReply AnswerVisit(World& world, Visit& visit) {
  const HttpRequest& request = visit.request;
  const App* app = nullptr;
  const Problem problem = Check(world, request, app);
  if (app != nullptr) visit.app_id = app->app_id;
  if (problem.errcode != 0) {
    visit.errcode = problem.errcode;
    return Html(NoticeHtml(
        "error", absl::StrCat(problem.text, " (", problem.errcode, ")")));
  }

  if (request.method == "POST") {
    HttpRequest form;
    form.query = ParseQuery(request.body);
    const std::string& another = form.Query("another");
    const std::string& user = another.empty() ? form.Query("user") : another;
    if (form.Query("answer") == "refuse") {
      visit.user = user;
      return RefuseConsent(world, request);
    }
    if (form.Query("answer") == "allow" && !user.empty())
      return Allow(world, *app, visit, user);
    return Form(world, *app, request);
  }
  const std::string user = PageUser(world, request);
  const bool asks =
      world.settings.page_asks && request.Query("scope") != kScopeBase;
  if (!user.empty() && !asks) return Allow(world, *app, visit, user);
  return Form(world, *app, request);
}

}  // namespace wxident::simulator
