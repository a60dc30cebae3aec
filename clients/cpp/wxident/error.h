#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_ERROR_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_ERROR_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "wxident/v1/error_reason.pb.h"

namespace wxident::client {

// Every call of this library fails with an absl::Status whose code is the
// call's gRPC code, whose message says what to do next, and which carries what
// the server told:
//
//   if (Is(response.status(), v1::ERROR_REASON_LOGIN_CODE_CONSUMED)) ...

// Why it failed; error_reason.proto tells when each comes and what to do then.
// ERROR_REASON_UNSPECIFIED: the server did not say, so it is about the
// connection or the deadline, not about WeChat.
v1::ErrorReason ReasonOf(const absl::Status& status);

// Whether it failed, and for this reason.
bool Is(const absl::Status& status, v1::ErrorReason reason);

// "LOGIN_CODE_CONSUMED"; "" for ERROR_REASON_UNSPECIFIED.
std::string ReasonName(v1::ErrorReason reason);

// What to do about it, as a sentence for people; "" for what this client does
// not know.
absl::string_view AdviceOf(v1::ErrorReason reason);

// A public fact: "errcode" and "rid" where WeChat answered. "": none.
std::string MetadataOf(const absl::Status& status, const std::string& name);

// The request's fields that are wrong, by their path, and what is wrong.
std::vector<std::pair<std::string, std::string>> ViolationsOf(
    const absl::Status& status);

// How long to wait before the same call may help.
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

// What the server's logs call this call, for a question to its operator;
// printing the status shows it too. "": no server answered.
std::string RequestId(const absl::Status& status);

// The absl::Status of a gRPC call's end, for calls made with Client::stub().
// The context is the call's: its trailing metadata has the request id.
absl::Status FromGrpc(const grpc::Status& status,
                      const grpc::ClientContext& context);
// Without a request id.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_ERROR_H_
