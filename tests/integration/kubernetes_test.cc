// The server as a pod has it: Kubernetes' variables in its environment, and its
// files in volumes of an fsGroup.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/cli/exit_codes.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

namespace fs = std::filesystem;

// Nobody's, and a group that owns nothing else here.
constexpr uid_t kUser = 65534;
constexpr gid_t kFsGroup = 64321;

// What Kubernetes sets in each pod of a Service's namespace.
std::vector<std::string> VariablesOf(
    const std::string& service,
    const std::vector<std::pair<std::string, int>>& ports) {
  const auto upper = [](const std::string& name) {
    return absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
  };
  const std::string prefix = upper(service);
  const std::string host = "10.96.0.17";
  const auto link = [&](int port) {
    return absl::StrCat("tcp://", host, ":", port);
  };
  std::vector<std::string> out = {
      absl::StrCat(prefix, "_SERVICE_HOST=", host),
      absl::StrCat(prefix, "_SERVICE_PORT=", ports.front().second),
      absl::StrCat(prefix, "_PORT=", link(ports.front().second))};
  for (const auto& [name, port] : ports) {
    const std::string one = absl::StrCat(prefix, "_PORT_", port, "_TCP");
    out.insert(
        out.end(),
        {absl::StrCat(prefix, "_SERVICE_PORT_", upper(name), "=", port),
         absl::StrCat(one, "=", link(port)), absl::StrCat(one, "_PROTO=tcp"),
         absl::StrCat(one, "_PORT=", port), absl::StrCat(one, "_ADDR=", host)});
  }
  return out;
}

std::string NameOf(const std::string& variable) {
  return variable.substr(0, variable.find('='));
}

class KubernetesTest : public testing::Test {
 protected:
  // A server with these variables and the World's configuration.
  std::unique_ptr<Wxidentd> Launch(
      const std::vector<std::string>& environment) {
    return Wxidentd::Launch(world_, {}, environment);
  }

  World world_;
};

TEST_F(KubernetesTest, ItsVariablesAreNamedAndLeftAlone) {
  std::vector<std::string> variables;
  for (const char* service : {"wxident", "wxident-grpc", "wxident-admin"})
    for (const std::string& variable :
         VariablesOf(service, {{"grpc", 8443}, {"grpc-admin", 8444}}))
      variables.push_back(variable);
  ASSERT_EQ(variables.size(), 39u);
  const auto server = Launch(variables);
  server->WaitUntilListening();
  v1::LoginResponse response;
  EXPECT_TRUE(Login(server->stub(), world_.sim().LoginCode(kMiniProgram, "ann"),
                    &response)
                  .ok());
  EXPECT_EQ(server->Stop(), 0);
  const std::string log = server->process().log();
  for (const std::string& variable : variables) {
    const std::string named = NameOf(variable) + ": left alone";
    EXPECT_NE(log.find(named), std::string::npos) << variable;
    EXPECT_EQ(log.find(named), log.rfind(named)) << variable;
  }
  // Not what they hold.
  EXPECT_FALSE(absl::StrContains(log, "10.96.0.17"));
}

TEST_F(KubernetesTest, AMisspeltVariableIsRefusedAllTheSame) {
  for (const char* variable :
       {"WXIDENT_GRPC_ADRR=127.0.0.1:0", "WXIDENT_GRPC_PORT=8443",
        "WXIDENT_INSECURE=true"}) {
    const auto server = Launch({"WXIDENT_SERVICE_HOST=10.96.0.17", variable});
    EXPECT_EQ(server->process().Wait(), kExitConfig);
    EXPECT_TRUE(absl::StrContains(server->process().log(), NameOf(variable)));
  }
}

TEST_F(KubernetesTest, AClientsVariablesSteerNoServer) {
  const auto server =
      Launch({"WXIDENT_CLIENT_ADDR=192.0.2.1:1", "WXIDENT_CLIENT_INSECURE=true",
              "WXIDENT_CLIENT_TLS_CA_FILE=/absent",
              "WXIDENT_CLIENT_TLS_CERT_FILE=/absent",
              "WXIDENT_CLIENT_TLS_KEY_FILE=/absent",
              "WXIDENT_CLIENT_TLS_SERVER_NAME=absent.example"});
  server->WaitUntilListening();
  EXPECT_TRUE(absl::StartsWith(server->addr(), "127.0.0.1:"));
  EXPECT_EQ(server->Stop(), 0);
}

