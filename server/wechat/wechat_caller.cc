#include "server/wechat/wechat_caller.h"

#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr absl::Duration kLongestAttempt = absl::Seconds(5);
// To bring the answer home.
constexpr absl::Duration kMargin = absl::Milliseconds(50);
// With less than this, asking is of no use.
constexpr absl::Duration kLeastUsefulTime = absl::Milliseconds(20);
// With less than this, it is no wonder that no answer came: then a deadline
// that passed says nothing of WeChat.
constexpr absl::Duration kFairTime = absl::Seconds(2);

// The attempt's end, and whether it is our own limit rather than the caller's.
struct Bound {
  Deadline end;
  bool ours;
  // Whether WeChat has kFairTime until then.
  bool fair;
};

Bound BoundAttempt(Deadline callers, Clock& clock) {
  const Deadline home = callers.Earlier(kMargin);
  const Deadline longest = Deadline::After(kLongestAttempt, clock);
  const bool ours = longest < home;
  const Deadline end = ours ? longest : home;
  return {end, ours, end.Left(clock) >= kFairTime};
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
      return BadResponse("it is too large, or broke off");
    default:
      return unsent ? Unreachable() : OutcomeUnknown();
  }
}

// What a transport error says of WeChat.
Breakers::Outcome OutcomeOf(const absl::Status& error, const Bound& bound) {
  switch (error.code()) {
    case absl::StatusCode::kResourceExhausted:
      return Breakers::Outcome::kUnknown;
    case absl::StatusCode::kDeadlineExceeded:
      // Nothing sent: it stood in our own queue, for connecting ends sooner.
      return bound.fair && !NothingSent(error) ? Breakers::Outcome::kFailed
                                               : Breakers::Outcome::kUnknown;
    case absl::StatusCode::kDataLoss:
      return Breakers::Outcome::kAnswered;
    default:
      return Breakers::Outcome::kFailed;
  }
}

}  // namespace

struct WechatCaller::Attempt {
  WechatCall call;
  Bound bound;
  Breakers::Pass pass;
  std::set<size_t> tried;
  Done<WechatResponse> done;
};

WechatCaller::WechatCaller(HttpClient& http, std::vector<std::string> base_urls,
                           Clock& clock, WallClocks& wall_clocks,
                           Random& random, Metrics& metrics)
    : http_(http),
      hosts_(std::move(base_urls), clock),
      breakers_(clock, random, metrics),
      clock_(clock),
      wall_clocks_(wall_clocks),
      metrics_(metrics) {}

void WechatCaller::Send(WechatCall call, Deadline deadline,
                        Done<WechatResponse> done) {
  const Bound bound = BoundAttempt(deadline, clock_);
  // Before the breaker, which would take it for the call that tries.
  if (bound.end.Left(clock_) < kLeastUsefulTime) {
    std::move(done)(DeadlinePassed());
    return;
  }
  const absl::StatusOr<Breakers::Pass> pass =
      breakers_.Enter({call.app_id, call.endpoint});
  if (!pass.ok()) {
    std::move(done)(pass.status());
    return;
  }
  SendTo(std::make_unique<Attempt>(
      Attempt{std::move(call), bound, *pass, {}, std::move(done)}));
}

void WechatCaller::SendTo(AttemptPtr attempt) {
  Attempt& now = *attempt;
  if (now.bound.end.Left(clock_) < kLeastUsefulTime) {
    const auto outcome = now.bound.fair ? Breakers::Outcome::kFailed
                                        : Breakers::Outcome::kUnknown;
    End(std::move(attempt), outcome,
        now.bound.ours ? Unreachable() : DeadlinePassed());
    return;
  }
  const std::optional<Hosts::Pick> pick = hosts_.Choose(now.tried);
  if (!pick.has_value()) {
    End(std::move(attempt), Breakers::Outcome::kFailed, Unreachable());
    return;
  }
  now.tried.insert(pick->index);
  HttpRequest request{
      now.call.method,
      Secret(absl::StrCat(hosts_.url(*pick), now.call.path_and_query.Expose())),
      now.call.body, now.call.endpoint, now.bound.end};
  http_.Send(std::move(request),
             [self = shared_from_this(), attempt = std::move(attempt),
              pick = *pick](absl::StatusOr<HttpResponse> response) mutable {
               self->OnAnswered(std::move(attempt), pick, std::move(response));
             });
}

void WechatCaller::OnAnswered(AttemptPtr attempt, Hosts::Pick pick,
                              absl::StatusOr<HttpResponse> response) {
  const absl::Status& error = response.status();
  if (response.ok() || !NothingSent(error)) {
    hosts_.Reached(pick);
  } else if (absl::IsUnavailable(error)) {
    hosts_.Unreachable(pick);
    SendTo(std::move(attempt));
    return;
  }
  const Bound bound = attempt->bound;
  if (!response.ok()) {
    End(std::move(attempt), OutcomeOf(error, bound),
        TransportError(error, bound));
    return;
  }
  if (response->date.has_value())
    wall_clocks_.Observe(WallClocks::Whose::kWechat, *response->date);
  const WechatCall& call = attempt->call;
  absl::StatusOr<WechatResponse> answer = Read(call, *response);
  if (answer.ok() && answer->errcode() != 0) answer = RefusalOf(call, *answer);
  End(std::move(attempt), Breakers::Outcome::kAnswered, std::move(answer));
}

void WechatCaller::End(AttemptPtr attempt, Breakers::Outcome outcome,
                       absl::StatusOr<WechatResponse> answer) {
  const WechatCall& call = attempt->call;
  breakers_.Leave({call.app_id, call.endpoint}, attempt->pass, outcome,
                  answer.status());
  std::move(attempt->done)(std::move(answer));
}

absl::StatusOr<WechatResponse> WechatCaller::Read(const WechatCall& call,
                                                  const HttpResponse& http) {
  if (http.status == 412)
    return Error(Reason::kWechatRequestRejected,
                 "WeChat refused the form of the request with HTTP 412; report "
                 "it")
        .ToStatus();
  absl::StatusOr<WechatResponse> response =
      http.status == 200
          ? WechatResponse::Parse(http.body)
          : BadResponse(absl::StrCat("its HTTP status is ", http.status));
  if (!response.ok())
    // The body may hold secrets; its digest tells whether two are the same.
    Log(LogLevel::kWarning, "wechat_bad_response",
        {{"endpoint", call.endpoint},
         {"status", absl::StrCat(http.status)},
         {"size", absl::StrCat(http.body.size())},
         {"sha256", absl::BytesToHexString(Sha256(http.body).substr(0, 8))}});
  return response;
}

absl::Status WechatCaller::RefusalOf(const WechatCall& call,
                                     const WechatResponse& response) {
  const int64_t errcode = response.errcode();
  metrics_.Count(
      "wxident_wechat_errcode_total",
      {{"endpoint", call.endpoint},
       {"errcode", IsKnownErrcode(errcode) ? absl::StrCat(errcode) : "other"}});
  return ErrcodeError(errcode, response.rid(), call.context, clock_.Now());
}

}  // namespace wxident
