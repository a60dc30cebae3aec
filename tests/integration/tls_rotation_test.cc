// Certificates are replaced while calls run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/integration/tls_world.h"

namespace wxident {
namespace {

constexpr char kOrders[] = "spiffe://corp/orders";

// What a caller has on disk.
struct ClientFiles {
  TestCertificate shown;
  // Of servers.
  std::string cas;
};

grpc::Status Validate(const std::shared_ptr<grpc::Channel>& channel) {
  v1::ValidateSessionRequest request;
  request.set_session_token("wxs1_nobody");
  v1::ValidateSessionResponse response;
  return v1::IdentityService::NewStub(channel)->ValidateSession(
      Within().get(), request, &response);
}

// Callers that call all the time. Most of them connect anew for each call, with
// the files that are the newest then; one keeps its first connection.
class Load {
 public:
  Load(const TlsWorld& world, std::string addr, ClientFiles files)
      : world_(world), addr_(std::move(addr)) {
    Publish(std::move(files));
    for (int i = 0; i < kConnecting; ++i)
      threads_.emplace_back([this, i] { ConnectAndCall(i); });
    threads_.emplace_back([this] { KeepCalling(); });
  }

  // Gives the callers new files, and waits until nobody uses older ones.
  void Publish(ClientFiles files) {
    std::unique_lock<std::mutex> lock(mutex_);
    files_ = std::make_shared<const ClientFiles>(std::move(files));
    ++edition_;
    if (threads_.empty()) return;
    changed_.wait(lock, [this] {
      for (const int used : used_)
        if (used < edition_) return false;
      return true;
    });
  }

  // Waits until each of those who connect has connected `times` more.
  void LetConnect(int times) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::vector<int> until(connected_, connected_ + kConnecting);
    changed_.wait(lock, [&] {
      for (int i = 0; i < kConnecting; ++i)
        if (connected_[i] < until[i] + times) return false;
      return true;
    });
  }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  int calls() const { return calls_; }
  int connections() const {
    int sum = 0;
    for (const int each : connected_) sum += each;
    return sum;
  }
  int failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }

 private:
  static constexpr int kConnecting = 3;

  void ConnectAndCall(int number) {
    while (!stop_) {
      std::shared_ptr<const ClientFiles> files;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        files = files_;
        used_[number] = edition_;
      }
      changed_.notify_all();
      Take(Validate(world_.Connect(addr_, &files->shown, files->cas)));
      std::lock_guard<std::mutex> lock(mutex_);
      ++connected_[number];
      changed_.notify_all();
    }
  }

  void KeepCalling() {
    std::shared_ptr<grpc::Channel> channel;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      channel = world_.Connect(addr_, &files_->shown, files_->cas);
    }
    while (!stop_) {
      Take(Validate(channel));
      // Whoever loses the connection could not make another for long: the
      // files it began with come to be worthless.
      if (channel->GetState(false) != GRPC_CHANNEL_READY)
        Take(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection lost"));
    }
  }

  void Take(const grpc::Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    ++calls_;
    if (status.ok()) return;
    if (failed_++ == 0)
      first_failure_ =
          absl::StrCat(status.error_code(), " ", status.error_message());
  }

  const TlsWorld& world_;
  const std::string addr_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const ClientFiles> files_;
  int edition_ = 0;
  int used_[kConnecting] = {};
  int connected_[kConnecting] = {};
  int calls_ = 0;
  int failed_ = 0;
  std::string first_failure_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

class TlsRotationTest : public testing::Test {
 protected:
  // Puts a new certificate of the server in place; whatever else was written
  // before is read with it, at the latest.
  void RotateServer(bool signal = true) {
    const long serial = ++serial_;
    const TestCertificate next = world_.NewServer({.serial = serial});
    world_.WriteServer(next);
    if (signal) server_.process().Signal(SIGHUP);
    ASSERT_TRUE(server_.process()
                    .WaitForLine(absl::StrFormat("\"serial\":\"%06x\"", serial))
                    .has_value());
  }

  TlsWorld world_;
  Wxidentd server_{world_, world_.Flags()};
  long serial_ = 0x100000;
};