// A folder as the kubelet makes it of a Secret or ConfigMap: links that lead
// over a link to the folder of this version.
class Volume {
 public:
  Volume(const std::string& from, const std::string& to) : folder_(to) {
    const std::string version = to + "/..2026_11_30_10_00_00.1";
    fs::create_directories(version);
    chmod(to.c_str(), 01777);
    chmod(version.c_str(), 0755);
    fs::create_symlink("..2026_11_30_10_00_00.1", to + "/..data");
    for (const auto& entry : fs::directory_iterator(from)) {
      if (!entry.is_regular_file()) continue;
      const std::string name = entry.path().filename();
      fs::copy_file(entry.path(), version + "/" + name);
      fs::create_symlink("..data/" + name, to + "/" + name);
      Give(name, 0440);
    }
  }

  // To root and the fsGroup, or, where the test may not, to itself.
  void Give(const std::string& name, mode_t mode) {
    const std::string file = File(name);
    const bool root = geteuid() == 0;
    if (root) EXPECT_EQ(chown(file.c_str(), 0, kFsGroup), 0);
    EXPECT_EQ(chmod(file.c_str(), root ? mode : mode & 0707), 0);
  }

  std::string File(const std::string& name) const {
    return folder_ + "/..data/" + name;
  }

 private:
  const std::string folder_;
};

class FsGroupTest : public testing::Test {
 protected:
  FsGroupTest() : pod_(world_.dir() + "/pod") {
    fs::create_directory(pod_);
    for (const std::string& folder : {world_.dir(), pod_})
      EXPECT_EQ(chmod(folder.c_str(), 0755), 0);
    // Bazel's folders may be nobody else's to enter.
    fs::copy_file(Runfile("server/wxidentd"), pod_ + "/wxidentd");
    volume_ = std::make_unique<Volume>(world_.dir(), pod_ + "/etc");
  }
  ~FsGroupTest() override {
    for (const std::string& log : logs_)
      world_.canary().AddOutput("wxidentd's stderr", log);
  }

  // wxidentd as the pod's user, with the fsGroup among its groups.
  std::unique_ptr<Process> Run(const std::string& command) {
    std::vector<std::string> argv;
    if (geteuid() == 0)
      argv = {"/usr/bin/setpriv",
              absl::StrCat("--reuid=", kUser),
              absl::StrCat("--regid=", kUser),
              absl::StrCat("--groups=", kFsGroup),
              "--no-new-privs",
              "--pdeathsig=KILL",
              "--"};
    argv.insert(argv.end(), {pod_ + "/wxidentd", command, "--config",
                             pod_ + "/etc/wxidentd.yaml"});
    return std::make_unique<Process>(argv);
  }

  // What a run that must end says.
  RunResult Ended(const std::string& command) {
    const auto process = Run(command);
    const int code = process->Wait();
    logs_.push_back(process->log());
    return {code, logs_.back()};
  }

  World world_;
  const std::string pod_;
  std::unique_ptr<Volume> volume_;
  std::vector<std::string> logs_;
};

TEST_F(FsGroupTest, ItsSecretsAreGoodAsTheyAre) {
  EXPECT_EQ(Ended("check-config").code, 0) << logs_.back();
  const auto server = Run("serve");
  EXPECT_TRUE(server->WaitForLine("\"event\":\"listening\"").has_value())
      << server->log();
  server->Signal(SIGTERM);
  EXPECT_EQ(server->Wait(), 0);
  logs_.push_back(server->log());
}

TEST_F(FsGroupTest, WhatOthersMayUseIsRefused) {
  const auto refused = [&](const std::string& key) {
    for (const char* command : {"check-config", "serve"}) {
      const RunResult result = Ended(command);
      EXPECT_EQ(result.code, kExitConfig) << result.output;
      EXPECT_TRUE(absl::StrContains(result.output, key)) << result.output;
    }
  };
  volume_->Give("ring.keys", 0444);
  refused("keys.ring_file");
  volume_->Give("ring.keys", 0440);
  volume_->Give("database.password", 0444);
  refused("database.password_file");
  volume_->Give("database.password", 0440);
  volume_->Give("ca.pem", 0666);
  refused("wechat.ca_file");
  volume_->Give("ca.pem", 0440);
  volume_->Give("wxidentd.yaml", 0666);
  refused("config file");
  volume_->Give("wxidentd.yaml", 0444);
  EXPECT_EQ(Ended("check-config").code, 0) << logs_.back();
}

}  // namespace
}  // namespace wxident
