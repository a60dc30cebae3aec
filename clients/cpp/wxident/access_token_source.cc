#include "clients/cpp/wxident/access_token_source.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "clients/cpp/wxident/error.h"

namespace wxident::client {
namespace {

constexpr absl::Duration kLeastLife = absl::Seconds(60);
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

template <typename Message>
AppToken TokenOf(const Message& message) {
  return {message.access_token(),
          absl::FromUnixSeconds(message.expire_time().seconds()) +
              absl::Nanoseconds(message.expire_time().nanos()),
          message.generation()};
}

}  // namespace

struct AccessTokenSource::State {
  // One GetAccessToken that all who need its answer wait for.
  struct Shared {
    std::optional<absl::Status> end;
  };

  State(Client& client, std::string app_id)
      : client(client),
        app_id(std::move(app_id)),
        thread([this] { Follow(); }) {}

  // These want `mutex` held.
  bool Fresh(absl::Duration least_life) const {
    return token.has_value() && token->access_token != rejected &&
           token->expire_time - absl::Now() > least_life;
  }
  void Take(AppToken fresh) {
    if (token.has_value() && fresh.access_token != token->access_token) {
      // What came late must not replace what is newer. Generation 0 stands
      // beside the others: it is taken when nothing good is held.
      const bool older = fresh.generation == 0
                             ? Fresh(kLeastLife)
                             : fresh.generation < token->generation;
      if (older) return;
    }
    token = std::move(fresh);
    last_error = absl::OkStatus();
    changed.notify_all();
  }

  // The life of the thread: one stream after another.
  void Follow();
  void ReadStream();

  // Asks the server, or waits for who does already with the same `rejected`.
  absl::Status Ask(std::unique_lock<std::mutex>& lock,
                   const std::string& rejected, absl::Time end);

  Client& client;
  const std::string app_id;

  std::mutex mutex;
  std::condition_variable changed;
  bool closing = false;
  // The context of the stream that is open, to cancel it.
  grpc::ClientContext* stream = nullptr;
  bool streaming = false;
  std::optional<AppToken> token;
  // Reported as refused by WeChat.
  std::string rejected;
  absl::Status last_error;
  std::map<std::string, std::shared_ptr<Shared>> asking;

  // The last member: it uses the others.
  std::thread thread;
};

void AccessTokenSource::State::Follow() {
  std::minstd_rand random{std::random_device{}()};
  absl::Duration pause = kFirstPause;
  std::unique_lock<std::mutex> lock(mutex);
  while (!closing) {
    lock.unlock();
    const absl::Time began = absl::Now();
    ReadStream();
    lock.lock();
    // A stream that lived is no reason to wait longer.
    pause = absl::Now() - began > kLongestPause
                ? kFirstPause
                : std::min(pause * 2, kLongestPause);
    const absl::Duration wait =
        pause * std::uniform_real_distribution<>(0, 1)(random);
    changed.wait_for(lock,
                     absl::ToChronoNanoseconds(std::max(wait, kFirstPause)),
                     [this] { return closing; });
  }
}

void AccessTokenSource::State::ReadStream() {
  grpc::ClientContext context;
  client.Prepare(context);
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (closing) return;
    stream = &context;
  }
  v1::WatchAccessTokenRequest request;
  request.set_app_id(app_id);
  std::unique_ptr<grpc::ClientReader<v1::WatchAccessTokenResponse>> reader =
      client.stub().WatchAccessToken(&context, request);
  v1::WatchAccessTokenResponse response;
  while (reader->Read(&response)) {
    std::lock_guard<std::mutex> lock(mutex);
    streaming = true;
    Take(TokenOf(response));
  }
  const grpc::Status status = reader->Finish();
  std::lock_guard<std::mutex> lock(mutex);
  stream = nullptr;
  streaming = false;
  if (!status.ok()) last_error = FromGrpc(status);
  changed.notify_all();
}

absl::Status AccessTokenSource::State::Ask(std::unique_lock<std::mutex>& lock,
                                           const std::string& refused,
                                           absl::Time end) {
  auto [found, mine] = asking.try_emplace(refused);
  if (mine) found->second = std::make_shared<Shared>();
  const std::shared_ptr<Shared> shared = found->second;
  if (!mine) {
    changed.wait_until(lock, absl::ToChronoTime(end),
                       [&] { return closing || shared->end.has_value(); });
    if (shared->end.has_value()) return *shared->end;
    return absl::DeadlineExceededError("no answer from wxident in time");
  }
  lock.unlock();
  v1::GetAccessTokenRequest request;
  request.set_app_id(app_id);
  request.set_rejected_access_token(refused);
  const absl::StatusOr<v1::GetAccessTokenResponse> answer =
      client.GetAccessToken(request, {end - absl::Now()});
  lock.lock();
  asking.erase(refused);
  if (answer.ok()) Take(TokenOf(*answer));
  shared->end = answer.status();
  changed.notify_all();
  return answer.status();
}

AccessTokenSource::AccessTokenSource(Client& client, std::string app_id)
    : state_(std::make_unique<State>(client, std::move(app_id))) {}

AccessTokenSource::~AccessTokenSource() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->closing = true;
    if (state_->stream != nullptr) state_->stream->TryCancel();
    state_->changed.notify_all();
  }
  state_->thread.join();
}

absl::StatusOr<AppToken> AccessTokenSource::Get(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  State& state = *state_;
  std::unique_lock<std::mutex> lock(state.mutex);
  if (state.Fresh(kLeastLife) ||
      (state.streaming && state.Fresh(absl::ZeroDuration())))
    return *state.token;
  const absl::Status asked = state.Ask(lock, state.rejected, end);
  // What the stream brought meanwhile, or is left of an old one, is better
  // than an error.
  if (state.token.has_value() && state.token->expire_time > absl::Now() &&
      (asked.ok() || state.token->access_token != state.rejected))
    return *state.token;
  return asked.ok() ? absl::UnavailableError("wxident gave an expired token")
                    : asked;
}

absl::StatusOr<AppToken> AccessTokenSource::ReportRejected(
    const std::string& access_token, absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  State& state = *state_;
  std::unique_lock<std::mutex> lock(state.mutex);
  // It has been replaced already.
  if (state.token.has_value() && state.token->access_token != access_token &&
      state.Fresh(kLeastLife))
    return *state.token;
  state.rejected = access_token;
  if (absl::Status asked = state.Ask(lock, access_token, end); !asked.ok())
    return asked;
  return *state.token;
}

}  // namespace wxident::client
