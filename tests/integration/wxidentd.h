#ifndef WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_
#define WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/canary.h"
#include "tests/integration/process.h"
#include "tests/integration/simulator.h"
#include "tests/store/private_postgres.h"
#include "wxident/v1/admin_service.grpc.pb.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

// The mini program of WeChat's published sample (wechat-api 15.1), so that the
// sample opens here.
inline constexpr char kMiniProgram[] = "wx4f4bc4dec97d474b";
inline constexpr char kOfficialAccount[] = "wx00000000000000a1";
inline constexpr char kOrdinaryApp[] = "wx00000000000000b2";
inline constexpr char kWebsite[] = "wx00000000000000c3";
inline constexpr char kMobile[] = "wx00000000000000d4";

// An app as the configuration has it.
struct WorldApp {
  std::string id;
  std::string kind = "mini_program";
  std::string token_mode = "stable";
};

// What a test of whole processes needs: a database with the schema, a simulator
// that knows the apps, and a server's configuration for both.
class World {
 public:
  // `more_apps` come on top of those above.
  explicit World(PrivatePostgres::Durability durability =
                     PrivatePostgres::Durability::kNone,
                 const std::vector<WorldApp>& more_apps = {});
  ~World();

  Simulator& sim() { return *sim_; }
  PrivatePostgres& postgres() { return *postgres_; }
  // The first value that `sql` gives, over a connection kept for it.
  std::string Query(const std::string& sql);
  const std::string& dir() const { return dir_; }
  const std::string& config_file() const { return config_file_; }
  // `sql`'s first value as a number, which it must be.
  int Count(const std::string& sql);
  // Lets time pass for WeChat and for what the database keeps of its tokens and
  // tickets. Servers see it when they next read that, within half a second.
  void PassTime(absl::Duration time);
  // How many rows refer to nothing: identities without a user, users without an
  // identity, unionids without one, and whatever else hangs on an identity.
  int Orphans();
  // Every secret that the configuration names.
  const std::vector<std::string>& secrets() const { return secrets_; }
  // Knows those, what the simulator gave out, and what servers answered. At the
  // end of each Wxidentd and of this, what they wrote is searched for all that:
  // stderr, command lines, metrics, errors, PostgreSQL's log, files *.log of
  // dir(). A find fails the test.
  Canary& canary() { return *canary_; }
  const std::shared_ptr<Canary>& shared_canary() { return canary_; }

 private:
  void WriteConfig(const std::vector<WorldApp>& more_apps);

  // First, so that it is there until the end.
  const std::shared_ptr<Canary> canary_ = std::make_shared<Canary>();
  std::string dir_;
  std::unique_ptr<PrivatePostgres> postgres_;
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<Simulator> sim_;
  std::string config_file_;
  std::vector<std::string> secrets_;
};

// A running wxidentd over a World. What it has written is searched for secrets
// when the World ends.
class Wxidentd {
 public:
  // `flags` are added to the command line.
  explicit Wxidentd(World& world, const std::vector<std::string>& flags = {});
  Wxidentd(Wxidentd&&) = default;
  ~Wxidentd();

  // Does not wait until it listens. `environment` ("NAME=value") is added to
  // what it inherits.
  static std::unique_ptr<Wxidentd> Launch(
      World& world, const std::vector<std::string>& flags,
      const std::vector<std::string>& environment);

  // Waits until it listens, and connects. Fails the test if it does not.
  void WaitUntilListening();

  v1::IdentityService::Stub& stub() { return *stub_; }
  v1::AdminService::Stub& admin() { return *admin_; }
  const std::string& addr() const { return addr_; }
  const std::string& admin_addr() const { return admin_addr_; }
  const std::string& metrics_port() const { return metrics_port_; }
  Process& process() { return *process_; }

  // SIGTERM; does not wait.
  void Terminate();
  // The same, and the exit code.
  int Stop();
  void Kill();

 private:
  explicit Wxidentd(std::shared_ptr<Canary> canary)
      : canary_(std::move(canary)) {}
  // What can be read of a process while it is there.
  void ReadProcess();
  void ReadMetrics();

  std::shared_ptr<Canary> canary_;
  std::unique_ptr<Process> process_;
  std::string addr_;
  std::string admin_addr_;
  std::string metrics_port_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IdentityService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

struct RunResult {
  int code;
  // Of both streams.
  std::string output;
};
// Runs a command of wxidentd to its end.
RunResult RunWxidentd(std::vector<std::string> arguments);

// The AppSecret of an app in every World.
std::string AppSecret(const std::string& app_id);

// A client context with a deadline, 10 s unless told.
std::unique_ptr<grpc::ClientContext> Within(
    absl::Duration timeout = absl::Seconds(10));

// The ErrorInfo reason in a status, or "" when it carries none.
std::string ReasonOf(const grpc::Status& status);
// ErrorInfo's metadata.
std::map<std::string, std::string> MetadataOf(const grpc::Status& status);

// Login with a code of the mini program, or of another app.
grpc::Status Login(v1::IdentityService::Stub& stub, const std::string& code,
                   v1::LoginResponse* response,
                   const std::string& app_id = kMiniProgram);
grpc::Status OauthLogin(v1::IdentityService::Stub& stub,
                        const std::string& code, v1::LoginResponse* response,
                        const std::string& app_id = kWebsite);

// Logins that must succeed: a new code of `user`, and what it brought. The
// app's kind decides which code.
v1::LoginResponse LogIn(World& world, Wxidentd& server, const std::string& user,
                        const std::string& app_id = kMiniProgram);

// ValidateSession, which must not fail.
bool IsActive(Wxidentd& server, const std::string& session_token,
              bool strong = true);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_
