// What the listener's hardening does, seen from the wire.

#include "server/app/grpc_listener.h"

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
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/app/http2_peer.h"
#include "tests/base/own_channel.h"
#include "tests/crypto/test_ca.h"
#include "tests/hostile/http2_frames.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::StatusCode;

constexpr char kHold[] = "hold";

// Answers each call at once, but one for the token kHold when it is told to or
// the call is cancelled.
class TinyService : public v1::IdentityService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ValidateSession(
      grpc::CallbackServerContext*, const v1::ValidateSessionRequest* request,
      v1::ValidateSessionResponse* response) override {
    response->set_active(true);
    auto* call = new Call(*this);
    if (request->session_token() != kHold) {
      call->End(grpc::Status::OK);
      return call;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    held_ = call;
    changed_.notify_all();
    return call;
  }

  void WaitForHeld() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return held_ != nullptr; });
  }

  void Release() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (held_ != nullptr) held_->End(grpc::Status::OK);
    held_ = nullptr;
  }

 private:
  class Call : public grpc::ServerUnaryReactor {
   public:
    explicit Call(TinyService& service) : service_(service) {}
    void End(grpc::Status status) { Finish(status); }
    void OnCancel() override { service_.Release(); }
    void OnDone() override { delete this; }

   private:
    TinyService& service_;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  Call* held_ = nullptr;
};

class GrpcListenerTest : public testing::Test {
 protected:
  void Start(std::shared_ptr<const TlsServer> tls = nullptr) {
    Front::Options front{.addr = "127.0.0.1:0"};
    if (tls != nullptr) {
      front.tls = [tls] { return tls; };
    }
    auto started = GrpcListener::Start({.front = std::move(front),
                                        .services = {&service_},
                                        .health_names = {}},
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

  Metrics metrics_;
  TinyService service_;
  std::unique_ptr<GrpcListener> listener_;
};

TEST_F(GrpcListenerTest, RefusesMessagesOver64KiB) {
  Start();
  EXPECT_TRUE(Call(std::string(60'000, 'x')).ok());
  EXPECT_EQ(Call(std::string(64 * 1024, 'x')).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call("x").ok());
}

TEST_F(GrpcListenerTest, RefusesMetadataOver8KiB) {
  Start();
  EXPECT_TRUE(Call("x", {{"x-small", std::string(4'000, 'x')}}).ok());
  EXPECT_EQ(Call("x", {{"x-large", std::string(9 * 1024, 'x')}}).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call("x").ok());
}

TEST_F(GrpcListenerTest, TakesNoCompressedRequest) {
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

TEST_F(GrpcListenerTest, ACompressionBombIsNotUnpacked) {
  Start();
  const std::string bomb = Gzip(std::string(60 << 20, '\0'));
  ASSERT_LT(bomb.size(), 63u << 10);
  const std::string message = Message(bomb, /*compressed=*/true);

  PeakKib();
  const int before = PeakKib();
  Http2Peer peer(listener_->addr());
  ASSERT_TRUE(peer.SendPreface());
  ASSERT_TRUE(peer.Send({kHeaders, kEndHeaders, 1,
                         Request("/wxident.v1.IdentityService/ValidateSession",
                                 {{"grpc-encoding", "gzip"}})}));
  for (size_t at = 0; at < message.size(); at += 16'000) {
    const std::string part = message.substr(at, 16'000);
    const bool last = at + part.size() == message.size();
    ASSERT_TRUE(peer.Send({kData, last ? kEndStream : uint8_t{0}, 1, part}));
  }
  std::optional<Http2Peer::Frame> frame;
  do {
    frame = peer.Read();
    ASSERT_TRUE(frame.has_value()) << "closed without an answer";
  } while (frame->type != kHeaders || frame->stream != 1 ||
           (frame->flags & kEndStream) == 0);
  EXPECT_NE(frame->payload.find("grpc-status"), std::string::npos);
  EXPECT_NE(frame->payload.find("12"), std::string::npos);
  EXPECT_LT(PeakKib() - before, 20 << 10);
}

TEST_F(GrpcListenerTest, TellsPeersItsLimits) {
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

TEST_F(GrpcListenerTest, ClosesOnAPingFlood) {
  Start();
  Http2Peer peer(listener_->addr());
  ASSERT_TRUE(peer.SendPreface());
  std::string goaway;
  std::thread reader([&] {
    while (const std::optional<Http2Peer::Frame> frame = peer.Read())
      if (frame->type == kGoaway) goaway = frame->payload;
  });
  // gRPC is to say so; some more, and the front cuts it first.
  for (int i = 0; i < 300; ++i) peer.Send({kPing, 0, 0, std::string(8, 'p')});
  reader.join();
  EXPECT_NE(goaway.find("too_many_pings"), std::string::npos) << goaway;
  EXPECT_TRUE(Call("x").ok());
}

TEST_F(GrpcListenerTest, ClosesOnSilence) {
  Start();
  const Clock::time_point began = Clock::now();
  Http2Peer peer(listener_->addr());
  ASSERT_TRUE(peer.connected());
  while (peer.Read().has_value()) {
  }
  EXPECT_GT(Clock::now() - began, std::chrono::seconds(2));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(10));
}

TEST_F(GrpcListenerTest, ClosesOnSilenceWhereTlsIsDue) {
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
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(10));
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

TEST_F(GrpcListenerTest, OutlivesRunningOutOfDescriptors) {
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

TEST_F(GrpcListenerTest, StopLetsARunningCallEndAndRefusesNewOnes) {
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

TEST_F(GrpcListenerTest, StopCutsWhatOutlastsItsTimeout) {
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
