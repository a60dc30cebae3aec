#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_

#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "wxident/client.h"
#include "wxident/contract.h"

namespace wxident::client {

// Who sends a request, by the session token that it carries. An active session
// is remembered for at most 1 s, 10,000 of them at once, by the token's
// SHA-256; one call per token is under way. Thread-safe. It blocks while it
// asks, for the default deadline of ValidateSession at most.
//
//   grpc::Status GetOrder(grpc::ServerContext* context, ...) {
//     auto session = authenticator.Authenticate(*context);
//     if (!session.ok()) return SessionAuthenticator::ToGrpc(session.status());
//     ... session->user().user_id() ...
class SessionAuthenticator {
 public:
  struct Options {
    // Asks the database for each request: a session that was revoked a moment
    // ago on another replica is refused at once. Nothing is remembered.
    bool strong = false;
    // A request without a token passes, with a session that has no user. A
    // token that is not active is refused all the same.
    bool anonymous = false;
    // The clock of what is remembered; for tests.
    std::function<absl::Time()> now = absl::Now;
  };

  // `client` must outlive it.
  explicit SessionAuthenticator(Client& client)
      : SessionAuthenticator(client, Options()) {}
  SessionAuthenticator(Client& client, Options options);
  ~SessionAuthenticator();

  // By the metadata "authorization: Bearer <session token>", within the call's
  // deadline. kUnauthenticated: there is no such token, or its session is not
  // active. kUnavailable: it could not be found out, which never means no.
  absl::StatusOr<v1::Session> Authenticate(
      const grpc::ServerContextBase& context);

  // By the text of such a header, for servers of any kind; "" is none.
  absl::StatusOr<v1::Session> Authenticate(
      const std::string& authorization,
      absl::Duration timeout = contract::kValidateSessionDeadline);

  // By a session token that came in another way, such as a cookie; "" is none.
  absl::StatusOr<v1::Session> AuthenticateToken(
      const std::string& session_token,
      absl::Duration timeout = contract::kValidateSessionDeadline);

  // What a handler answers: UNAUTHENTICATED, or UNAVAILABLE.
  static grpc::Status ToGrpc(const absl::Status& status);
  // The same for HTTP: 401, to be sent with "WWW-Authenticate: Bearer", or 503,
  // to be sent with Retry-After.
  static int ToHttp(const absl::Status& status);

 private:
  struct State;

  absl::StatusOr<v1::Session> Ask(const std::string& session_token,
                                  absl::Duration timeout);

  const Options options_;
  Client& client_;
  const std::unique_ptr<State> state_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_
