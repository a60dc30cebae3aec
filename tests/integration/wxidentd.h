#ifndef WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_
#define WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "tests/integration/process.h"
#include "tests/integration/simulator.h"
#include "tests/store/private_postgres.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

// The mini program of WeChat's published sample (wechat-api 15.1), so that the
// sample opens here.
inline constexpr char kMiniProgram[] = "wx4f4bc4dec97d474b";
inline constexpr char kOfficialAccount[] = "wx00000000000000a1";
inline constexpr char kOrdinaryApp[] = "wx00000000000000b2";

// What a test of whole processes needs: a database with the schema, a simulator
// that knows the apps, and a server's configuration for both.
class World {
 public:
  explicit World(PrivatePostgres::Durability durability =
                     PrivatePostgres::Durability::kNone);
  ~World();

  Simulator& sim() { return *sim_; }
  PrivatePostgres& postgres() { return *postgres_; }
  // The first value that `sql` gives, over a connection kept for it.
  std::string Query(const std::string& sql);
  const std::string& dir() const { return dir_; }
  const std::string& config_file() const { return config_file_; }
  // Every secret that the configuration names, to be searched for in outputs.
  const std::vector<std::string>& secrets() const { return secrets_; }

 private:
  void WriteConfig();

  std::string dir_;
  std::unique_ptr<PrivatePostgres> postgres_;
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<Simulator> sim_;
  std::string config_file_;
  std::vector<std::string> secrets_;
};

// A running wxidentd over a World.
class Wxidentd {
 public:
  // `flags` are added to the command line.
  explicit Wxidentd(World& world, const std::vector<std::string>& flags = {});

  // Waits until it listens, and connects. Fails the test if it does not.
  void WaitUntilListening();

  v1::IdentityService::Stub& stub() { return *stub_; }
  const std::string& addr() const { return addr_; }
  const std::string& admin_addr() const { return admin_addr_; }
  const std::string& metrics_port() const { return metrics_port_; }
  Process& process() { return *process_; }

  // SIGTERM, and the exit code.
  int Stop();
  void Kill();

 private:
  std::unique_ptr<Process> process_;
  std::string addr_;
  std::string admin_addr_;
  std::string metrics_port_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IdentityService::Stub> stub_;
};

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

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_WXIDENTD_H_
