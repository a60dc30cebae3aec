#include "wxident/access_token_source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "wxident/contract.h"
#include "wxident/error.h"
#include "wxident/flights.h"
#include "wxident/held_token.h"

namespace wxident::client {
namespace {

// Full jitter: a pause before a stream is opened again is anything up to these.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
// How long a caller without a token leaves a stream that is being opened time
// to bring one.
constexpr absl::Duration kHeadStart = absl::Milliseconds(500);
// Of one call of GetAccessToken.
constexpr absl::Duration kLongestCall = contract::kGetAccessTokenDeadline;

template <typename Message>
AppToken TokenOf(const Message& message) {
  return {message.access_token(),
          absl::FromUnixSeconds(message.expire_time().seconds()) +
              absl::Nanoseconds(message.expire_time().nanos()),
          message.generation()};
}

absl::Status Closed() {
  return absl::CancelledError(
      "the access-token source is closed; make another one");
}

}  // namespace

struct AccessTokenSource::State {
  enum class Stream { kOpening, kUp, kDown };

  State(Client& client, std::string app_id)
      : client(client), app_id(std::move(app_id)) {}

  // The life of the thread: one stream after another.
  void Follow();
  void ReadStream();

  void Close();
  absl::StatusOr<AppToken> Get(Instant end);
  absl::StatusOr<AppToken> ReportRejected(const std::string& access_token,
                                          Instant end);

  // Asks the server, or waits for who does already; `rejected` may be "".
  absl::StatusOr<AppToken> Fetch(const std::string& rejected, Instant end) {
    return fetches.Share(rejected, end,
                         [&] { return FetchAlone(rejected, end); });
  }
  absl::StatusOr<AppToken> FetchAlone(const std::string& rejected, Instant end);

  // A call under way, for Close to cancel. False: it is closed already.
  bool Enter(grpc::ClientContext& context) {
    std::lock_guard<std::mutex> lock(mutex);
    if (!closing) calls.insert(&context);
    return !closing;
  }
  void Leave(grpc::ClientContext& context) {
    std::lock_guard<std::mutex> lock(mutex);
    calls.erase(&context);
  }

  Client& client;
  const std::string app_id;
  Flights<AppToken> fetches;
  std::once_flag joined;

  std::mutex mutex;
  // One of the following has changed.
  std::condition_variable changed;
  bool closing = false;
  Stream stream = Stream::kOpening;
  HeldToken held;
  std::set<grpc::ClientContext*> calls;

  std::thread thread;
};

void AccessTokenSource::State::Follow() {
  std::minstd_rand random{std::random_device{}()};
  absl::Duration pause = kFirstPause;
  std::unique_lock<std::mutex> lock(mutex);
  while (!closing) {
    stream = Stream::kOpening;
    lock.unlock();
    const absl::Time began = absl::Now();
    ReadStream();
    lock.lock();
    stream = Stream::kDown;
    changed.notify_all();
    // A stream that lived is no reason to wait longer.
    if (absl::Now() - began > kLongestPause) pause = kFirstPause;
    changed.wait_until(
        lock,
        InstantAfter(pause * std::uniform_real_distribution<>(0, 1)(random)),
        [this] { return closing; });
    pause = std::min(pause * 2, kLongestPause);
  }
}

void AccessTokenSource::State::ReadStream() {
  // Without Prepare: it belongs to no call of the user's.
  grpc::ClientContext context;
  if (!Enter(context)) return;
  v1::WatchAccessTokenRequest request;
  request.set_app_id(app_id);
  std::unique_ptr<grpc::ClientReader<v1::WatchAccessTokenResponse>> reader =
      client.stub().WatchAccessToken(&context, request);
  v1::WatchAccessTokenResponse response;
  while (reader->Read(&response)) {
    std::lock_guard<std::mutex> lock(mutex);
    held.Offer(TokenOf(response), absl::Now());
    stream = Stream::kUp;
    changed.notify_all();
  }
  // Why it ended does not matter: who needs a token asks, and hears why not.
  reader->Finish();
  Leave(context);
}

absl::StatusOr<AppToken> AccessTokenSource::State::FetchAlone(
    const std::string& rejected, Instant end) {
  grpc::ClientContext context;
  client.Prepare(context);
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + std::min(LeftUntil(end), kLongestCall)));
  v1::GetAccessTokenRequest request;
  request.set_app_id(app_id);
  request.set_rejected_access_token(rejected);
  v1::GetAccessTokenResponse response;
  if (!Enter(context)) return Closed();
  const grpc::Status status =
      client.stub().GetAccessToken(&context, request, &response);
  Leave(context);
  if (!status.ok()) return FromGrpc(status, context);
  AppToken token = TokenOf(response);
  std::lock_guard<std::mutex> lock(mutex);
  const AppToken& best = held.Offer(token, absl::Now());
  changed.notify_all();
  // What the stream has brought meanwhile may be newer.
  return best.access_token == rejected ? token : best;
}

