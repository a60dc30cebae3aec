#include "tests/integration/canary_channel.h"

#include <google/protobuf/message.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_interceptor.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::ClientRpcInfo;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

class Listener final : public Interceptor {
 public:
  Listener(std::shared_ptr<Canary> canary, std::string rpc)
      : canary_(std::move(canary)), rpc_(std::move(rpc)) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_MESSAGE)) {
      // The stubs of this channel are generated ones, so it is a message.
      if (void* message = methods->GetRecvMessage())
        canary_->AddSecretsOf(
            *static_cast<const google::protobuf::Message*>(message));
    }
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_STATUS)) {
      const grpc::Status& status = *methods->GetRecvStatus();
      if (!status.ok())
        canary_->AddOutput(
            absl::StrCat("the error of ", rpc_),
            absl::StrCat(status.error_message(), " ", status.error_details()));
    }
    methods->Proceed();
  }

 private:
  const std::shared_ptr<Canary> canary_;
  const std::string rpc_;
};

class Factory final : public ClientInterceptorFactoryInterface {
 public:
  explicit Factory(std::shared_ptr<Canary> canary)
      : canary_(std::move(canary)) {}

  Interceptor* CreateClientInterceptor(ClientRpcInfo* info) override {
    return new Listener(canary_, info->method());
  }

 private:
  const std::shared_ptr<Canary> canary_;
};

}  // namespace

std::shared_ptr<grpc::Channel> MakeCanaryChannel(
    const std::string& addr,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const grpc::ChannelArguments& arguments, std::shared_ptr<Canary> canary) {
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<Factory>(std::move(canary)));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      addr, credentials, arguments, std::move(factories));
}

}  // namespace wxident
