#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "clients/cpp/wxident/client.h"
#include "wxident/v1/error_reason.pb.h"

namespace wxident::client {

// A wxident for the unit tests of what calls it: a real gRPC server on a free
// loopback port, with people and tokens in memory. It needs no WeChat and no
// database. Each code works once, as WeChat's do, and gives the same session
// when it is sent again. Thread-safe.
//
//   FakeWxident fake;
//   fake.AddApp("wx1");
//   auto client = fake.MakeClient();
//   v1::LoginRequest request;
//   request.set_app_id("wx1");
//   request.set_mini_program_code(fake.LoginCode("wx1", "alice"));
//   auto response = client->Login(request);
class FakeWxident {
 public:
  FakeWxident();
  // Ends all streams.
  ~FakeWxident();
  FakeWxident(const FakeWxident&) = delete;

  // "127.0.0.1:<port>"
  const std::string& address() const;
  std::unique_ptr<Client> MakeClient() const;

  void AddApp(const std::string& app_id);
  // A code of somebody's, who is made when new; one name is one user in all
  // apps.
  std::string LoginCode(const std::string& app_id, const std::string& name);
  // A session of somebody's, without a login.
  std::string SessionToken(const std::string& app_id, const std::string& name);
  std::string UserId(const std::string& name) const;
  void SetPhone(const std::string& name, const std::string& phone_number);
  void Revoke(const std::string& session_token);

  // The app's access_token, and a new one, which watchers are sent.
  std::string AccessToken(const std::string& app_id) const;
  std::string RotateToken(const std::string& app_id);
  // Ends all WatchAccessToken streams, as a server does that stops.
  void EndStreams();

  // The next call of `method` ("Login") fails, and is not to be sent again.
  void FailNext(const std::string& method, v1::ErrorReason reason,
                absl::Duration retry_after = absl::ZeroDuration());
  // How many calls of `method` have come.
  int Calls(const std::string& method) const;

 private:
  class Service;
  struct Running;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Running> running_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_
