#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "wxident/client.h"
#include "wxident/v1/error_reason.pb.h"

namespace wxident::client {

// A wxident for the unit tests of what calls it: a real gRPC server on a free
// loopback port, with people and tokens in memory. It needs no WeChat and no
// database. All people belong to one Open Platform account: a name is one user
// in all apps. Thread-safe; what it is asked about an app or person makes them
// when they are new.
//
//   FakeWxident fake;
//   auto client = fake.MakeClient();
//   v1::LoginRequest request;
//   request.set_app_id("wx1");
//   request.set_mini_program_code(fake.LoginCode("wx1", "alice"));
//   auto response = client->Login(request);
class FakeWxident {
 public:
  FakeWxident();
  // Ends all streams and calls.
  ~FakeWxident();
  FakeWxident(const FakeWxident&) = delete;
  FakeWxident& operator=(const FakeWxident&) = delete;

  // "127.0.0.1:<port>", in plain text.
  const std::string& address() const;
  // A client of this server. It must not outlive it.
  std::unique_ptr<Client> MakeClient() const;

  // Makes an app known. It takes every redirect host.
  void AddApp(const std::string& app_id);

  // New codes of somebody's: of wx.login, of a page of GetAuthorizeUrl, and of
  // a getPhoneNumber event. A login code gives the same session when it is sent
  // again; a phone code works once.
  std::string LoginCode(const std::string& app_id, const std::string& name);
  std::string OauthCode(const std::string& app_id, const std::string& name);
  std::string PhoneCode(const std::string& app_id, const std::string& name);
  // What WeChat encrypts for a mini program: somebody's phone number, and any
  // JSON. Only this fake opens it.
  v1::EncryptedData EncryptedPhone(const std::string& app_id,
                                   const std::string& name);
  v1::EncryptedData EncryptedJson(const std::string& app_id,
                                  const std::string& name,
                                  const std::string& json);
  // A new session of somebody's, without a call.
  std::string SessionToken(const std::string& app_id, const std::string& name);
  // Somebody's ids: wxident's, which is "" before the first login, and those of
  // WeChat.
  std::string UserId(const std::string& name);
  v1::Identity Identity(const std::string& app_id, const std::string& name);
  // What WeChat tells of somebody.
  void SetPhone(const std::string& name, const std::string& phone_number);
  void SetProfile(const std::string& name, const v1::UserInfo& profile);
  // Ends a session, as RevokeSession does.
  void Revoke(const std::string& session_token);

  // The app's access_token, and a new one, which watchers are sent.
  std::string AccessToken(const std::string& app_id);
  std::string RotateToken(const std::string& app_id,
                          absl::Duration life = absl::Hours(2));
  // Ends all WatchAccessToken streams with OK, as a server does that stops.
  void EndStreams();

  // Moves the server's clock: codes, sessions and tokens grow older.
  void Advance(absl::Duration time);
  // What the health service says; clients with several addresses go elsewhere
  // when it says no.
  void SetServing(bool serving);

  struct Failure {
    // In RetryInfo, when it is not zero.
    absl::Duration retry_after = absl::ZeroDuration();
    // WeChat's, in the metadata; "" for none.
    std::string errcode = "";
    // A wrong field of the request; "" for none.
    std::string field = "";
    // Has the client send the call again by itself, after so long. Otherwise
    // the server forbids it, and the caller hears of the first failure.
    std::optional<absl::Duration> retry_in = std::nullopt;
  };
  // The next call of `method` ("Login") fails. Called several times, as many
  // calls fail, in that order.
  void FailNext(const std::string& method, v1::ErrorReason reason) {
    FailNext(method, reason, Failure());
  }
  void FailNext(const std::string& method, v1::ErrorReason reason,
                const Failure& failure);
  // Calls of `method` get no answer until Release, or until they are given up.
  void Hold(const std::string& method);
  void Release(const std::string& method);

  // How many calls of `method` have come, with every retry.
  int Calls(const std::string& method) const;
  // How much time the last call of `method` had when it came.
  absl::Duration LastDeadline(const std::string& method) const;
  // The text of a metadata key of the last call of `method`; "" for none.
  std::string LastMetadata(const std::string& method,
                           const std::string& key) const;

 private:
  struct Server;
  const std::unique_ptr<Server> server_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_H_
