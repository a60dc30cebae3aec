#include "wxident/session_authenticator.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "wxident/contract.h"
#include "wxident/flights.h"
#include "wxident/session_cache.h"

namespace wxident::client {
namespace {

// However long the request may take, this is a small part of it.
constexpr absl::Duration kLongestCall = contract::kValidateSessionDeadline;
// What is longer is no token of ours.
constexpr size_t kLongestToken = 512;

std::string HashOf(const std::string& token) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

absl::Status NoToken() {
  return absl::UnauthenticatedError(
      "send the session token as \"authorization: Bearer <token>\"");
}

absl::Status NotActive() {
  return absl::UnauthenticatedError("the session is not active; log in again");
}

// "Not active" is told as such. Whatever else went wrong does not tell that.
absl::StatusOr<v1::Session> Told(absl::StatusOr<v1::Session> session) {
  if (session.ok() || session.status() == NotActive()) return session;
  const absl::Status& status = session.status();
  absl::Status out = absl::UnavailableError(absl::StrCat(
      "the session could not be checked; retry: ", status.message()));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    out.SetPayload(type, payload);
  });
  return out;
}

// "": none. The scheme's case does not matter (RFC 9110, 11.1).
std::string TokenOf(const std::string& authorization) {
  constexpr char kScheme[] = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return "";
  return std::string(
      absl::StripAsciiWhitespace(authorization.substr(sizeof(kScheme) - 1)));
}

// Whether a text can be a token of RFC 6750, and of ours.
bool IsWellFormed(const std::string& token) {
  return token.size() <= kLongestToken &&
         std::all_of(token.begin(), token.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) ||
                  absl::StrContains("-._~+/=", std::string(1, c));
         });
}

}  // namespace

struct SessionAuthenticator::State {
  Flights<v1::Session> checks;
  std::mutex mutex;
  SessionCache cache;
};

SessionAuthenticator::SessionAuthenticator(Client& client, Options options)
    : options_(std::move(options)),
      client_(client),
      state_(std::make_unique<State>()) {}

SessionAuthenticator::~SessionAuthenticator() = default;

absl::StatusOr<v1::Session> SessionAuthenticator::Authenticate(
    const grpc::ServerContextBase& context) {
  const auto [first, last] =
      context.client_metadata().equal_range("authorization");
  const auto count = std::distance(first, last);
  // Of two, nobody knows which one is meant.
  if (count > 1) return NoToken();
  return Authenticate(
      count == 0 ? "" : std::string(first->second.data(), first->second.size()),
      absl::FromChrono(context.deadline()) - absl::Now());
}

absl::StatusOr<v1::Session> SessionAuthenticator::Authenticate(
    const std::string& authorization, absl::Duration timeout) {
  return AuthenticateToken(TokenOf(authorization), timeout);
}

absl::StatusOr<v1::Session> SessionAuthenticator::AuthenticateToken(
    const std::string& session_token, absl::Duration timeout) {
  if (session_token.empty()) {
    if (options_.anonymous) return v1::Session();
    return NoToken();
  }
  if (!IsWellFormed(session_token)) return NotActive();
  timeout = std::min(timeout, kLongestCall);
  // Not even shared: a call under way may be older than a revocation.
  if (options_.strong) return Told(Ask(session_token, timeout));

  const std::string hash = HashOf(session_token);
  const auto find = [&]() -> std::optional<v1::Session> {
    std::lock_guard<std::mutex> lock(state_->mutex);
    return state_->cache.Find(hash, options_.now());
  };
  if (std::optional<v1::Session> known = find(); known.has_value())
    return *std::move(known);
  const Instant end = InstantAfter(timeout);
  return Told(
      state_->checks.Share(hash, end, [&]() -> absl::StatusOr<v1::Session> {
        // Another call may have ended since.
        if (std::optional<v1::Session> known = find(); known.has_value())
          return *std::move(known);
        // From here on, so that no answer is remembered for longer.
        const absl::Time asked = options_.now();
        absl::StatusOr<v1::Session> answer = Ask(session_token, LeftUntil(end));
        if (answer.ok()) {
          std::lock_guard<std::mutex> lock(state_->mutex);
          state_->cache.Remember(hash, *answer, asked);
        }
        return answer;
      }));
}

absl::StatusOr<v1::Session> SessionAuthenticator::Ask(
    const std::string& session_token, absl::Duration timeout) {
  v1::ValidateSessionRequest request;
  request.set_session_token(session_token);
  request.set_strong(options_.strong);
  CallOptions call;
  call.deadline = timeout;
  absl::StatusOr<v1::ValidateSessionResponse> answer =
      client_.ValidateSession(request, call);
  if (!answer.ok()) return answer.status();
  if (!answer->active()) return NotActive();
  return std::move(*answer->mutable_session());
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
