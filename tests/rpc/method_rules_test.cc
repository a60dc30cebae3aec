// What the options of the .proto files make the server do.

#include "server/rpc/method_rules.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/base/log.h"
#include "server/rpc/rpc.h"
#include "tests/fakes/forwarding_session_store.h"
#include "tests/rpc/service_test.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"
#include "wxident/v1/options.pb.h"

namespace wxident {
namespace {

using Audit = MethodRules::Audit;
using Subject = MethodRules::Subject;

const google::protobuf::MethodDescriptor& MethodNamed(
    const std::string& full_name) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      full_name);
}

TEST(MethodRulesTest, EveryMethodHasRules) {
  int audited = 0;
  for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                           v1::ListAppsRequest::descriptor()->file()})
    for (int m = 0; m < file->service(0)->method_count(); ++m) {
      const auto rules = RulesOf(*file->service(0)->method(m));
      ASSERT_TRUE(rules.ok()) << rules.status();
      audited += rules->audit != Audit::kNone;
    }
  EXPECT_EQ(audited, 12);
}

TEST(MethodRulesTest, AreThoseOfTheOption) {
  const auto login =
      RulesOf(MethodNamed("wxident.v1.IdentityService.Login")).value();
  EXPECT_EQ(login.subject, Subject::kApp);
  EXPECT_EQ(login.audit, Audit::kBestEffort);
  EXPECT_EQ(login.repeat, Repeat::kMaySpend);
  EXPECT_EQ(login.default_deadline, absl::Seconds(5));
  EXPECT_EQ(login.longest_deadline, absl::Seconds(10));
  const auto rotate =
      RulesOf(MethodNamed("wxident.v1.AdminService.RotateKeys")).value();
  EXPECT_EQ(rotate.subject, Subject::kOperators);
  EXPECT_EQ(rotate.audit, Audit::kRequired);
  EXPECT_EQ(rotate.repeat, Repeat::kSafe);
  const auto watch =
      RulesOf(MethodNamed("wxident.v1.IdentityService.WatchAccessToken"))
          .value();
  EXPECT_EQ(watch.default_deadline, absl::InfiniteDuration());
  EXPECT_EQ(watch.longest_deadline, absl::InfiniteDuration());
}

// A contract with one method, whose rules a test changes.
class OneMethod {
 public:
  explicit OneMethod(
      const std::function<void(google::protobuf::MethodOptions&)>& change) {
    google::protobuf::FileDescriptorProto file;
    file.set_name("one_method.proto");
    file.set_package("test");
    file.add_message_type()->set_name("Question");
    auto* service = file.add_service();
    service->set_name("Service");
    auto* method = service->add_method();
    method->set_name("Ask");
    method->set_input_type(".test.Question");
    method->set_output_type(".test.Question");
    *method->mutable_options() =
        MethodNamed("wxident.v1.IdentityService.GetUser").options();
    change(*method->mutable_options());
    file_ = pool_.BuildFile(file);
  }

  const google::protobuf::Descriptor& question() {
    return *file_->message_type(0);
  }
  absl::StatusOr<MethodRules> rules() {
    return RulesOf(*file_->service(0)->method(0));
  }

 private:
  google::protobuf::DescriptorPool pool_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
};

// The rules but for what `change` takes away.
absl::Status WithoutRule(const std::function<void(v1::MethodRules&)>& change) {
  return OneMethod([&](google::protobuf::MethodOptions& options) {
           change(*options.MutableExtension(v1::method_rules));
         })
      .rules()
      .status();
}

void WithoutOption(google::protobuf::MethodOptions& options) {
  options.ClearExtension(v1::method_rules);
}

TEST(MethodRulesTest, EachIsRequired) {
  EXPECT_TRUE(WithoutRule([](v1::MethodRules&) {}).ok());
  const std::pair<std::string, std::function<void(v1::MethodRules&)>>
      missing[] = {
          {"no subject", [](auto& rules) { rules.clear_subject(); }},
          {"no audit", [](auto& rules) { rules.clear_audit(); }},
          {"no repeatable", [](auto& rules) { rules.clear_repeatable(); }},
          {"no default_deadline",
           [](auto& rules) { rules.clear_default_deadline(); }},
          {"no longest_deadline",
           [](auto& rules) { rules.clear_longest_deadline(); }},
      };
  for (const auto& [what, change] : missing) {
    const absl::Status status = WithoutRule(change);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << what;
    EXPECT_NE(status.message().find("test.Service.Ask has " + what),
              std::string::npos)
        << status;
  }
  EXPECT_FALSE(OneMethod(WithoutOption).rules().ok());
}

TEST(MethodRulesTest, AValueThatThisServerDoesNotKnowIsNone) {
  EXPECT_FALSE(WithoutRule([](v1::MethodRules& rules) {
                 rules.set_audit(static_cast<v1::MethodRules::Audit>(99));
               }).ok());
}

using RpcDeathTest = ServicesFixture;

TEST_F(RpcDeathTest, AMethodWithoutRulesIsNeverServed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  OneMethod method(WithoutOption);
  EXPECT_DEATH(
      {
        // As in the server: what was logged last is written.
        FlushLogOnFatalSignals();
        Rpc(services_, method.question());
      },
      "test.Service.Ask has no");
}

// Remembers how long the last caller of a session has.
class TimedSessions final : public ForwardingSessionStore {
 public:
  TimedSessions(SessionStore& store, Clock& clock)
      : ForwardingSessionStore(store), clock_(clock) {}

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    left = deadline.Left(clock_);
    store_.FindSession(std::move(token_hash), deadline, std::move(done));
  }

  absl::Duration left;

 private:
  Clock& clock_;
};

class DeadlineRulesTest : public ServiceTest {
 protected:
  ~DeadlineRulesTest() override { StopServer(*timed_server_); }

  absl::Duration LeftOf(grpc::ClientContext& context) {
    v1::ValidateSessionRequest request;
    request.set_session_token("wxs1_" + std::string(43, 'A'));
    v1::ValidateSessionResponse response;
    const auto stub = v1::IdentityService::NewStub(ChannelTo(*timed_server_));
    const grpc::Status status =
        stub->ValidateSession(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return timed_.left;
  }

  TimedSessions timed_{sessions_, clock_};
  SessionCache timed_checks_{timed_, clock_};
  std::unique_ptr<EdgeServer> timed_server_ =
      Serve(IdentityMethods(MakeServices(access_, timed_, timed_checks_)));
};

TEST_F(DeadlineRulesTest, ACallerThatSetsNoneGetsTheDefault) {
  grpc::ClientContext context;
  EXPECT_EQ(LeftOf(context), absl::Seconds(2));
}

TEST_F(DeadlineRulesTest, NobodyGetsMoreThanTheLongest) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::hours(1));
  EXPECT_EQ(LeftOf(context), absl::Seconds(10));
}

}  // namespace
}  // namespace wxident
