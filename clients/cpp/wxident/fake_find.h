#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_FIND_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_FIND_H_

#include <grpcpp/support/status.h>

#include <string>

#include "wxident/fake_world.h"

namespace wxident::client {

// What several calls look for in their requests. `field` is the name that an
// error gives what was looked at; what is found goes into the last argument.

// SESSION_NOT_ACTIVE, USER_NOT_FOUND, OAUTH_GRANT_EXPIRED.
grpc::Status NotActive();
grpc::Status UserNotFound();
grpc::Status GrantExpired();

grpc::Status CheckApp(const FakeWorld& world, const std::string& field,
                      const std::string& app_id);
grpc::Status CheckToken(const std::string& token);
grpc::Status CheckUserId(const std::string& field, const std::string& user_id);

grpc::Status FindSession(FakeWorld& world, const std::string& token,
                         FakeWorld::Session** session);

// A code that is good for a use.
grpc::Status FindCode(FakeWorld& world, const std::string& field,
                      const std::string& text, FakeWorld::CodeKind kind,
                      const std::string& app_id, FakeWorld::Code** code);

// What stands behind encrypted data, whose fields have `prefix` before them.
grpc::Status Open(FakeWorld& world, const Account& account,
                  const std::string& prefix, const std::string& data,
                  const std::string& iv, FakeWorld::Sealed** sealed);

// Null, and OK: one that has never logged in.
grpc::Status FindIdentity(FakeWorld& world, const std::string& field,
                          const v1::IdentityRef& ref, Account** account);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_FIND_H_
