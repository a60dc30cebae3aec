#include "server/rpc/reflection_methods.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/identity/error.h"
#include "server/rpc/grpc/reflection/v1/reflection.grpc.pb.h"
#include "server/rpc/grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "tests/edge/edge_client.h"
#include "tests/hostile/http2_frames.h"
#include "tests/rpc/methods_fixture.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

namespace v1 = grpc::reflection::v1;
namespace v1alpha = grpc::reflection::v1alpha;
using google::protobuf::FileDescriptorProto;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOurs[] = "wxident.v1.IdentityService";

class ReflectionMethodsTest : public MethodsFixture {
 protected:
  void SetUp() override {
    MethodsFixture::SetUp();
    // Named by a message of it, so that it is linked in.
    const auto* ours = wxident::v1::LoginRequest::descriptor()->file();
    ASSERT_EQ(ours->service(0)->full_name(), kOurs);
    auto methods = ReflectionMethods({kOurs}, Admit());
    ASSERT_TRUE(methods.ok()) << methods.status();
    Serve(*std::move(methods));
    stub_ = v1::ServerReflection::NewStub(channel_);
  }
  void TearDown() override { server_.reset(); }

  // A stream of requests.
  struct Stream {
    std::unique_ptr<grpc::ClientContext> context = Within();
    std::unique_ptr<grpc::ClientReaderWriter<v1::ServerReflectionRequest,
                                             v1::ServerReflectionResponse>>
        both;
    v1::ServerReflectionResponse Ask(
        const v1::ServerReflectionRequest& request) const {
      v1::ServerReflectionResponse response;
      EXPECT_TRUE(both->Write(request) && both->Read(&response));
      EXPECT_EQ(response.valid_host(), request.host());
      EXPECT_EQ(response.original_request().SerializeAsString(),
                request.SerializeAsString());
      return response;
    }
  };
  Stream Open() {
    Stream stream;
    stream.both = stub_->ServerReflectionInfo(stream.context.get());
    return stream;
  }
  v1::ServerReflectionResponse Ask(const v1::ServerReflectionRequest& request) {
    const Stream stream = Open();
    v1::ServerReflectionResponse response = stream.Ask(request);
    stream.both->WritesDone();
    EXPECT_TRUE(stream.both->Finish().ok());
    return response;
  }

  v1::ServerReflectionResponse AskForFile(const std::string& name) {
    v1::ServerReflectionRequest request;
    request.set_host("a.host");
    request.set_file_by_filename(name);
    return Ask(request);
  }
  v1::ServerReflectionResponse AskForSymbol(const std::string& name) {
    v1::ServerReflectionRequest request;
    request.set_file_containing_symbol(name);
    return Ask(request);
  }
  v1::ServerReflectionResponse AskForExtension(const std::string& type,
                                               int number) {
    v1::ServerReflectionRequest request;
    request.mutable_file_containing_extension()->set_containing_type(type);
    request.mutable_file_containing_extension()->set_extension_number(number);
    return Ask(request);
  }
  v1::ServerReflectionResponse AskForNumbers(const std::string& type) {
    v1::ServerReflectionRequest request;
    request.set_all_extension_numbers_of_type(type);
    return Ask(request);
  }

  // The names of the files of an answer, in its order.
  static std::vector<std::string> FilesOf(
      const v1::ServerReflectionResponse& response) {
    std::vector<std::string> out;
    for (const std::string& bytes :
         response.file_descriptor_response().file_descriptor_proto()) {
      FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      out.push_back(file.name());
    }
    return out;
  }
  static int ErrorOf(const v1::ServerReflectionResponse& response) {
    return response.error_response().error_code();
  }

  std::unique_ptr<v1::ServerReflection::Stub> stub_;
};

TEST_F(ReflectionMethodsTest, ListsOurServicesHealthAndItself) {
  v1::ServerReflectionRequest request;
  request.set_list_services("");
  std::vector<std::string> names;
  const v1::ServerReflectionResponse response = Ask(request);
  for (const auto& service : response.list_services_response().service())
    names.push_back(service.name());
  EXPECT_THAT(names, ElementsAre(kOurs, "grpc.health.v1.Health",
                                 "grpc.reflection.v1.ServerReflection",
                                 "grpc.reflection.v1alpha.ServerReflection"));
}

TEST_F(ReflectionMethodsTest, TheOlderVersionSaysTheSame) {
  const auto stub = v1alpha::ServerReflection::NewStub(channel_);
  const auto context = Within();
  const auto both = stub->ServerReflectionInfo(context.get());
  v1alpha::ServerReflectionRequest request;
  request.set_file_containing_symbol(kOurs);
  ASSERT_TRUE(both->Write(request));
  v1alpha::ServerReflectionResponse response;
  ASSERT_TRUE(both->Read(&response));
  EXPECT_EQ(response.file_descriptor_response().SerializeAsString(),
            AskForSymbol(kOurs).file_descriptor_response().SerializeAsString());
  EXPECT_EQ(response.original_request().file_containing_symbol(), kOurs);
  both->WritesDone();
  EXPECT_TRUE(both->Finish().ok());
}

// A client can build the service of what it is told.
TEST_F(ReflectionMethodsTest, AnAnswerHoldsWhatItsFileNeeds) {
  google::protobuf::SimpleDescriptorDatabase files;
  const v1::ServerReflectionResponse response = AskForSymbol(kOurs);
  for (const std::string& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    ASSERT_TRUE(files.Add(file));
  }
  google::protobuf::DescriptorPool pool(&files);
  const auto* service = pool.FindServiceByName(kOurs);
  ASSERT_NE(service, nullptr);
  EXPECT_NE(service->FindMethodByName("Login"), nullptr);
}

