#include "wxident/channel_pool.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "wxident/client.h"

namespace wxident::client {
namespace {

using ::testing::SizeIs;

// More than a connection takes.
constexpr int kMany = 300;
// Well beyond what a busy machine needs.
constexpr std::chrono::seconds kLong(60);

// Takes 100 streams on a connection, fewer than wxident and as many as proxies
// often do, and answers no call before it is told to.
class HoldingServer {
 public:
  HoldingServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  ~HoldingServer() {
    AnswerAll();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::unique_ptr<Client> Open() const {
    ClientOptions options;
    options.address = address_;
    options.insecure = true;
    options.deadline = absl::FromChrono(2 * kLong);
    return *Client::Create(options);
  }

  // Waits until so many calls are there; how many there are in the end.
  int Hold(int count) {
    std::unique_lock<std::mutex> lock(service_.mutex);
    service_.changed.wait_for(lock, kLong, [&] { return Held() >= count; });
    return Held();
  }

  // Answers all calls that are there.
  void AnswerAll() {
    std::vector<std::function<void()>> answers;
    {
      std::lock_guard<std::mutex> lock(service_.mutex);
      answers.swap(service_.answers);
    }
    for (const auto& answer : answers) answer();
  }

  // Over which calls have come.
  std::set<std::string> connections() {
    std::lock_guard<std::mutex> lock(service_.mutex);
    return service_.connections;
  }

 private:
  class Stream : public grpc::ServerWriteReactor<v1::WatchAccessTokenResponse> {
   public:
    void OnDone() override { delete this; }
  };

  struct Service : v1::IdentityService::CallbackService {
    grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context,
                                      const v1::GetUserRequest*,
                                      v1::GetUserResponse*) override {
      return Keep(context, context->DefaultReactor());
    }

    grpc::ServerWriteReactor<v1::WatchAccessTokenResponse>* WatchAccessToken(
        grpc::CallbackServerContext* context,
        const v1::WatchAccessTokenRequest*) override {
      return Keep(context, new Stream);
    }

    template <typename Reactor>
    Reactor* Keep(grpc::CallbackServerContext* context, Reactor* reactor) {
      std::lock_guard<std::mutex> lock(mutex);
      connections.insert(context->peer());
      answers.push_back([reactor] { reactor->Finish(grpc::Status::OK); });
      changed.notify_all();
      return reactor;
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> connections;
    std::vector<std::function<void()>> answers;
  };

  int Held() const { return static_cast<int>(service_.answers.size()); }

  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// No call waits for another one to end; and connections are used again.
TEST(ChannelPoolTest, MoreBlockingCallsAtOnceThanAConnectionTakes) {
  HoldingServer server;
  const auto client = server.Open();
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    std::atomic<int> answered = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < kMany; ++i)
      callers.emplace_back([&] { answered += client->GetUser({}).ok(); });
    EXPECT_EQ(server.Hold(kMany), kMany);
    server.AnswerAll();
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(answered, kMany);
  }
  EXPECT_THAT(server.connections(), SizeIs(4));
}

// A stream of stub(), which gets no messages.
struct Stream {
  explicit Stream(Client& client) {
    context.set_deadline(std::chrono::system_clock::now() + 2 * kLong);
    client.stub().async()->WatchAccessToken(&context, &request, &reactor);
    reactor.StartCall();
  }

  struct Reactor : grpc::ClientReadReactor<v1::WatchAccessTokenResponse> {
    void OnDone(const grpc::Status& status) override {
      std::lock_guard<std::mutex> lock(mutex);
      end = status;
      ended.notify_all();
    }
    grpc::Status End() {
      std::unique_lock<std::mutex> lock(mutex);
      ended.wait(lock, [this] { return end.has_value(); });
      return *end;
    }
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<grpc::Status> end;
  };

  grpc::ClientContext context;
  const v1::WatchAccessTokenRequest request;
  Reactor reactor;
};

TEST(ChannelPoolTest, MoreStreamsAtOnceThanAConnectionTakes) {
  HoldingServer server;
  const auto client = server.Open();
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    std::vector<std::unique_ptr<Stream>> streams;
    for (int i = 0; i < kMany; ++i)
      streams.push_back(std::make_unique<Stream>(*client));
    EXPECT_EQ(server.Hold(kMany), kMany);
    // Half of them is left, the others end.
    for (int i = 0; i < kMany; i += 2) streams[i]->context.TryCancel();
    for (int i = 0; i < kMany; i += 2)
      EXPECT_EQ(streams[i]->reactor.End().error_code(),
                grpc::StatusCode::CANCELLED);
    server.AnswerAll();
    for (int i = 1; i < kMany; i += 2)
      EXPECT_TRUE(streams[i]->reactor.End().ok());
  }
  EXPECT_THAT(server.connections(), SizeIs(4));
}

// With all channels full, calls are spread over them, and no further ones are
// opened.
TEST(ChannelPoolTest, ThereAreSixteenConnectionsAtMost) {
  HoldingServer server;
  const auto client = server.Open();
  const int all = ChannelPool::kFull * ChannelPool::kMostChannels;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < all + 2 * static_cast<int>(ChannelPool::kMostChannels);
       ++i)
    streams.push_back(std::make_unique<Stream>(*client));
  EXPECT_EQ(server.Hold(streams.size()), streams.size());
  EXPECT_THAT(server.connections(), SizeIs(ChannelPool::kMostChannels));
  server.AnswerAll();
  for (const auto& stream : streams) EXPECT_TRUE(stream->reactor.End().ok());
}

}  // namespace
}  // namespace wxident::client
