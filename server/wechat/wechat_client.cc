#include "server/wechat/wechat_client.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/log.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"
#include "server/wechat/answers.h"
#include "server/wechat/errcode.h"
#include "server/wechat/hosts.h"
#include "server/wechat/json.h"
#include "server/wechat/response.h"

namespace wxident {
namespace {

constexpr absl::Duration kLongestAttempt = absl::Seconds(5);
// To bring the answer home.
constexpr absl::Duration kMargin = absl::Milliseconds(50);
// With less than this, asking is of no use.
constexpr absl::Duration kLeastUsefulTime = absl::Milliseconds(20);

// One request but for the host it goes to.
struct Call {
  HttpRequest::Method method;
  Secret path_and_query;
  Secret body;
  std::string endpoint;
  ErrcodeContext context;
};

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

// The attempt's end, and whether it is our own limit rather than the caller's.
struct Bound {
  Deadline end;
  bool ours;
};

Bound BoundAttempt(Deadline callers, Clock& clock) {
  const Deadline home = callers.Earlier(kMargin);
  const Deadline longest = Deadline::After(kLongestAttempt, clock);
  return longest < home ? Bound{longest, true} : Bound{home, false};
}

absl::Status DeadlinePassed() {
  return Error(Reason::kDeadlinePassed,
               "the deadline passed before WeChat answered; allow more time")
      .ToStatus();
}

absl::Status Unreachable() {
  return Error(Reason::kWechatUnreachable,
               "no connection to WeChat could be made and nothing was sent; "
               "retry, a login with the same code")
      .ToStatus();
}

absl::Status OutcomeUnknown() {
  return Error(Reason::kOutcomeUnknown,
               "the request left for WeChat and no answer came back; retry, a "
               "login with a new code")
      .ToStatus();
}

absl::Status TransportError(const absl::Status& error, const Bound& bound) {
  const bool unsent = NothingSent(error);
  switch (error.code()) {
    case absl::StatusCode::kResourceExhausted:
      return Error(Reason::kOverloaded,
                   "too many requests wait for WeChat; retry later or try "
                   "another replica")
          .RetryAfter(absl::Seconds(1))
          .ToStatus();
    case absl::StatusCode::kDeadlineExceeded:
      if (!bound.ours) return DeadlinePassed();
      return unsent ? Unreachable() : OutcomeUnknown();
    case absl::StatusCode::kDataLoss:
      return BadResponse("it is too large");
    default:
      return unsent ? Unreachable() : OutcomeUnknown();
  }
}

}  // namespace

class WechatClient::Caller
    : public std::enable_shared_from_this<WechatClient::Caller> {
 public:
  Caller(HttpClient& http, std::vector<std::string> base_urls, Clock& clock,
         Metrics& metrics)
      : http_(http),
        hosts_(std::move(base_urls), clock),
        clock_(clock),
        metrics_(metrics) {}

  // Answers with what `read` makes of a response whose errcode is 0 and of the
  // time.
  template <typename T, typename Reader>
  void Ask(Call call, Deadline deadline, Reader read, Done<T> done) {
    Attempt(std::make_unique<Call>(std::move(call)),
            BoundAttempt(deadline, clock_), {},
            [self = shared_from_this(), read = std::move(read),
             done = std::move(done)](
                absl::StatusOr<WechatResponse> response) mutable {
              if (!response.ok()) {
                std::move(done)(response.status());
                return;
              }
              std::move(done)(read(*response, self->clock_.Now()));
            });
  }

 private:
  void Attempt(std::unique_ptr<Call> call, Bound bound, std::set<size_t> tried,
               Done<WechatResponse> done) {
    if (bound.end.Left(clock_) < kLeastUsefulTime) {
      std::move(done)(bound.ours ? Unreachable() : DeadlinePassed());
      return;
    }
    const std::optional<Hosts::Pick> pick = hosts_.Choose(tried);
    if (!pick.has_value()) {
      std::move(done)(Unreachable());
      return;
    }
    tried.insert(pick->index);
    HttpRequest request{
        call->method,
        Secret(absl::StrCat(hosts_.url(*pick), call->path_and_query.Expose())),
        call->body, call->endpoint, bound.end};
    http_.Send(std::move(request),
               [self = shared_from_this(), call = std::move(call), bound,
                tried = std::move(tried), pick = *pick, done = std::move(done)](
                   absl::StatusOr<HttpResponse> response) mutable {
                 self->OnAnswered(std::move(call), bound, std::move(tried),
                                  pick, std::move(response), std::move(done));
               });
  }

  void OnAnswered(std::unique_ptr<Call> call, Bound bound,
                  std::set<size_t> tried, Hosts::Pick pick,
                  absl::StatusOr<HttpResponse> response,
                  Done<WechatResponse> done) {
    const absl::Status& error = response.status();
    if (response.ok() || !NothingSent(error)) {
      hosts_.Reached(pick);
    } else if (absl::IsUnavailable(error)) {
      hosts_.Unreachable(pick);
      Attempt(std::move(call), bound, std::move(tried), std::move(done));
      return;
    }
    if (!response.ok()) {
      std::move(done)(TransportError(error, bound));
      return;
    }
    std::move(done)(Read(*call, *response));
  }

  absl::StatusOr<WechatResponse> Read(const Call& call,
                                      const HttpResponse& http) {
    if (http.status == 412)
      return Error(Reason::kWechatRequestRejected,
                   "WeChat refused the form of the request with HTTP 412; "
                   "report it")
          .ToStatus();
    absl::StatusOr<WechatResponse> response =
        http.status == 200
            ? WechatResponse::Parse(http.body)
            : BadResponse(absl::StrCat("its HTTP status is ", http.status));
    if (!response.ok()) {
      // The body may hold secrets; its digest tells whether two are the same.
      Log(LogLevel::kWarning, "wechat_bad_response",
          {{"endpoint", call.endpoint},
           {"status", absl::StrCat(http.status)},
           {"size", absl::StrCat(http.body.size())},
           {"sha256", absl::BytesToHexString(Sha256(http.body).substr(0, 8))}});
      return response;
    }
    const int64_t errcode = response->errcode();
    if (errcode == 0) return response;
    metrics_.Count("wxident_wechat_errcode_total",
                   {{"endpoint", call.endpoint},
                    {"errcode", IsKnownErrcode(errcode) ? absl::StrCat(errcode)
                                                        : "other"}});
    return ErrcodeError(errcode, response->rid(), call.context, clock_.Now());
  }

  HttpClient& http_;
  Hosts hosts_;
  Clock& clock_;
  Metrics& metrics_;
};

WechatClient::WechatClient(HttpClient& http, std::vector<std::string> base_urls,
                           Clock& clock, Metrics& metrics)
    : caller_(std::make_shared<Caller>(http, std::move(base_urls), clock,
                                       metrics)) {}

WechatClient::~WechatClient() = default;

void WechatClient::ExchangeCode(const App& app, Secret code, Deadline deadline,
                                Done<CodeSession> done) {
  Call call{HttpRequest::Method::kGet,
            Query("/sns/jscode2session")
                .Add("appid", app.app_id)
                .Add("secret", app.app_secret.Expose())
                .Add("js_code", code.Expose())
                .Add("grant_type", "authorization_code")
                .Build(),
            Secret(), "jscode2session", ErrcodeContext::kCodeExchange};
  caller_->Ask(
      std::move(call), deadline,
      [](const WechatResponse& response, absl::Time) {
        return ReadCodeSession(response);
      },
      std::move(done));
}

void WechatClient::FetchToken(const App& app, bool force, Deadline deadline,
                              Done<FetchedToken> done) {
  Call call{};
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

void WechatClient::ExchangeOauthCode(const App& app, Secret code,
                                     Deadline deadline,
                                     Done<OauthSession> done) {
  Call call{HttpRequest::Method::kGet,
            Query("/sns/oauth2/access_token")
                .Add("appid", app.app_id)
                .Add("secret", app.app_secret.Expose())
                .Add("code", code.Expose())
                .Add("grant_type", "authorization_code")
                .Build(),
            Secret(), "oauth2_access_token", ErrcodeContext::kOauthCode};
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
  Call call{HttpRequest::Method::kGet,
            Query("/sns/oauth2/refresh_token")
                .Add("appid", app.app_id)
                .Add("grant_type", "refresh_token")
                .Add("refresh_token", refresh_token.Expose())
                .Build(),
            Secret(), "oauth2_refresh_token", ErrcodeContext::kOauthRefresh};
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
  // The token alone tells WeChat the app.
  (void)app;
  Call call{HttpRequest::Method::kGet,
            Query("/sns/userinfo")
                .Add("access_token", access_token.Expose())
                .Add("openid", openid)
                .Add("lang", language)
                .Build(),
            Secret(), "sns_userinfo", ErrcodeContext::kOauthApi};
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
  (void)app;
  Call call{HttpRequest::Method::kGet,
            Query("/cgi-bin/user/info")
                .Add("access_token", access_token.Expose())
                .Add("openid", openid)
                .Add("lang", language)
                .Build(),
            Secret(), "user_info", ErrcodeContext::kApi};
  caller_->Ask(
      std::move(call), deadline,
      [openid = std::move(openid)](const WechatResponse& response,
                                   absl::Time now) {
        return ReadFollower(response, openid, now);
      },
      std::move(done));
}

void WechatClient::GetPhoneNumber(const App& app, Secret access_token,
                                  Secret code, std::string openid,
                                  Deadline deadline, Done<Phone> done) {
  Call call{HttpRequest::Method::kPost,
            Query("/wxa/business/getuserphonenumber")
                .Add("access_token", access_token.Expose())
                .Build(),
            Body({{"code", code.Expose()}, {"openid", openid}}),
            "getuserphonenumber", ErrcodeContext::kPhoneCode};
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
  (void)app;
  // WeChat keys this with the text of the key, not with the 16 bytes in it.
  const std::string signature =
      absl::BytesToHexString(HmacSha256(session_key.Expose(), ""));
  Call call{HttpRequest::Method::kGet,
            Query("/wxa/checksession")
                .Add("access_token", access_token.Expose())
                .Add("openid", openid)
                .Add("signature", signature)
                .Add("sig_method", "hmac_sha256")
                .Build(),
            Secret(), "checksession", ErrcodeContext::kApi};
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

}  // namespace wxident
