#include "clients/cpp/wxident/session_authenticator.h"

#include <openssl/sha.h>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace wxident::client {
namespace {

constexpr absl::Duration kRemembered = absl::Seconds(1);
constexpr size_t kMostRemembered = 10'000;

std::string Digest(const std::string& token) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

absl::Status NoToken() {
  return absl::UnauthenticatedError(
      "send the session token as \"authorization: Bearer <token>\"");
}

absl::Status NotActive() {
  return absl::UnauthenticatedError("the session is not active; log in again");
}

// "": none. The scheme's case does not matter (RFC 9110, 11.1).
std::string TokenOf(const std::string& authorization) {
  constexpr char kScheme[] = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return "";
  return std::string(
      absl::StripAsciiWhitespace(authorization.substr(sizeof(kScheme) - 1)));
}

}  // namespace

struct SessionAuthenticator::Cache {
  // One call of ValidateSession and its answer.
  struct Entry {
    bool answered = false;
    absl::StatusOr<v1::Session> session = NotActive();
    absl::Time until;
  };

  std::mutex mutex;
  std::condition_variable answered;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries;
  // In the order they came.
  std::list<std::string> order;
};

SessionAuthenticator::SessionAuthenticator(Client& client, Options options)
    : options_(options), client_(client), cache_(std::make_unique<Cache>()) {}

SessionAuthenticator::~SessionAuthenticator() = default;

absl::StatusOr<v1::Session> SessionAuthenticator::Authenticate(
    const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  if (metadata.count("authorization") != 1) return NoToken();
  const grpc::string_ref value = metadata.find("authorization")->second;
  return Authenticate(std::string(value.data(), value.size()));
}

absl::StatusOr<v1::Session> SessionAuthenticator::Authenticate(
    const std::string& authorization) {
  v1::ValidateSessionRequest request;
  request.set_session_token(TokenOf(authorization));
  request.set_strong(options_.strong);
  if (request.session_token().empty()) return NoToken();

  const auto ask = [&]() -> absl::StatusOr<v1::Session> {
    absl::StatusOr<v1::ValidateSessionResponse> answer =
        client_.ValidateSession(request);
    if (!answer.ok()) {
      // A token that is too long to be one is no reason to doubt the server.
      return absl::IsInvalidArgument(answer.status()) ? NotActive()
                                                      : answer.status();
    }
    if (!answer->active()) return NotActive();
    return std::move(*answer->mutable_session());
  };
  if (options_.strong) return ask();

  const std::string key = Digest(request.session_token());
  Cache& cache = *cache_;
  std::unique_lock<std::mutex> lock(cache.mutex);
  if (auto found = cache.entries.find(key); found != cache.entries.end()) {
    const std::shared_ptr<Cache::Entry> entry = found->second;
    const bool joins = !entry->answered;
    cache.answered.wait(lock, [&] { return entry->answered; });
    if (joins || absl::Now() < entry->until) return entry->session;
  }
  const auto entry = std::make_shared<Cache::Entry>();
  if (cache.entries.insert_or_assign(key, entry).second)
    cache.order.push_back(key);
  while (cache.order.size() > kMostRemembered) {
    cache.entries.erase(cache.order.front());
    cache.order.pop_front();
  }
  // From here on, so that no answer is older than that.
  const absl::Time asked = absl::Now();
  lock.unlock();
  absl::StatusOr<v1::Session> session = ask();
  lock.lock();
  entry->session = session;
  entry->answered = true;
  entry->until = session.ok() ? asked + kRemembered : absl::InfinitePast();
  cache.answered.notify_all();
  return session;
}

grpc::Status SessionAuthenticator::ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  if (absl::IsUnauthenticated(status))
    return {grpc::StatusCode::UNAUTHENTICATED, std::string(status.message())};
  return {grpc::StatusCode::UNAVAILABLE,
          "the session could not be checked; retry"};
}

int SessionAuthenticator::ToHttp(const absl::Status& status) {
  if (status.ok()) return 200;
  return absl::IsUnauthenticated(status) ? 401 : 503;
}

}  // namespace wxident::client
