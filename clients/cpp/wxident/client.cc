#include "wxident/client.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wxident/channel.h"
#include "wxident/contract.h"
#include "wxident/error.h"

namespace wxident::client {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<ClientOptions> ClientOptions::FromEnv() {
  ClientOptions options;
  options.address = Variable("WXIDENT_CLIENT_ADDR");
  options.ca_file = Variable("WXIDENT_CLIENT_TLS_CA_FILE");
  options.cert_file = Variable("WXIDENT_CLIENT_TLS_CERT_FILE");
  options.key_file = Variable("WXIDENT_CLIENT_TLS_KEY_FILE");
  options.server_name = Variable("WXIDENT_CLIENT_TLS_SERVER_NAME");
  const std::string insecure = Variable("WXIDENT_CLIENT_INSECURE");
  if (insecure != "" && insecure != "true" && insecure != "false")
    return absl::InvalidArgumentError(
        absl::StrCat("insecure (WXIDENT_CLIENT_INSECURE) is \"", insecure,
                     "\"; set it to true or false"));
  options.insecure = insecure == "true";
  return options;
}

Client::Client(ChannelPool::MakeChannel make_channel, ClientOptions options)
    : channels_(std::move(make_channel)),
      deadline_(options.deadline),
      trace_context_(std::move(options.trace_context)) {}

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  absl::StatusOr<ChannelPool::MakeChannel> make_channel = ChannelMaker(options);
  if (!make_channel.ok()) return make_channel.status();
  return std::unique_ptr<Client>(
      new Client(*std::move(make_channel), std::move(options)));
}

absl::StatusOr<std::unique_ptr<Client>> Client::FromEnv() {
  absl::StatusOr<ClientOptions> options = ClientOptions::FromEnv();
  if (!options.ok()) return options.status();
  return Create(*std::move(options));
}

void Client::Prepare(grpc::ClientContext& context) const {
  if (trace_context_ == nullptr) return;
  const TraceContext trace = trace_context_();
  if (trace.traceparent.empty()) return;
  context.AddMetadata("traceparent", trace.traceparent);
  if (!trace.tracestate.empty())
    context.AddMetadata("tracestate", trace.tracestate);
}

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(
    grpc::Status (v1::IdentityService::Stub::*method)(grpc::ClientContext*,
                                                      const Request&,
                                                      Response*),
    const Request& request, absl::Duration usual, const CallOptions& options) {
  grpc::ClientContext context;
  Prepare(context);
  context.set_deadline(absl::ToChronoTime(
      absl::Now() + options.deadline.value_or(deadline_.value_or(usual))));
  Response response;
  const grpc::Status status = (stub().*method)(&context, request, &response);
  if (!status.ok()) return FromGrpc(status, context);
  return response;
}

using Stub = v1::IdentityService::Stub;

absl::StatusOr<v1::LoginResponse> Client::Login(const v1::LoginRequest& request,
                                                const CallOptions& options) {
  return Call(&Stub::Login, request, contract::kLoginDeadline, options);
}

absl::StatusOr<v1::ValidateSessionResponse> Client::ValidateSession(
    const v1::ValidateSessionRequest& request, const CallOptions& options) {
  return Call(&Stub::ValidateSession, request,
              contract::kValidateSessionDeadline, options);
}

absl::StatusOr<v1::RefreshSessionResponse> Client::RefreshSession(
    const v1::RefreshSessionRequest& request, const CallOptions& options) {
  return Call(&Stub::RefreshSession, request, contract::kRefreshSessionDeadline,
              options);
}

absl::StatusOr<v1::RevokeSessionResponse> Client::RevokeSession(
    const v1::RevokeSessionRequest& request, const CallOptions& options) {
  return Call(&Stub::RevokeSession, request, contract::kRevokeSessionDeadline,
              options);
}

absl::StatusOr<v1::CheckSessionKeyResponse> Client::CheckSessionKey(
    const v1::CheckSessionKeyRequest& request, const CallOptions& options) {
  return Call(&Stub::CheckSessionKey, request,
              contract::kCheckSessionKeyDeadline, options);
}

absl::StatusOr<v1::DecryptPhoneResponse> Client::DecryptPhone(
    const v1::DecryptPhoneRequest& request, const CallOptions& options) {
  return Call(&Stub::DecryptPhone, request, contract::kDecryptPhoneDeadline,
              options);
}

absl::StatusOr<v1::DecryptUserDataResponse> Client::DecryptUserData(
    const v1::DecryptUserDataRequest& request, const CallOptions& options) {
  return Call(&Stub::DecryptUserData, request,
              contract::kDecryptUserDataDeadline, options);
}

absl::StatusOr<v1::GetUserInfoResponse> Client::GetUserInfo(
    const v1::GetUserInfoRequest& request, const CallOptions& options) {
  return Call(&Stub::GetUserInfo, request, contract::kGetUserInfoDeadline,
              options);
}

absl::StatusOr<v1::GetAccessTokenResponse> Client::GetAccessToken(
    const v1::GetAccessTokenRequest& request, const CallOptions& options) {
  return Call(&Stub::GetAccessToken, request, contract::kGetAccessTokenDeadline,
              options);
}

absl::StatusOr<v1::GetJsapiSignatureResponse> Client::GetJsapiSignature(
    const v1::GetJsapiSignatureRequest& request, const CallOptions& options) {
  return Call(&Stub::GetJsapiSignature, request,
              contract::kGetJsapiSignatureDeadline, options);
}

absl::StatusOr<v1::GetAuthorizeUrlResponse> Client::GetAuthorizeUrl(
    const v1::GetAuthorizeUrlRequest& request, const CallOptions& options) {
  return Call(&Stub::GetAuthorizeUrl, request,
              contract::kGetAuthorizeUrlDeadline, options);
}

absl::StatusOr<v1::GetUserResponse> Client::GetUser(
    const v1::GetUserRequest& request, const CallOptions& options) {
  return Call(&Stub::GetUser, request, contract::kGetUserDeadline, options);
}

absl::StatusOr<v1::BatchGetUsersResponse> Client::BatchGetUsers(
    const v1::BatchGetUsersRequest& request, const CallOptions& options) {
  return Call(&Stub::BatchGetUsers, request,
              request.refresh_followers() ? contract::kBatchGetUsersLongest
                                          : contract::kBatchGetUsersDeadline,
              options);
}

}  // namespace wxident::client
