#include "server/rpc/health_methods.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "server/identity/error.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"
#include "tests/rpc/methods_fixture.h"

namespace wxident {
namespace {

namespace pb = grpc::health::v1;
using Response = pb::HealthCheckResponse;

class HealthMethodsTest : public MethodsFixture {
 protected:
  void SetUp() override {
    MethodsFixture::SetUp();
    Serve(health_.Methods());
    stub_ = pb::Health::NewStub(channel_);
  }
  void TearDown() override { server_.reset(); }

  static pb::HealthCheckRequest Of(const std::string& service) {
    pb::HealthCheckRequest request;
    request.set_service(service);
    return request;
  }
  grpc::Status Check(const std::string& service, Response& response) {
    return stub_->Check(Within().get(), Of(service), &response);
  }
  // UNKNOWN for an error.
  Response::ServingStatus StatusOf(const std::string& service) {
    Response response;
    const grpc::Status status = Check(service, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  // One call of Watch.
  struct Watch {
    std::unique_ptr<grpc::ClientContext> context = Within();
    std::unique_ptr<grpc::ClientReader<Response>> reader;
    // UNKNOWN when it has ended.
    Response::ServingStatus Next() const {
      Response response;
      return reader->Read(&response) ? response.status() : Response::UNKNOWN;
    }
  };
  Watch WatchOf(const std::string& service) {
    Watch watch;
    watch.reader = stub_->Watch(watch.context.get(), Of(service));
    return watch;
  }

  Health health_{{"a.Service"}, Admit()};
  std::unique_ptr<pb::Health::Stub> stub_;
};

TEST_F(HealthMethodsTest, ChecksWhatItKnows) {
  for (const std::string service : {"", "a.Service"})
    EXPECT_EQ(StatusOf(service), Response::NOT_SERVING);
  health_.SetServing(true);
  for (const std::string service : {"", "a.Service"})
    EXPECT_EQ(StatusOf(service), Response::SERVING);
  health_.SetServing(false);
  EXPECT_EQ(StatusOf(""), Response::NOT_SERVING);
  Response response;
  EXPECT_EQ(Check("another.Service", response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(WaitForNoneRunning());
}

TEST_F(HealthMethodsTest, WatchersHearOfEachChange) {
  const Watch whole = WatchOf("");
  const Watch service = WatchOf("a.Service");
  EXPECT_EQ(whole.Next(), Response::NOT_SERVING);
  EXPECT_EQ(service.Next(), Response::NOT_SERVING);
  for (int i = 0; i < 3; ++i) {
    health_.SetServing(true);
    EXPECT_EQ(whole.Next(), Response::SERVING);
    EXPECT_EQ(service.Next(), Response::SERVING);
    // Nothing has changed.
    health_.SetServing(true);
    health_.SetServing(false);
    EXPECT_EQ(whole.Next(), Response::NOT_SERVING);
    EXPECT_EQ(service.Next(), Response::NOT_SERVING);
  }
  EXPECT_EQ(running_, 2);
  whole.context->TryCancel();
  service.context->TryCancel();
  EXPECT_TRUE(WaitForNoneRunning());
}

TEST_F(HealthMethodsTest, AWatchOfTheUnknownGoesOn) {
  const Watch watch = WatchOf("another.Service");
  EXPECT_EQ(watch.Next(), Response::SERVICE_UNKNOWN);
  health_.SetServing(true);
  // It has not ended, and what has changed is nothing to it.
  EXPECT_EQ(StatusOf(""), Response::SERVING);
  EXPECT_EQ(running_, 1);
  watch.context->TryCancel();
  EXPECT_EQ(watch.Next(), Response::UNKNOWN);
  EXPECT_EQ(watch.reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(WaitForNoneRunning());
}

TEST_F(HealthMethodsTest, WatchesHoldUpNoStop) {
  const Watch watch = WatchOf("");
  EXPECT_EQ(watch.Next(), Response::NOT_SERVING);
  // It would wait for an hour.
  server_->Stop(absl::Hours(1));
  EXPECT_EQ(watch.Next(), Response::UNKNOWN);
  EXPECT_EQ(watch.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(running_, 0);
}

TEST_F(HealthMethodsTest, WatchesEndWithTheirConnection) {
  Serve(health_.Methods(), {.age = absl::Milliseconds(1)});
  stub_ = pb::Health::NewStub(channel_);
  const Watch watch = WatchOf("");
  // It may have come as the connection was to end, or before.
  while (watch.Next() != Response::UNKNOWN) {
  }
  EXPECT_EQ(watch.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthMethodsTest, CallersLimitsHold) {
  const absl::Status refused =
      Error(Reason::kCallerRateLimited, "too many").ToStatus();
  Serve(health_.Methods());
  stub_ = pb::Health::NewStub(channel_);
  admitted_ = refused;
  Response response;
  const grpc::Status checked = Check("", response);
  EXPECT_EQ(checked.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(checked.error_message(), "too many");
  EXPECT_NE(checked.error_details().find("CALLER_RATE_LIMITED"),
            std::string::npos);
  const Watch watch = WatchOf("");
  EXPECT_EQ(watch.Next(), Response::UNKNOWN);
  EXPECT_EQ(watch.reader->Finish().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(asked_, 2);
}

}  // namespace
}  // namespace wxident
