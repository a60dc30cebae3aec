#include "server/rpc/reflection_methods.h"

#include <google/protobuf/descriptor.h>

#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/policy/access_control.h"
#include "server/rpc/grpc/health/v1/health.pb.h"
#include "server/rpc/grpc/reflection/v1/reflection.pb.h"
#include "server/rpc/grpc/reflection/v1alpha/reflection.pb.h"
#include "server/rpc/reflection_answers.h"
#include "server/rpc/status.h"

namespace wxident {
namespace {

namespace pb = grpc::reflection::v1;
using google::protobuf::DescriptorPool;
using google::protobuf::ServiceDescriptor;

// What a client may have asked before it takes the answers: names, mostly of
// less than 100 bytes.
constexpr size_t kMaxWaiting = 16 << 10;
constexpr size_t kCostOfOne = 64;

// Loop's thread.
class ReflectionCall final : public CallHandler {
 public:
  ReflectionCall(const ReflectionAnswers& answers, const AdmitCall& admit,
                 Call& call)
      : answers_(answers), admit_(admit), call_(call) {}

  void OnMessage(absl::string_view message) override {
    if (end_.has_value()) return;
    // Each request is like a call, of which one runs.
    admission_.reset();
    auto admitted = admit_(call_, AccessControl::Kind::kStream);
    if (!admitted.ok()) return call_.Finish(ToCallStatus(admitted.status()));
    admission_ = *std::move(admitted);
    waiting_bytes_ += message.size() + kCostOfOne;
    if (waiting_bytes_ > kMaxWaiting)
      return Finish(absl::ResourceExhaustedError(
          "too much is asked at once: read the answers before you ask on"));
    waiting_.emplace_back(message);
    if (!writing_) WriteNext();
  }
  void OnHalfClose() override { EndWith(absl::OkStatus()); }
  void OnDrain() override {
    EndWith(absl::UnavailableError(
        "this connection is to end: ask on another one"));
  }
  void OnWritten() override {
    writing_ = false;
    if (!waiting_.empty()) return WriteNext();
    if (end_.has_value()) Finish(*end_);
  }
  void OnCancel() override { call_.Finish({}); }

 private:
  void WriteNext() {
    const std::string message = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= message.size() + kCostOfOne;
    pb::ServerReflectionResponse response;
    pb::ServerReflectionRequest& request = *response.mutable_original_request();
    if (!request.ParseFromString(message))
      return Finish(
          absl::InvalidArgumentError("this is no ServerReflectionRequest"));
    response.set_valid_host(request.host());
    writing_ = true;
    // One message in two parts is the two together.
    call_.Write(
        absl::StrCat(response.SerializeAsString(), answers_.AnswerTo(request)));
  }

  // Takes no more requests, and ends once all that came have their answers.
  void EndWith(const absl::Status& status) {
    if (end_.has_value()) return;
    end_ = status;
    if (!writing_) Finish(status);
  }

  void Finish(const absl::Status& status) {
    call_.Finish(
        {.code = status.code(), .message = std::string(status.message())});
  }

  const ReflectionAnswers& answers_;
  const AdmitCall& admit_;
  Call& call_;
  std::shared_ptr<void> admission_;
  // Requests that wait for the answer before theirs to be taken.
  std::deque<std::string> waiting_;
  size_t waiting_bytes_ = 0;
  bool writing_ = false;
  std::optional<absl::Status> end_;
};

// The service of the file that declares `Message`.
template <typename Message>
const ServiceDescriptor* ServiceWith() {
  return Message::descriptor()->file()->service(0);
}

}  // namespace

absl::StatusOr<EdgeMethods> ReflectionMethods(
    const std::vector<std::string>& services, AdmitCall admit) {
  std::vector<const ServiceDescriptor*> told;
  for (const std::string& name : services) {
    told.push_back(DescriptorPool::generated_pool()->FindServiceByName(name));
    if (told.back() == nullptr)
      return absl::NotFoundError(
          absl::StrCat("reflection: no service ", name, " is linked in"));
  }
  told.push_back(ServiceWith<grpc::health::v1::HealthCheckRequest>());
  const ServiceDescriptor* const own[] = {
      ServiceWith<pb::ServerReflectionRequest>(),
      ServiceWith<grpc::reflection::v1alpha::ServerReflectionRequest>()};
  told.insert(told.end(), std::begin(own), std::end(own));

  const auto answers = std::make_shared<const ReflectionAnswers>(told);
  const auto asked = std::make_shared<const AdmitCall>(std::move(admit));
  EdgeMethods methods;
  // Both versions have the same binary form.
  for (const ServiceDescriptor* service : own)
    methods[absl::StrCat("/", service->full_name(), "/",
                         service->method(0)->name())] = {
        .start =
            [answers, asked](Call& call) {
              return std::make_unique<ReflectionCall>(*answers, *asked, call);
            },
        .takes_stream = true};
  return methods;
}

}  // namespace wxident
