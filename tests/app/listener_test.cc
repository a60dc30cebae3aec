// What a listener does for its clients and against them, seen from the wire.

#include "server/app/listener.h"

#include <arpa/inet.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/identity/error.h"
#include "server/policy/access_control.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"
#include "tests/app/http2_peer.h"
#include "tests/base/own_channel.h"
#include "tests/edge/edge_client.h"
#include "tests/edge/test_handlers.h"
#include "tests/hostile/http2_frames.h"
#include "tests/tls/test_ca.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::StatusCode;

constexpr char kPath[] = "/wxident.v1.IdentityService/ValidateSession";
constexpr char kHold[] = "hold";

// Answers each call at once, but one for the token kHold when it is told to or
// the call is cancelled.
class TinyService {
 public:
  EdgeMethods Methods() {
    EdgeMethods methods;
    methods[kPath] =
        TestMethod({.message =
                        [this](wxident::Call& call, absl::string_view message) {
                          v1::ValidateSessionRequest request;
                          request.ParseFromString(std::string(message));
                          if (request.session_token() != kHold)
                            return End(call);
                          std::lock_guard<std::mutex> lock(mutex_);
                          held_ = &call;
                          changed_.notify_all();
                        },
                    .cancel = [this](wxident::Call&) { Release(); }});
    return methods;
  }

  void WaitForHeld() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return held_ != nullptr; });
  }

  void Release() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (held_ != nullptr) End(*std::exchange(held_, nullptr));
  }

 private:
  static void End(wxident::Call& call) {
    v1::ValidateSessionResponse response;
    response.set_active(true);
    call.Reply(response.SerializeAsString());
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  wxident::Call* held_ = nullptr;
};

class ListenerTest : public testing::Test {
 protected:
  void Start(std::shared_ptr<const TlsServer> tls = nullptr,
             bool reflection = false) {
    EdgeServer::Options edge{.addr = "127.0.0.1:0",
                             .methods = service_.Methods()};
    if (tls != nullptr) {
      edge.tls = [tls] { return tls; };
    }
    auto started = Listener::Start(
        {.edge = std::move(edge),
         .services = {"wxident.v1.IdentityService"},
         .health_names = {"wxident.v1.IdentityService"},
         .reflection = reflection,
         .admit = [this](const wxident::Call&, AccessControl::Kind)
             -> absl::StatusOr<std::shared_ptr<void>> {
           if (!admitted_.ok()) return admitted_;
           return nullptr;
         }},
        metrics_);
    ASSERT_TRUE(started.ok()) << started.status();
    listener_ = *std::move(started);
  }

