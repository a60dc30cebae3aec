#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ERRORS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ERRORS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "wxident/fake.h"

namespace wxident::client {

// An error as wxident answers it.
grpc::Status FakeError(v1::ErrorReason reason, const std::string& message,
                       const FakeWxident::Failure& details = {});

// REQUEST_INVALID of one field.
grpc::Status FakeInvalid(const std::string& field, const std::string& what);

// What FakeError made, as an answer about several things tells it of one.
v1::ItemError FakeItemError(const grpc::Status& status);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_ERRORS_H_
