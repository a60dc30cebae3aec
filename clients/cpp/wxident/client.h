#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CLIENT_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_CLIENT_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "wxident/channel_pool.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident::client {

// The W3C trace context that a call carries.
struct TraceContext {
  std::string traceparent;
  // May be empty.
  std::string tracestate;
};

struct ClientOptions {
  // Required. "host:port", several by comma, or "dns:///name:port". Calls go to
  // all addresses in turn, but not to those whose health service says no. One
  // host, or a dns:/// name, is looked up again when a connection is lost;
  // hosts among several are looked up once, by Client::Create.
  std::string address;

  // PEM files. Empty ca_file: the system's CAs. cert_file and key_file: both or
  // none. They are read again every 10 s, for new connections.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  // The name that the server's certificate must have. Empty: that of the
  // address, or of any of several.
  std::string server_name;

  // Plain text, to loopback addresses only.
  bool insecure = false;

  // For every unary call, instead of each one's own; see CallOptions.
  std::optional<absl::Duration> deadline;

  // Called at each call, on the caller's thread; may be empty.
  std::function<TraceContext()> trace_context;

  // From WXIDENT_CLIENT_ADDR, WXIDENT_CLIENT_TLS_CA_FILE,
  // WXIDENT_CLIENT_TLS_CERT_FILE, WXIDENT_CLIENT_TLS_KEY_FILE,
  // WXIDENT_CLIENT_TLS_SERVER_NAME and WXIDENT_CLIENT_INSECURE (true or false).
  static absl::StatusOr<ClientOptions> FromEnv();
};

struct CallOptions {
  // Unset: that of ClientOptions, else the method's default (contract.h); for
  // BatchGetUsers with refresh_followers the longest that the server allows.
  std::optional<absl::Duration> deadline;
};

// Calls wxident. Each call blocks until its answer or its deadline; a failing
// one's status is described in error.h. What may be sent again is sent again
// after UNAVAILABLE, at most twice and as the server advises. Thread-safe; one
// for the whole process is best, for it keeps one connection to each address,
// and a further one while there are more calls than a connection takes. Its
// destructor closes them; calls must have ended by then.
class Client {
 public:
  // Does not wait for a connection. kInvalidArgument names the option and its
  // variable.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);
  // As the environment says.
  static absl::StatusOr<std::unique_ptr<Client>> FromEnv();

  absl::StatusOr<v1::LoginResponse> Login(const v1::LoginRequest& request,
                                          const CallOptions& options = {});
  absl::StatusOr<v1::ValidateSessionResponse> ValidateSession(
      const v1::ValidateSessionRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::RefreshSessionResponse> RefreshSession(
      const v1::RefreshSessionRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::RevokeSessionResponse> RevokeSession(
      const v1::RevokeSessionRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::CheckSessionKeyResponse> CheckSessionKey(
      const v1::CheckSessionKeyRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::DecryptPhoneResponse> DecryptPhone(
      const v1::DecryptPhoneRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::DecryptUserDataResponse> DecryptUserData(
      const v1::DecryptUserDataRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::GetUserInfoResponse> GetUserInfo(
      const v1::GetUserInfoRequest& request, const CallOptions& options = {});
  absl::StatusOr<v1::GetAccessTokenResponse> GetAccessToken(
      const v1::GetAccessTokenRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::GetJsapiSignatureResponse> GetJsapiSignature(
      const v1::GetJsapiSignatureRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::GetAuthorizeUrlResponse> GetAuthorizeUrl(
      const v1::GetAuthorizeUrlRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<v1::GetUserResponse> GetUser(const v1::GetUserRequest& request,
                                              const CallOptions& options = {});
  // What is wrong with one is the error of its answer, not of the call.
  absl::StatusOr<v1::BatchGetUsersResponse> BatchGetUsers(
      const v1::BatchGetUsersRequest& request, const CallOptions& options = {});

  // The generated stub, for WatchAccessToken and calls that must not block. Its
  // calls have no deadline unless their context has. Ask for it at each call:
  // it belongs to a connection that has room for one.
  v1::IdentityService::Stub& stub() { return channels_.Pick(); }

  // Adds the trace context to that of a call made with stub().
  void Prepare(grpc::ClientContext& context) const;

 private:
  Client(ChannelPool::MakeChannel make_channel, ClientOptions options);

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (v1::IdentityService::Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
      const Request& request, absl::Duration usual, const CallOptions& options);

  ChannelPool channels_;
  const std::optional<absl::Duration> deadline_;
  const std::function<TraceContext()> trace_context_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CLIENT_H_
