#include "server/session/code_exchange.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"

namespace wxident {
namespace {

// How long WeChat's codes live; after that WeChat itself refuses a code.
constexpr absl::Duration kMemory = absl::Minutes(5);

// About 60 MB. Beyond it the oldest are forgotten first; WeChat then says that
// they have been used, and the store has their answers.
constexpr size_t kMaxExchanges = 200'000;

// Between looks for another replica's answer: it is stored as soon as that
// replica's database has answered.
constexpr absl::Duration kPauses[] = {
    absl::Milliseconds(20), absl::Milliseconds(40), absl::Milliseconds(80),
    absl::Milliseconds(160), absl::Milliseconds(320)};
constexpr size_t kNoMorePauses = std::size(kPauses);

// WeChat's lives of refresh_tokens (wechat-api 0.5).
constexpr absl::Duration kGrantLife = absl::Hours(30 * 24);
constexpr absl::Duration kMobileGrantLife = absl::Hours(180 * 24);

// Whether an error of an exchange promises that the code was not sent.
bool CodeIsUnused(const absl::Status& error) {
  return HasReason(error, Reason::kWechatUnreachable) ||
         HasReason(error, Reason::kOverloaded);
}

// Whether an error leaves open what became of the code.
bool OutcomeIsLost(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error) ||
         absl::IsResourceExhausted(error);
}

// The caller last: the others have no line break.
std::string CodeHash(const App& app, absl::string_view caller,
                     const Secret& code) {
  const Secret text(
      absl::StrCat(app.app_id, "\n", code.Expose(), "\n", caller));
  return Sha256(text.Expose());
}

absl::Status ConsumedError(absl::string_view why) {
  return Error(Reason::kLoginCodeConsumed,
               absl::StrCat("this code was ", why, "; get a new one"))
      .ToStatus();
}
// Once a code has been answered, the store alone says whether it is again.
absl::Status EndedError() {
  return ConsumedError("used before and the session that it opened has ended");
}

}  // namespace

// One code's way from WeChat to the store.
struct CodeExchange::Exchange {
  struct Waiter {
    Deadline deadline;
    Done<Answer> done;
  };

  // In the order of time. A busy exchange (AtWechat, AtStore, Looking) has
  // waiters and their code; the others have neither.
  struct AtWechat {};
  struct AtStore {
    SignIn sign_in;
  };
  // WeChat has answered, the store has failed: the next call asks it again.
  struct Unrecorded {
    SignIn sign_in;
  };
  // The store may have an answer that still holds. `error` is what the callers
  // hear if it has none.
  struct Looking {
    absl::Status error;
  };
  // Answered, or without an answer so far: the next call looks once.
  struct Spent {
    absl::Status error;
  };
  // WeChat's final no.
  struct Refused {
    absl::Status error;
  };

  std::string app_id;
  std::string key;
  absl::Duration session_ttl;
  Secret code;
  std::variant<AtWechat, AtStore, Unrecorded, Looking, Spent, Refused> state;
  std::vector<Waiter> waiters;

  // Becomes busy for a call with `code`.
  template <typename Busy>
  void Begin(Secret with_code, Busy busy) {
    code = std::move(with_code);
    state = std::move(busy);
  }
  // Is busy no more; those who waited.
  template <typename Idle>
  std::vector<Waiter> End(Idle idle) {
    code = Secret();
    state = std::move(idle);
    return std::exchange(waiters, {});
  }
};

CodeExchange::CodeExchange(WechatApi& wechat, IdentityStore& store,
                           Timer& timer, Clock& clock, Random& random)
    : wechat_(wechat),
      store_(store),
      timer_(timer),
      clock_(clock),
      random_(random) {}

