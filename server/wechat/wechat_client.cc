#include "server/wechat/wechat_client.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"
#include "server/wechat/answers.h"
#include "server/wechat/errcode.h"
#include "server/wechat/json.h"
#include "server/wechat/response.h"
#include "server/wechat/wechat_caller.h"

namespace wxident {
namespace {

// Builds "/path?a=b&c=d" with values percent-encoded (RFC 3986).
class Query {
 public:
  explicit Query(absl::string_view path) : text_(path) {
    // In one piece, so that no freed copy keeps a secret.
    text_.reserve(1024);
    text_ += '?';
  }
  Query&& Add(absl::string_view name, absl::string_view value) && {
    if (text_.back() != '?') text_ += '&';
    absl::StrAppend(&text_, name, "=");
    for (unsigned char c : value) {
      if (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' ||
          c == '~') {
        text_ += static_cast<char>(c);
      } else {
        absl::StrAppendFormat(&text_, "%%%02X", c);
      }
    }
    return std::move(*this);
  }
  Secret Build() && { return Secret(std::move(text_)); }

 private:
  std::string text_;
};

Secret Body(const Json& json) {
  // Text of a caller's need not be UTF-8.
  return Secret(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

WechatClient::WechatClient(HttpClient& http, std::vector<std::string> base_urls,
                           Clock& clock, WallClocks& wall_clocks,
                           Random& random, Metrics& metrics)
    : caller_(std::make_shared<WechatCaller>(http, std::move(base_urls), clock,
                                             wall_clocks, random, metrics)) {}

WechatClient::~WechatClient() = default;

void WechatClient::ExchangeCode(const App& app, Secret code, Deadline deadline,
                                Done<CodeSession> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/sns/jscode2session")
                      .Add("appid", app.app_id)
                      .Add("secret", app.app_secret.Expose())
                      .Add("js_code", code.Expose())
                      .Add("grant_type", "authorization_code")
                      .Build(),
                  Secret(),
                  "jscode2session",
                  ErrcodeContext::kCodeExchange};
  caller_->Ask(
      std::move(call), deadline,
      [](const WechatResponse& response, absl::Time) {
        return ReadCodeSession(response);
      },
      std::move(done));
}

void WechatClient::FetchToken(const App& app, bool force, Deadline deadline,
                              Done<FetchedToken> done) {
  WechatCall call{};
  call.app_id = app.app_id;
  call.context = ErrcodeContext::kTokenEndpoint;
  if (app.token_mode == TokenMode::kStable) {
    call.method = HttpRequest::Method::kPost;
    call.path_and_query = Secret("/cgi-bin/stable_token");
    call.body = Body({{"grant_type", "client_credential"},
                      {"appid", app.app_id},
                      {"secret", app.app_secret.Expose()},
                      {"force_refresh", force}});
    call.endpoint = "stable_token";
  } else {
    call.method = HttpRequest::Method::kGet;
    call.path_and_query = Query("/cgi-bin/token")
                              .Add("grant_type", "client_credential")
                              .Add("appid", app.app_id)
                              .Add("secret", app.app_secret.Expose())
                              .Build();
    call.endpoint = "token";
  }
  caller_->Ask(
      std::move(call), deadline,
      [](const WechatResponse& response, absl::Time) {
        return ReadToken(response);
      },
      std::move(done));
}

void WechatClient::FetchTicket(const App& app, Secret access_token,
                               Deadline deadline, Done<FetchedToken> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/cgi-bin/ticket/getticket")
                      .Add("access_token", access_token.Expose())
                      .Add("type", "jsapi")
                      .Build(),
                  Secret(),
                  "getticket",
                  ErrcodeContext::kApi};
  caller_->Ask(
      std::move(call), deadline,
      [](const WechatResponse& response, absl::Time) {
        return ReadTicket(response);
      },
      std::move(done));
}

void WechatClient::ExchangeOauthCode(const App& app, Secret code,
                                     Deadline deadline,
                                     Done<OauthSession> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/sns/oauth2/access_token")
                      .Add("appid", app.app_id)
                      .Add("secret", app.app_secret.Expose())
                      .Add("code", code.Expose())
                      .Add("grant_type", "authorization_code")
                      .Build(),
                  Secret(),
                  "oauth2_access_token",
                  ErrcodeContext::kOauthCode};
  caller_->Ask(
      std::move(call), deadline,
      [](const WechatResponse& response, absl::Time) {
        return ReadOauthSession(response);
      },
      std::move(done));
}

void WechatClient::RefreshOauthGrant(const App& app, Secret refresh_token,
                                     Deadline deadline,
                                     Done<OauthSession> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/sns/oauth2/refresh_token")
                      .Add("appid", app.app_id)
                      .Add("grant_type", "refresh_token")
                      .Add("refresh_token", refresh_token.Expose())
                      .Build(),
                  Secret(),
                  "oauth2_refresh_token",
                  ErrcodeContext::kOauthRefresh};
  caller_->Ask(
      std::move(call), deadline,
      [refresh_token = std::move(refresh_token)](const WechatResponse& response,
                                                 absl::Time) {
        return ReadRefreshedOauth(response, refresh_token);
      },
      std::move(done));
}