TEST_F(ReflectionMethodsTest, FilesByTheirNames) {
  const std::string ours =
      v1::ServerReflectionRequest::descriptor()->file()->name();
  EXPECT_EQ(ours, "grpc/reflection/v1/reflection.proto");
  EXPECT_THAT(FilesOf(AskForFile(ours)), ElementsAre(ours));
  EXPECT_EQ(ErrorOf(AskForFile("wxident/v1/none.proto")), 5);
  // Linked in, but nothing that our services need.
  EXPECT_EQ(ErrorOf(AskForFile("google/protobuf/api.proto")), 5);
}

TEST_F(ReflectionMethodsTest, SymbolsOfAllKinds) {
  const auto* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          kOurs);
  const auto* request = service->method(0)->input_type();
  const std::string home = request->file()->name();
  for (const std::string& name :
       {service->method(0)->full_name(), request->full_name(),
        request->field(0)->full_name()})
    EXPECT_EQ(FilesOf(AskForSymbol(name)).front(), home) << name;
  for (const std::string name :
       {"grpc.health.v1.HealthCheckResponse.ServingStatus",
        "grpc.health.v1.HealthCheckResponse.SERVING",
        "grpc.health.v1.Health.Watch"})
    EXPECT_EQ(FilesOf(AskForSymbol(name)).front(),
              "grpc/health/v1/health.proto")
        << name;
  EXPECT_EQ(FilesOf(AskForSymbol("grpc.reflection.v1.ServerReflectionRequest."
                                 "message_request"))
                .front(),
            "grpc/reflection/v1/reflection.proto");
  EXPECT_EQ(ErrorOf(AskForSymbol("wxident.v1.None")), 5);
  EXPECT_EQ(ErrorOf(AskForSymbol("")), 5);
}

TEST_F(ReflectionMethodsTest, Extensions) {
  const auto* extension =
      google::protobuf::DescriptorPool::generated_pool()->FindExtensionByName(
          "wxident.v1.sensitive");
  ASSERT_NE(extension, nullptr);
  const std::string type = "google.protobuf.FieldOptions";
  EXPECT_EQ(FilesOf(AskForExtension(type, extension->number())).front(),
            "wxident/v1/options.proto");
  EXPECT_EQ(ErrorOf(AskForExtension(type, 1)), 5);
  const v1::ExtensionNumberResponse numbers =
      AskForNumbers(type).all_extension_numbers_response();
  EXPECT_EQ(numbers.base_type_name(), type);
  EXPECT_THAT(numbers.extension_number(), Contains(extension->number()));
  // One that nobody extends.
  const auto none = AskForNumbers("grpc.health.v1.HealthCheckRequest");
  EXPECT_EQ(none.all_extension_numbers_response().extension_number_size(), 0);
  EXPECT_TRUE(none.has_all_extension_numbers_response());
  EXPECT_EQ(ErrorOf(AskForNumbers("wxident.v1.None")), 5);
}

TEST_F(ReflectionMethodsTest, ARequestForNothingIsAnErrorAndTheStreamGoesOn) {
  const Stream stream = Open();
  EXPECT_EQ(ErrorOf(stream.Ask({})), 3);
  v1::ServerReflectionRequest request;
  request.set_file_containing_symbol(kOurs);
  for (int i = 0; i < 3; ++i) EXPECT_GT(FilesOf(stream.Ask(request)).size(), 1);
  EXPECT_EQ(asked_, 4);
  EXPECT_EQ(running_, 1);
  stream.both->WritesDone();
  EXPECT_TRUE(stream.both->Finish().ok());
  EXPECT_TRUE(WaitForNoneRunning());
}

TEST_F(ReflectionMethodsTest, WhoAsksWithoutReadingIsEnded) {
  EdgeClient client(server_->addr(), nullptr, "", /*window=*/0);
  v1::ServerReflectionRequest request;
  request.set_file_containing_symbol(kOurs);
  std::string requests;
  for (int i = 0; i < 1'000; ++i)
    requests += Message(request.SerializeAsString());
  const int32_t id = client.h2().Call(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", requests,
      /*ends=*/false);
  ASSERT_TRUE(client.Until(
      [&] { return !client.h2().answer(id).fields.empty(); }, kPatience));
  EXPECT_TRUE(WaitForNoneRunning());
  // The answer that was under way comes; those that waited were dropped.
  client.h2().Widen(id, 1 << 20);
  EXPECT_TRUE(
      client.Until([&] { return client.h2().answer(id).closed; }, kPatience));
  EXPECT_EQ(client.h2().answer(id).status(), 8);
  EXPECT_EQ(client.h2().answer(id).messages.size(), 1);
}

TEST_F(ReflectionMethodsTest, StreamsHoldUpNoStop) {
  const Stream stream = Open();
  EXPECT_EQ(ErrorOf(stream.Ask({})), 3);
  // It would wait for an hour.
  server_->Stop(absl::Hours(1));
  v1::ServerReflectionResponse response;
  EXPECT_FALSE(stream.both->Read(&response));
  EXPECT_EQ(stream.both->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ReflectionMethodsTest, CallersLimitsHold) {
  admitted_ = Error(Reason::kCallerRateLimited, "too many").ToStatus();
  const Stream stream = Open();
  stream.both->Write({});
  v1::ServerReflectionResponse response;
  EXPECT_FALSE(stream.both->Read(&response));
  const grpc::Status status = stream.both->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "too many");
}

TEST(ReflectionMethods, AServiceThatIsNotThere) {
  const auto methods = ReflectionMethods({"a.Service"}, nullptr);
  EXPECT_EQ(methods.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(methods.status().message(), HasSubstr("a.Service"));
}

}  // namespace
}  // namespace wxident
