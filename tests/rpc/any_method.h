#ifndef WXIDENT_TESTS_RPC_ANY_METHOD_H_
#define WXIDENT_TESTS_RPC_ANY_METHOD_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

// Calls methods that it knows from their descriptors alone.
class AnyMethod {
 public:
  using Message = google::protobuf::Message;
  using MethodDescriptor = google::protobuf::MethodDescriptor;

  struct Outcome {
    grpc::Status status;
    // In JSON.
    std::string response;
  };

  explicit AnyMethod(std::shared_ptr<grpc::Channel> channel)
      : stub_(std::move(channel)) {}

  // Those of both services.
  static std::vector<const MethodDescriptor*> Methods() {
    std::vector<const MethodDescriptor*> methods;
    for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                             v1::ListAppsRequest::descriptor()->file()})
      for (int m = 0; m < file->service(0)->method_count(); ++m)
        methods.push_back(file->service(0)->method(m));
    return methods;
  }
  static const MethodDescriptor* Find(const std::string& name) {
    for (const MethodDescriptor* method : Methods())
      if (method->name() == name) return method;
    return nullptr;
  }

  // A call of `caller`, with a request in JSON. Of a stream: its first message,
  // and then the caller goes.
  Outcome Call(const std::string& caller, const MethodDescriptor& method,
               const std::string& json) {
    auto request = Make(method.input_type());
    const auto parsed =
        google::protobuf::util::JsonStringToMessage(json, request.get());
    EXPECT_TRUE(parsed.ok()) << parsed.ToString() << ": " << json;
    const grpc::Slice slice(request->SerializeAsString());
    const grpc::ByteBuffer bytes(&slice, 1);

    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(10));
    context.AddMetadata("test-caller", caller);
    grpc::CompletionQueue queue;
    auto call = stub_.PrepareCall(
        &context,
        absl::StrCat("/", method.service()->full_name(), "/", method.name()),
        &queue);
    call->StartCall(nullptr);
    Next(queue);
    call->WriteLast(bytes, {}, nullptr);
    Next(queue);
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    const bool answered = Next(queue);
    Outcome outcome;
    if (answered) outcome.response = Json(method, answer);
    if (answered && method.server_streaming()) context.TryCancel();
    call->Finish(&outcome.status, nullptr);
    Next(queue);
    if (answered && method.server_streaming())
      outcome.status = grpc::Status::OK;
    return outcome;
  }

 private:
  static std::unique_ptr<Message> Make(
      const google::protobuf::Descriptor* type) {
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(type)
            ->New());
  }

  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  }

  static std::string Json(const MethodDescriptor& method,
                          grpc::ByteBuffer& bytes) {
    grpc::Slice slice;
    EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
    auto response = Make(method.output_type());
    EXPECT_TRUE(response->ParseFromArray(slice.begin(),
                                         static_cast<int>(slice.size())));
    std::string json;
    EXPECT_TRUE(
        google::protobuf::util::MessageToJsonString(*response, &json).ok());
    return json;
  }

  grpc::GenericStub stub_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_ANY_METHOD_H_