  // A call over a connection of its own.
  grpc::Status Call(
      const std::string& token,
      const std::map<std::string, std::string>& metadata = {},
      grpc_compression_algorithm compression = GRPC_COMPRESS_NONE) {
    const auto stub =
        v1::IdentityService::NewStub(OwnChannel(listener_->addr()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(20));
    context.set_wait_for_ready(true);
    context.set_compression_algorithm(compression);
    for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
    v1::ValidateSessionRequest request;
    request.set_session_token(token);
    v1::ValidateSessionResponse response;
    return stub->ValidateSession(&context, request, &response);
  }

  // What callers are told that need no right.
  absl::Status admitted_;
  Metrics metrics_;
  TinyService service_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, MethodsThereAreNotCountAgainstLimits) {
  Start();
  EdgeClient client(listener_->addr());
  EXPECT_EQ(client.Call("/nobody.knows/Me", "x").status(),
            StatusCode::UNIMPLEMENTED);
  admitted_ = Error(Reason::kCallerRateLimited, "too many").ToStatus();
  const H2Answer answer = client.Call("/nobody.knows/Me", "x");
  EXPECT_EQ(answer.status(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(answer.fields.at("grpc-message"), "too many");
  EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "").status(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call("").ok());
}

TEST_F(ListenerTest, RefusesMessagesOver64KiB) {
  Start();
  EXPECT_TRUE(Call(std::string(60'000, 'x')).ok());
  EXPECT_EQ(Call(std::string(64 * 1024, 'x')).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call("x").ok());
}

TEST_F(ListenerTest, RefusesMetadataOver8KiB) {
  Start();
  EXPECT_TRUE(Call("x", {{"x-small", std::string(4'000, 'x')}}).ok());
  EXPECT_EQ(Call("x", {{"x-large", std::string(9 * 1024, 'x')}}).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call("x").ok());
}

TEST_F(ListenerTest, TakesNoCompressedRequest) {
  Start();
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE})
    EXPECT_EQ(Call(std::string(60'000, 'x'), {}, algorithm).error_code(),
              StatusCode::UNIMPLEMENTED);
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  constexpr int kWithGzipHeader = 15 + 16;
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, kWithGzipHeader, 9,
                         Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// The most memory that this process had since the last call, in KiB.
int PeakKib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  int peak = 0;
  while (std::getline(status, line))
    if (line.rfind("VmHWM:", 0) == 0) peak = std::stoi(line.substr(6));
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak;
}

TEST_F(ListenerTest, ACompressionBombIsNotUnpacked) {
  Start();
  const std::string bomb = Gzip(std::string(60 << 20, '\0'));
  ASSERT_LT(bomb.size(), 63u << 10);
  const std::string message = Message(bomb, /*compressed=*/true);

  PeakKib();
  const int before = PeakKib();
  EdgeClient client(listener_->addr());
  const int32_t id =
      client.h2().Call(kPath, message, true, {{"grpc-encoding", "gzip"}});
  ASSERT_TRUE(client.Until([&] { return client.h2().answer(id).closed; }));
  EXPECT_EQ(client.h2().answer(id).status(), StatusCode::UNIMPLEMENTED);
  EXPECT_LT(PeakKib() - before, 20 << 10);
}

TEST_F(ListenerTest, TellsPeersItsLimits) {
  Start();
  Http2Peer peer(listener_->addr());
  ASSERT_TRUE(peer.SendPreface());
  const std::optional<Http2Peer::Frame> settings = peer.Read();
  ASSERT_TRUE(settings.has_value());
  ASSERT_EQ(settings->type, kSettings);
  std::map<uint32_t, uint32_t> values;
  for (size_t at = 0; at + 6 <= settings->payload.size(); at += 6) {
    const auto number = [&](size_t from, size_t bytes) {
      uint32_t out = 0;
      for (size_t i = at + from; i < at + from + bytes; ++i)
        out = out << 8 | static_cast<uint8_t>(settings->payload[i]);
      return out;
    };
    values[number(0, 2)] = number(2, 4);
  }
  constexpr uint32_t kMaxConcurrentStreams = 3;
  constexpr uint32_t kMaxHeaderListSize = 6;
  EXPECT_EQ(values[kMaxConcurrentStreams], 256u);
  EXPECT_EQ(values[kMaxHeaderListSize], 8u * 1024);
}

TEST_F(ListenerTest, ClosesOnSilenceWhereTlsIsDue) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate server = MakeTestCertificate({}, &ca);
  const auto tls = TlsServer::Create(server.pem, Secret(server.key), ca.pem);
  ASSERT_TRUE(tls.ok()) << tls.status();
  Start(*tls);
  const Clock::time_point began = Clock::now();
  Http2Peer peer(listener_->addr());
  ASSERT_TRUE(peer.connected());
  EXPECT_FALSE(peer.Read().has_value());
  EXPECT_GT(Clock::now() - began, std::chrono::seconds(2));
  // Sooner than the peer gives up.
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(14));
}

// A process that makes `count` connections when told to, and ends them. It is
// forked from a test, so it does nothing but system calls.
class Crowd {
 public:
  explicit Crowd(int count) {
    if (pipe(orders_.data()) != 0 || pipe(answers_.data()) != 0) std::abort();
    pid_ = fork();
    if (pid_ != 0) return;
    int port = 0;
    if (read(orders_[0], &port, sizeof(port)) != sizeof(port)) _exit(1);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int made = 0;
    for (int i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0)
        ++made;
    }
    if (write(answers_[1], &made, sizeof(made)) != sizeof(made)) _exit(1);
    // Holds them until the next order.
    _exit(read(orders_[0], &port, sizeof(port)) == sizeof(port) ? 0 : 1);
  }

  ~Crowd() {
    for (int fd : {orders_[0], orders_[1], answers_[0], answers_[1]}) close(fd);
  }

  // How many connections there are now.
  int Connect(int port) {
    int made = -1;
    if (write(orders_[1], &port, sizeof(port)) != sizeof(port) ||
        read(answers_[0], &made, sizeof(made)) != sizeof(made))
      return -1;
    return made;
  }

  int Leave() {
    int status = -1;
    if (write(orders_[1], &status, sizeof(status)) != sizeof(status)) return -1;
    waitpid(pid_, &status, 0);
    return status;
  }

 private:
  std::array<int, 2> orders_{};
  std::array<int, 2> answers_{};
  pid_t pid_ = -1;
};

TEST_F(ListenerTest, OutlivesRunningOutOfDescriptors) {
  Crowd crowd(300);
  Start();
  ASSERT_TRUE(Call("x").ok());
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(
      listener_->addr().substr(listener_->addr().rfind(':') + 1), &port));
  const int next_fd = dup(0);
  close(next_fd);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit low{static_cast<rlim_t>(next_fd) + 40, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);

  EXPECT_EQ(crowd.Connect(port), 300);
  const std::string refused = absl::StrCat(
      "wxident_connections_refused_total{addr=\"", listener_->addr(), "\"}");
  while (metrics_.Text().find(refused) == std::string::npos)
    std::this_thread::yield();
  EXPECT_EQ(crowd.Leave(), 0);

  // The limit still stands.
  EXPECT_TRUE(Call("x").ok());
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_F(ListenerTest, HealthSaysWhatItIsTold) {
  Start();
  const auto stub = grpc::health::v1::Health::NewStub(grpc::CreateChannel(
      listener_->addr(), grpc::InsecureChannelCredentials()));
  const auto ask = [&](const std::string& service) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status = stub->Check(&context, request, &response);
    return status.ok() ? response.ShortDebugString()
                       : absl::StrCat("error ", status.error_code());
  };
  for (const char* known : {"", "wxident.v1.IdentityService"}) {
    listener_->SetServing(false);
    EXPECT_EQ(ask(known), "status: NOT_SERVING");
    listener_->SetServing(true);
    EXPECT_EQ(ask(known), "status: SERVING");
  }
  EXPECT_EQ(ask("wxident.v1.AdminService"), "error 5");
}

TEST_F(ListenerTest, DescribesItselfWhereThatIsWanted) {
  constexpr char kReflection[] =
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  // list_services: ""
  const std::string list("\x3a\x00", 2);
  Start();
  EXPECT_EQ(EdgeClient(listener_->addr()).Call(kReflection, list).status(),
            StatusCode::UNIMPLEMENTED);
  Start(nullptr, /*reflection=*/true);
  const H2Answer answer = EdgeClient(listener_->addr()).Call(kReflection, list);
  EXPECT_EQ(answer.status(), StatusCode::OK);
  ASSERT_EQ(answer.messages.size(), 1u);
  for (const char* service :
       {"wxident.v1.IdentityService", "grpc.health.v1.Health"})
    EXPECT_NE(answer.messages[0].find(service), std::string::npos) << service;
  EXPECT_EQ(answer.messages[0].find("AdminService"), std::string::npos);
}

TEST_F(ListenerTest, StopLetsARunningCallEndAndRefusesNewOnes) {
  Start();
  const std::string addr = listener_->addr();
  grpc::Status held;
  std::thread caller([&] { held = Call(kHold); });
  service_.WaitForHeld();
  std::thread stopper([&] { listener_->Stop(absl::Seconds(20)); });
  // Refused from soon after.
  const Clock::time_point give_up = Clock::now() + std::chrono::seconds(10);
  bool refused = false;
  while (!refused && Clock::now() < give_up)
    refused = !Http2Peer(addr).connected();
  EXPECT_TRUE(refused);
  service_.Release();
  caller.join();
  EXPECT_TRUE(held.ok()) << held.error_message();
  stopper.join();
}

TEST_F(ListenerTest, StopCutsWhatOutlastsItsTimeout) {
  Start();
  grpc::Status held;
  std::thread caller([&] { held = Call(kHold); });
  service_.WaitForHeld();
  listener_->Stop(absl::Milliseconds(100));
  caller.join();
  EXPECT_EQ(held.error_code(), StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace wxident