void CodeExchange::Login(const AuthorizedApp& authorized,
                         absl::string_view caller, Secret code,
                         absl::Duration session_ttl, Deadline deadline,
                         Done<Answer> done) {
  const App& app = *authorized;
  std::string key = CodeHash(app, caller, code);
  ExchangePtr exchange;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    ForgetOld();
    ExchangePtr& known = exchanges_[key];
    if (known != nullptr) {
      exchange = known;
      if (auto* refused = std::get_if<Exchange::Refused>(&exchange->state)) {
        absl::Status error = refused->error;
        lock.unlock();
        return std::move(done)(std::move(error));
      }
      exchange->waiters.push_back({deadline, std::move(done)});
      if (auto* spent = std::get_if<Exchange::Spent>(&exchange->state)) {
        exchange->Begin(std::move(code),
                        Exchange::Looking{std::move(spent->error)});
        lock.unlock();
        return Look(std::move(exchange), kNoMorePauses);
      }
      auto* unrecorded = std::get_if<Exchange::Unrecorded>(&exchange->state);
      if (unrecorded == nullptr) return;
      SignIn sign_in = std::move(unrecorded->sign_in);
      exchange->Begin(std::move(code), Exchange::AtStore{sign_in});
      lock.unlock();
      return Record(std::move(exchange), std::move(sign_in), deadline);
    }
    exchange = known = std::make_shared<Exchange>();
    exchange->app_id = app.app_id;
    exchange->key = std::move(key);
    exchange->session_ttl = session_ttl;
    exchange->Begin(code, Exchange::AtWechat{});
    exchange->waiters.push_back({deadline, std::move(done)});
    ages_.emplace_back(clock_.Monotonic(), exchange);
  }
  Send(app, std::move(code), deadline, std::move(exchange));
}

void CodeExchange::Send(const App& app, Secret code, Deadline deadline,
                        ExchangePtr exchange) {
  if (app.kind == AppKind::kMiniProgram)
    return wechat_.ExchangeCode(
        app, std::move(code), deadline,
        [this, &app,
         exchange = std::move(exchange)](absl::StatusOr<CodeSession> answer) {
          OnCodeSession(app, exchange, std::move(answer));
        });
  wechat_.ExchangeOauthCode(app, std::move(code), deadline,
                            [this, &app, exchange = std::move(exchange)](
                                absl::StatusOr<OauthSession> answer) {
                              OnOauthSession(app, exchange, std::move(answer));
                            });
}

void CodeExchange::OnCodeSession(const App& app, ExchangePtr exchange,
                                 absl::StatusOr<CodeSession> answer) {
  if (!answer.ok()) return OnRefused(std::move(exchange), answer.status());
  SignIn sign_in;
  sign_in.identity = {app.app_id, std::move(answer->openid),
                      std::move(answer->unionid)};
  sign_in.session_key = std::move(answer->session_key);
  OnConfirmed(app, std::move(exchange), std::move(sign_in));
}

void CodeExchange::OnOauthSession(const App& app, ExchangePtr exchange,
                                  absl::StatusOr<OauthSession> answer) {
  if (!answer.ok()) return OnRefused(std::move(exchange), answer.status());
  const absl::Time now = clock_.Now();
  SignIn sign_in;
  sign_in.identity = {app.app_id, std::move(answer->openid),
                      std::move(answer->unionid)};
  sign_in.grant = OauthGrant{
      .access_token = std::move(answer->access_token),
      .access_expires_at = now + answer->expires_in,
      .refresh_token = std::move(answer->refresh_token),
      .refresh_expires_at =
          now + (app.kind == AppKind::kMobile ? kMobileGrantLife : kGrantLife),
      .scope = std::move(answer->scope),
  };
  OnConfirmed(app, std::move(exchange), std::move(sign_in));
}

void CodeExchange::OnRefused(ExchangePtr exchange, const absl::Status& error) {
  std::vector<Exchange::Waiter> waiters;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (IsCodeUsed(error)) {
      exchange->state = Exchange::Looking{error};
      lock.unlock();
      return Look(std::move(exchange), 0);
    }
    if (CodeIsUnused(error)) exchanges_.erase(exchange->key);
    if (OutcomeIsLost(error))
      waiters = exchange->End(Exchange::Spent{ConsumedError(
          "sent to WeChat before and its outcome is no longer known")});
    else
      waiters = exchange->End(Exchange::Refused{error});
  }
  for (Exchange::Waiter& waiter : waiters) std::move(waiter.done)(error);
}