TEST_F(TlsRotationTest, AHundredRotationsFailNoCall) {
  constexpr int kRotations = 100;
  ClientFiles client = {world_.NewCaller(kOrders), world_.server_ca.pem};
  Load load(world_, server_.addr(), client);
  load.LetConnect(1);
  for (int rotation = 1; rotation <= kRotations; ++rotation) {
    if (rotation % 10 != 0) {
      // Twice without a signal: the files are looked at.
      RotateServer(rotation % 50 != 1);
      continue;
    }
    // A new CA on both sides. First everybody trusts both,
    const TestCertificate old_server_ca = world_.server_ca;
    const TestCertificate old_callers_ca = world_.callers_ca;
    const TestCertificate new_server_ca = MakeTestCa(absl::StrCat(rotation));
    const TestCertificate new_callers_ca = MakeTestCa(absl::StrCat(rotation));
    world_.WriteCallersCas({old_callers_ca, new_callers_ca});
    RotateServer();
    client.cas = old_server_ca.pem + new_server_ca.pem;
    load.Publish(client);
    // then everybody shows certificates of the new one,
    world_.server_ca = new_server_ca;
    world_.callers_ca = new_callers_ca;
    RotateServer();
    client.shown = world_.NewCaller(kOrders);
    load.Publish(client);
    load.LetConnect(1);
    // and then nobody needs the old one.
    world_.WriteCallersCas({new_callers_ca});
    world_.WriteRevoked({});
    RotateServer();
    client.cas = new_server_ca.pem;
    load.Publish(client);
  }
  load.LetConnect(1);
  load.Stop();
  EXPECT_EQ(load.failed(), 0) << load.first_failure();
  EXPECT_GT(load.connections(), kRotations);
  RecordProperty("calls", load.calls());
  RecordProperty("connections", load.connections());
  EXPECT_EQ(server_.Stop(), 0);
}

TEST_F(TlsRotationTest, TheOldCaIsRefusedOnceItHasLeft) {
  const TestCertificate caller = world_.NewCaller(kOrders);
  const TestCertificate old_ca = world_.callers_ca;
  world_.callers_ca = MakeTestCa("new");
  const TestCertificate next = world_.NewCaller(kOrders);
  const auto connect = [&](const TestCertificate& shown) {
    return Validate(world_.Connect(server_.addr(), shown)).error_code();
  };
  EXPECT_EQ(connect(caller), grpc::StatusCode::OK);
  EXPECT_EQ(connect(next), grpc::StatusCode::UNAVAILABLE);
  world_.WriteCallersCas({old_ca, world_.callers_ca});
  RotateServer();
  EXPECT_EQ(connect(caller), grpc::StatusCode::OK);
  EXPECT_EQ(connect(next), grpc::StatusCode::OK);
  world_.WriteCallersCas({world_.callers_ca});
  world_.WriteRevoked({});
  RotateServer();
  EXPECT_EQ(connect(caller), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(connect(next), grpc::StatusCode::OK);
}

TEST_F(TlsRotationTest, BadFilesLeaveTheOldOnes) {
  const TestCertificate caller = world_.NewCaller(kOrders);
  const auto connect = [&] {
    return Validate(world_.Connect(server_.addr(), caller));
  };
  const TestCertificate other = world_.NewServer();
  const TestCertificate ended =
      world_.NewServer({.begins = -absl::Hours(2), .ends = -absl::Hours(1)});
  const TestCertificate foreign_ca = MakeTestCa("foreign");
  struct Case {
    std::string path;
    std::string text;
    const char* says;
  };
  const std::vector<Case> cases = {
      {world_.cert_file, other.pem, "holds another key"},
      {world_.cert_file, "", "holds no certificate"},
      {world_.cert_file, ended.pem, "that ended at"},
      {world_.tls_key_file, other.key, "holds another key"},
      {world_.tls_key_file, "CANARY", "holds no private key"},
      {world_.callers_ca_file, caller.pem, "is not a CA"},
      {world_.callers_ca_file, foreign_ca.pem, "none of the CAs"},
      {world_.revocation_file, "", "holds no CRL"},
      {world_.revocation_file, MakeTestCrl(foreign_ca, {}), "none of the CAs"},
      {world_.dir() + "/policy.yaml", "allow: []", "must be a list"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(absl::StrCat(bad.path, " ", bad.says));
    const std::string before = AuditedWorld::Text(bad.path);
    const size_t logged = server_.process().log().size();
    world_.Write(bad.path, bad.text);
    server_.process().Signal(SIGHUP);
    const std::optional<std::string> line =
        server_.process().WaitForLine("not reloaded", logged);
    ASSERT_TRUE(line.has_value());
    EXPECT_THAT(*line, testing::HasSubstr(bad.says));
    EXPECT_THAT(*line, testing::Not(testing::HasSubstr("CANARY")));
    const grpc::Status status = connect();
    EXPECT_TRUE(status.ok()) << status.error_message();
    world_.Write(bad.path, before);
  }
  RotateServer();
  EXPECT_TRUE(connect().ok());
  EXPECT_EQ(server_.Stop(), 0);
}

}  // namespace
}  // namespace wxident
