#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "clients/cpp/wxident/client.h"

namespace wxident::client {

// Who sends a request, by the session token that it carries. An active session
// is remembered for at most 1 s, 10,000 of them at once, by the token's
// SHA-256; one call per token is under way. Thread-safe.
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
  };

  // `client` must outlive it.
  explicit SessionAuthenticator(Client& client)
      : SessionAuthenticator(client, Options()) {}
  SessionAuthenticator(Client& client, Options options);
  ~SessionAuthenticator();

  // By the metadata "authorization: Bearer <session token>".
  // kUnauthenticated: there is no such token, or its session is not active;
  // kUnavailable and others: it could not be found out, which never means no.
  absl::StatusOr<v1::Session> Authenticate(
      const grpc::ServerContextBase& context);

  // By the text of such a header, for servers of any kind; "" is none.
  absl::StatusOr<v1::Session> Authenticate(const std::string& authorization);

  // What a handler answers: UNAUTHENTICATED, or UNAVAILABLE.
  static grpc::Status ToGrpc(const absl::Status& status);
  // The same for HTTP: 401 (with WWW-Authenticate: Bearer) or 503 (with
  // Retry-After).
  static int ToHttp(const absl::Status& status);

 private:
  struct Cache;
  const Options options_;
  Client& client_;
  const std::unique_ptr<Cache> cache_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_SESSION_AUTHENTICATOR_H_
