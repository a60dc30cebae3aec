#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_WORLD_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_WORLD_H_

#include <google/protobuf/timestamp.pb.h>
#include <grpcpp/server_context.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "wxident/fake.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident::client {

struct Person;

// A person in one app.
struct Account {
  Person* person;
  v1::Identity identity;
  // Has logged in.
  bool seen = false;
  std::optional<v1::GetAccessTokenResponse> web_token;
  std::optional<v1::GetUserInfoResponse> stored;
};

struct Person {
  std::string unionid;
  std::string phone;
  v1::UserInfo profile;
  // Empty before the first login.
  v1::User user;
  // By app.
  std::map<std::string, Account> accounts;
};

// What a FakeWxident knows. Everything wants `mutex` held.
struct FakeWorld {
  enum class CodeKind { kLogin, kOauth, kPhone };
  struct Code {
    CodeKind kind;
    Account* account;
    absl::Time made;
    std::optional<v1::LoginResponse> answer;
    bool used = false;
  };

  // What stands behind encrypted data.
  struct Sealed {
    Account* account;
    // "": a phone number.
    std::string json;
    absl::Time made;
  };

  // A login, with all tokens that it got.
  struct Family {
    Account* account;
    absl::Time created;
    absl::Time expires;
    bool revoked = false;
  };
  struct Session {
    std::shared_ptr<Family> family;
    // When RefreshSession gave the next token.
    std::optional<absl::Time> replaced;
  };

  struct Fault {
    v1::ErrorReason reason;
    FakeWxident::Failure failure;
  };
  // Of one method.
  struct Traffic {
    int calls = 0;
    absl::Duration last_deadline;
    std::multimap<std::string, std::string> last_metadata;
    std::deque<Fault> faults;
    bool held = false;
  };

  absl::Time Now() const { return absl::Now() + skipped; }
  Person& FindPerson(const std::string& name);
  Account& FindAccount(const std::string& app_id, const std::string& name);
  void AddApp(const std::string& app_id);
  std::string MakeCode(CodeKind kind, Account& account);
  v1::EncryptedData Seal(Account& account, const std::string& json);
  v1::LoginResponse SignIn(Account& account, absl::Duration ttl);
  std::string KeepSession(std::shared_ptr<Family> family);
  // Null: not active.
  Session* ActiveSession(const std::string& token);
  const v1::GetAccessTokenResponse& Rotate(const std::string& app_id,
                                           absl::Duration life);
  // `count` of A-Z, a-z, 0-9.
  std::string RandomText(int count);
  std::string RandomUuid();

  std::mutex mutex;
  // A token, `streams_ended`, `stopping` or a `held` has changed.
  std::condition_variable changed;
  bool stopping = false;
  int streams_ended = 0;
  absl::Duration skipped = absl::ZeroDuration();
  std::map<std::string, v1::GetAccessTokenResponse> tokens;
  std::map<std::string, Person> people;
  std::map<std::string, Code> codes;
  std::map<std::string, Sealed> sealed;
  std::map<std::string, Session> sessions;
  std::map<std::string, Traffic> traffic;
  std::mt19937_64 random{std::random_device{}()};
};

google::protobuf::Timestamp ToTimestamp(absl::Time time);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_FAKE_WORLD_H_