void WechatClient::GetOauthProfile(const App& app, Secret access_token,
                                   std::string openid, std::string language,
                                   Deadline deadline,
                                   Done<FetchedProfile> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/sns/userinfo")
                      .Add("access_token", access_token.Expose())
                      .Add("openid", openid)
                      .Add("lang", language)
                      .Build(),
                  Secret(),
                  "sns_userinfo",
                  ErrcodeContext::kOauthApi};
  caller_->Ask(
      std::move(call), deadline,
      [openid = std::move(openid)](const WechatResponse& response,
                                   absl::Time now) {
        return ReadOauthProfile(response, openid, now);
      },
      std::move(done));
}

void WechatClient::GetFollower(const App& app, Secret access_token,
                               std::string openid, std::string language,
                               Deadline deadline, Done<FetchedProfile> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/cgi-bin/user/info")
                      .Add("access_token", access_token.Expose())
                      .Add("openid", openid)
                      .Add("lang", language)
                      .Build(),
                  Secret(),
                  "user_info",
                  ErrcodeContext::kApi};
  caller_->Ask(
      std::move(call), deadline,
      [openid = std::move(openid)](const WechatResponse& response,
                                   absl::Time now) {
        return ReadFollower(response, openid, now);
      },
      std::move(done));
}

void WechatClient::BatchGetFollowers(const App& app, Secret access_token,
                                     std::vector<std::string> openids,
                                     std::string language, Deadline deadline,
                                     Done<Followers> done) {
  Json list = Json::array();
  for (const std::string& openid : openids)
    list.push_back({{"openid", openid}, {"lang", language}});
  WechatCall call{app.app_id,
                  HttpRequest::Method::kPost,
                  Query("/cgi-bin/user/info/batchget")
                      .Add("access_token", access_token.Expose())
                      .Build(),
                  Body({{"user_list", std::move(list)}}),
                  "user_info_batchget",
                  ErrcodeContext::kApi};
  caller_->Ask(
      std::move(call), deadline,
      [openids = std::move(openids)](const WechatResponse& response,
                                     absl::Time now) {
        return ReadFollowers(response, openids, now);
      },
      std::move(done));
}

void WechatClient::GetPhoneNumber(const App& app, Secret access_token,
                                  Secret code, std::string openid,
                                  Deadline deadline, Done<Phone> done) {
  WechatCall call{app.app_id,
                  HttpRequest::Method::kPost,
                  Query("/wxa/business/getuserphonenumber")
                      .Add("access_token", access_token.Expose())
                      .Build(),
                  Body({{"code", code.Expose()}, {"openid", openid}}),
                  "getuserphonenumber",
                  ErrcodeContext::kPhoneCode};
  caller_->Ask(
      std::move(call), deadline,
      [app_id = app.app_id](const WechatResponse& response, absl::Time) {
        return ReadPhoneInfo(response, app_id);
      },
      std::move(done));
}

void WechatClient::CheckSessionKey(const App& app, Secret access_token,
                                   std::string openid, Secret session_key,
                                   Deadline deadline, Done<bool> done) {
  // WeChat keys this with the text of the key, not with the 16 bytes in it.
  const std::string signature =
      absl::BytesToHexString(HmacSha256(session_key.Expose(), ""));
  WechatCall call{app.app_id,
                  HttpRequest::Method::kGet,
                  Query("/wxa/checksession")
                      .Add("access_token", access_token.Expose())
                      .Add("openid", openid)
                      .Add("signature", signature)
                      .Add("sig_method", "hmac_sha256")
                      .Build(),
                  Secret(),
                  "checksession",
                  ErrcodeContext::kApi};
  caller_->Ask<bool>(
      std::move(call), deadline,
      [](const WechatResponse&, absl::Time) { return true; },
      [done = std::move(done)](absl::StatusOr<bool> current) mutable {
        // Nothing but 87007 and 87009 has this reason.
        if (HasReason(current.status(), Reason::kSessionKeyStale))
          current = false;
        std::move(done)(std::move(current));
      });
}

std::vector<WechatApi::Breaker> WechatClient::BreakersOf(const App& app) {
  return caller_->BreakersOf(app.app_id);
}

}  // namespace wxident