void CodeExchange::OnConfirmed(const App& app, ExchangePtr exchange,
                               SignIn sign_in) {
  const absl::Time now = clock_.Now();
  sign_in.open_platform_account = app.open_platform_account;
  sign_in.new_user_id = NewUserId(now, random_);
  sign_in.token_salt = NewTokenSalt(random_);
  sign_in.session_ttl = exchange->session_ttl;
  sign_in.code_hash = exchange->key;
  sign_in.exchanged_at = now;
  std::unique_lock<std::mutex> lock(mutex_);
  sign_in.session_token_hash = *SessionTokenHash(
      LoginToken(sign_in.token_salt, exchange->code).Expose());
  exchange->state = Exchange::AtStore{sign_in};
  const Deadline deadline = LatestDeadline(*exchange);
  lock.unlock();
  Record(std::move(exchange), std::move(sign_in), deadline);
}

void CodeExchange::Record(ExchangePtr exchange, SignIn sign_in,
                          Deadline deadline) {
  store_.RecordSignIn(
      std::move(sign_in), deadline,
      [this, exchange = std::move(exchange)](absl::StatusOr<SignedIn> answer) {
        OnRecorded(exchange, std::move(answer));
      });
}

void CodeExchange::OnRecorded(ExchangePtr exchange,
                              absl::StatusOr<SignedIn> answer) {
  std::vector<Exchange::Waiter> waiters;
  absl::StatusOr<Answer> result = absl::UnknownError("");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    SignIn sign_in =
        std::move(std::get<Exchange::AtStore>(exchange->state).sign_in);
    if (answer.ok()) {
      result = Answer{LoginToken(sign_in.token_salt, exchange->code),
                      *std::move(answer)};
      waiters = exchange->End(Exchange::Spent{EndedError()});
    } else {
      result = answer.status();
      waiters = exchange->End(Exchange::Unrecorded{std::move(sign_in)});
    }
  }
  for (Exchange::Waiter& waiter : waiters) std::move(waiter.done)(result);
}

void CodeExchange::Look(ExchangePtr exchange, size_t pause) {
  std::unique_lock<std::mutex> lock(mutex_);
  const Deadline deadline = LatestDeadline(*exchange);
  lock.unlock();
  const std::string& app_id = exchange->app_id;
  const std::string& key = exchange->key;
  store_.FindLoginAnswer(
      app_id, key, deadline,
      [this, exchange = std::move(exchange), pause](Found found) {
        OnLooked(exchange, pause, std::move(found));
      });
}

void CodeExchange::OnLooked(ExchangePtr exchange, size_t pause, Found found) {
  std::vector<Exchange::Waiter> waiters;
  absl::StatusOr<Answer> result = absl::UnknownError("");
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool is_there = found.ok() && found->has_value();
    if (!is_there && pause < kNoMorePauses &&
        kPauses[pause] < LatestDeadline(*exchange).Left(clock_)) {
      lock.unlock();
      return timer_.After(kPauses[pause], [this, exchange, pause]() mutable {
        Look(std::move(exchange), pause + 1);
      });
    }
    absl::Status error =
        std::move(std::get<Exchange::Looking>(exchange->state).error);
    if (is_there) {
      StoredAnswer& stored = **found;
      result = Answer{LoginToken(stored.token_salt, exchange->code),
                      std::move(stored.signed_in)};
      error = EndedError();
    } else {
      // A store that could not be asked has not said that there is nothing.
      result = found.ok() ? error : found.status();
    }
    waiters = exchange->End(Exchange::Spent{std::move(error)});
  }
  for (Exchange::Waiter& waiter : waiters) std::move(waiter.done)(result);
}

Deadline CodeExchange::LatestDeadline(const Exchange& exchange) {
  Deadline latest = Deadline::After(absl::ZeroDuration(), clock_);
  for (const Exchange::Waiter& waiter : exchange.waiters)
    latest = std::max(latest, waiter.deadline);
  return latest;
}

void CodeExchange::ForgetOld() {
  const absl::Duration now = clock_.Monotonic();
  while (!ages_.empty() && (now - ages_.front().first > kMemory ||
                            ages_.size() > kMaxExchanges)) {
    auto found = exchanges_.find(ages_.front().second->key);
    if (found != exchanges_.end() && found->second == ages_.front().second)
      exchanges_.erase(found);
    ages_.pop_front();
  }
}

}  // namespace wxident