absl::StatusOr<AppToken> AccessTokenSource::State::Get(Instant end) {
  const Instant patience = std::min(end, InstantAfter(kHeadStart));
  // The server was asked, and this is why there is no answer.
  std::optional<absl::Status> asked;
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    if (closing) return Closed();
    if (std::optional<AppToken> token =
            held.Usable(absl::Now(), stream == Stream::kUp);
        token.has_value())
      return *token;
    const Instant now = std::chrono::steady_clock::now();
    if (now >= end)
      return asked.value_or(absl::DeadlineExceededError(
          "no access_token from wxident in time; try again, or allow more "
          "time"));
    if (asked.has_value()) {
      // The stream may still bring one in time.
      changed.wait_until(lock, end);
    } else if (stream == Stream::kOpening && now < patience) {
      changed.wait_until(lock, patience);
    } else {
      lock.unlock();
      absl::StatusOr<AppToken> fetched = Fetch("", end);
      lock.lock();
      if (closing) return Closed();
      if (fetched.ok()) return fetched;
      // Not much time is left to it, but some.
      if (std::optional<AppToken> token = held.Unexpired(absl::Now());
          token.has_value())
        return *token;
      if (!absl::IsUnavailable(fetched.status())) return fetched;
      asked = fetched.status();
    }
  }
}

absl::StatusOr<AppToken> AccessTokenSource::State::ReportRejected(
    const std::string& access_token, Instant end) {
  if (access_token.empty())
    return absl::InvalidArgumentError(
        "the rejected access_token is empty; give the one that WeChat refused");
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (closing) return Closed();
    held.Reject(access_token);
  }
  absl::StatusOr<AppToken> fetched = Fetch(access_token, end);
  std::lock_guard<std::mutex> lock(mutex);
  if (closing) return Closed();
  return fetched;
}

void AccessTokenSource::State::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    closing = true;
    for (grpc::ClientContext* context : calls) context->TryCancel();
    changed.notify_all();
  }
  std::call_once(joined, [this] { thread.join(); });
}

AccessTokenSource::AccessTokenSource(Client& client, std::string app_id)
    : state_(std::make_shared<State>(client, std::move(app_id))) {
  state_->thread = std::thread([state = state_.get()] { state->Follow(); });
}

AccessTokenSource::~AccessTokenSource() { Close(); }

// Each keeps the state for as long as it runs: the destructor may come while a
// call waits.
absl::StatusOr<AppToken> AccessTokenSource::Get(absl::Duration timeout) {
  const std::shared_ptr<State> state = state_;
  return state->Get(InstantAfter(timeout));
}

absl::StatusOr<AppToken> AccessTokenSource::ReportRejected(
    const std::string& access_token, absl::Duration timeout) {
  const std::shared_ptr<State> state = state_;
  return state->ReportRejected(access_token, InstantAfter(timeout));
}

void AccessTokenSource::Close() { state_->Close(); }

}  // namespace wxident::client
