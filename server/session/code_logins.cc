#include "server/session/code_logins.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"

namespace wxident {
namespace {

// How long WeChat's codes live; after that WeChat itself refuses a code.
constexpr absl::Duration kMemory = absl::Minutes(5);

// About 100 MB of answers. Beyond it the oldest are forgotten first; WeChat
// then answers for them that the code has been used.
constexpr size_t kMaxExchanges = 200'000;

// Whether an error of ExchangeCode promises that the code was not sent.
bool CodeIsUnused(const absl::Status& error) {
  return HasReason(error, Reason::kWechatUnreachable) ||
         HasReason(error, Reason::kOverloaded);
}

// What later calls with the code are told of the error that the first got.
absl::Status ErrorForLaterCalls(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return Error(Reason::kLoginCodeConsumed,
                   "this code was sent to WeChat before and its outcome was "
                   "lost; get a new one with wx.login")
          .ToStatus();
    default:
      return error;
  }
}

}  // namespace

// One code's way from WeChat to the store.
struct CodeLogins::Exchange {
  struct Waiter {
    Deadline deadline;
    Done<Answer> done;
  };

  // In the order of time. A busy exchange has waiters; the others have none.
  struct AtWechat {};
  struct AtStore {
    SignIn sign_in;
  };
  // WeChat has answered, the store has failed: the next call asks it again.
  struct Unrecorded {
    SignIn sign_in;
  };
  struct Answered {
    absl::StatusOr<Answer> answer;
  };

  std::string key;
  absl::Duration session_ttl;
  Secret session_token;
  std::variant<AtWechat, AtStore, Unrecorded, Answered> state;
  std::vector<Waiter> waiters;
};

CodeLogins::CodeLogins(WechatApi& wechat, IdentityStore& store, Clock& clock,
                       Random& random)
    : wechat_(wechat), store_(store), clock_(clock), random_(random) {}

void CodeLogins::Login(const App& app, Secret code, absl::Duration session_ttl,
                       Deadline deadline, Done<Answer> done) {
  std::string key = Sha256(absl::StrCat(app.app_id, "\n", code.Expose()));
  ExchangePtr exchange;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    ForgetOld();
    ExchangePtr& known = exchanges_[key];
    if (known != nullptr) {
      exchange = known;
      if (auto* answered = std::get_if<Exchange::Answered>(&exchange->state)) {
        absl::StatusOr<Answer> answer = answered->answer;
        lock.unlock();
        return std::move(done)(std::move(answer));
      }
      exchange->waiters.push_back({deadline, std::move(done)});
      auto* unrecorded = std::get_if<Exchange::Unrecorded>(&exchange->state);
      if (unrecorded == nullptr) return;
      SignIn sign_in = std::move(unrecorded->sign_in);
      exchange->state = Exchange::AtStore{sign_in};
      lock.unlock();
      return Record(std::move(exchange), std::move(sign_in), deadline);
    }
    exchange = known = std::make_shared<Exchange>();
    exchange->key = std::move(key);
    exchange->session_ttl = session_ttl;
    exchange->waiters.push_back({deadline, std::move(done)});
    ages_.emplace_back(clock_.Monotonic(), exchange);
  }
  wechat_.ExchangeCode(app, std::move(code), deadline,
                       [this, &app, exchange = std::move(exchange)](
                           absl::StatusOr<CodeSession> answer) {
                         OnExchanged(app, exchange, std::move(answer));
                       });
}

void CodeLogins::OnExchanged(const App& app, ExchangePtr exchange,
                             absl::StatusOr<CodeSession> answer) {
  if (!answer.ok()) {
    std::vector<Exchange::Waiter> waiters;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      waiters.swap(exchange->waiters);
      if (CodeIsUnused(answer.status())) {
        exchanges_.erase(exchange->key);
      } else {
        exchange->state =
            Exchange::Answered{ErrorForLaterCalls(answer.status())};
      }
    }
    for (Exchange::Waiter& waiter : waiters)
      std::move(waiter.done)(answer.status());
    return;
  }
  const absl::Time now = clock_.Now();
  Secret token = NewSessionToken(random_);
  SignIn sign_in{
      .identity = {app.app_id, std::move(answer->openid),
                   std::move(answer->unionid)},
      .open_platform_account = app.open_platform_account,
      .new_user_id = NewUserId(now, random_),
      .session_token_hash = *SessionTokenHash(token.Expose()),
      .session_ttl = exchange->session_ttl,
      .session_key = std::move(answer->session_key),
      .exchanged_at = now,
  };
  Deadline deadline = Deadline::After(absl::ZeroDuration(), clock_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    exchange->session_token = std::move(token);
    exchange->state = Exchange::AtStore{sign_in};
    for (const Exchange::Waiter& waiter : exchange->waiters)
      deadline = std::max(deadline, waiter.deadline);
  }
  Record(std::move(exchange), std::move(sign_in), deadline);
}

void CodeLogins::Record(ExchangePtr exchange, SignIn sign_in,
                        Deadline deadline) {
  store_.RecordSignIn(
      std::move(sign_in), deadline,
      [this, exchange = std::move(exchange)](absl::StatusOr<SignedIn> answer) {
        OnRecorded(exchange, std::move(answer));
      });
}

void CodeLogins::OnRecorded(ExchangePtr exchange,
                            absl::StatusOr<SignedIn> answer) {
  std::vector<Exchange::Waiter> waiters;
  absl::StatusOr<Answer> result = absl::UnknownError("");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiters.swap(exchange->waiters);
    if (answer.ok()) {
      result = Answer{exchange->session_token, *std::move(answer)};
      exchange->state = Exchange::Answered{result};
    } else {
      result = answer.status();
      SignIn sign_in =
          std::move(std::get<Exchange::AtStore>(exchange->state).sign_in);
      exchange->state = Exchange::Unrecorded{std::move(sign_in)};
    }
  }
  for (Exchange::Waiter& waiter : waiters) std::move(waiter.done)(result);
}

void CodeLogins::ForgetOld() {
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
