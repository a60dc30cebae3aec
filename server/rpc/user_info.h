#ifndef WXIDENT_SERVER_RPC_USER_INFO_H_
#define WXIDENT_SERVER_RPC_USER_INFO_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "server/identity/types.h"
#include "server/rpc/call_record.h"
#include "server/rpc/services.h"
#include "server/store/profile_store.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// The parts of GetUserInfo. See calls.h for who owns what.

// Sources encrypted_profile and stored, and sources oauth and follower. The
// request's source and language have been checked.
grpc::ServerUnaryReactor* StartKeptUserInfo(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response);
grpc::ServerUnaryReactor* StartFetchedUserInfo(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response);

// Whose profile is asked for. An identity_ref has then been allowed; of a
// session it is only known whose it is when it has been looked up.
absl::StatusOr<ProfileQuery> UserInfoSubject(
    CallRecord& call, const v1::GetUserInfoRequest& request);

// Everything of the answer but the user.
void FillUserInfo(const Identity& identity, const Profile& profile,
                  v1::GetUserInfoResponse& response);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_USER_INFO_H_
