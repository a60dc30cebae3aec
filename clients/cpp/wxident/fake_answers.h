#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ANSWERS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ANSWERS_H_

#include <grpcpp/support/status.h>

#include "wxident/fake_world.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident::client {

// What a FakeWxident answers to each unary call, by the type of its request.
// The world's mutex is held.

// fake_sessions.cc: sessions, how they begin and end.
grpc::Status Answer(FakeWorld& world, const v1::LoginRequest& request,
                    v1::LoginResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::ValidateSessionRequest& request,
                    v1::ValidateSessionResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::RefreshSessionRequest& request,
                    v1::RefreshSessionResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::RevokeSessionRequest& request,
                    v1::RevokeSessionResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::CheckSessionKeyRequest& request,
                    v1::CheckSessionKeyResponse& response);

// fake_open_data.cc: what WeChat encrypted for a mini program.
grpc::Status Answer(FakeWorld& world, const v1::DecryptPhoneRequest& request,
                    v1::DecryptPhoneResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::DecryptUserDataRequest& request,
                    v1::DecryptUserDataResponse& response);

// fake_users.cc: users and their profiles.
grpc::Status Answer(FakeWorld& world, const v1::GetUserInfoRequest& request,
                    v1::GetUserInfoResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::GetUserRequest& request,
                    v1::GetUserResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::BatchGetUsersRequest& request,
                    v1::BatchGetUsersResponse& response);

// fake_tokens.cc: apps' tokens, and what is made of them.
grpc::Status Answer(FakeWorld& world, const v1::GetAccessTokenRequest& request,
                    v1::GetAccessTokenResponse& response);
grpc::Status Answer(FakeWorld& world,
                    const v1::GetJsapiSignatureRequest& request,
                    v1::GetJsapiSignatureResponse& response);
grpc::Status Answer(FakeWorld& world, const v1::GetAuthorizeUrlRequest& request,
                    v1::GetAuthorizeUrlResponse& response);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ANSWERS_H_
