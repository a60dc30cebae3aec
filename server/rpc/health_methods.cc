#include "server/rpc/health_methods.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/policy/access_control.h"
#include "server/rpc/grpc/health/v1/health.pb.h"
#include "server/rpc/status.h"

namespace wxident {
namespace {

namespace pb = grpc::health::v1;

std::string ResponseOf(int status) {
  pb::HealthCheckResponse response;
  response.set_status(
      static_cast<pb::HealthCheckResponse::ServingStatus>(status));
  return response.SerializeAsString();
}

// The service that a request is about.
absl::StatusOr<std::string> ServiceOf(absl::string_view message) {
  pb::HealthCheckRequest request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size())))
    return absl::InvalidArgumentError("this is no HealthCheckRequest");
  return request.service();
}

CallStatus Told(const absl::Status& status) {
  return {.code = status.code(), .message = std::string(status.message())};
}

}  // namespace

class Health::CheckCall final : public CallHandler {
 public:
  CheckCall(const Health& health, Call& call) : health_(health), call_(call) {}

  void OnMessage(absl::string_view message) override {
    const auto admitted = health_.admit_(call_, AccessControl::Kind::kUnary);
    if (!admitted.ok()) return call_.Finish(ToCallStatus(admitted.status()));
    const absl::StatusOr<std::string> service = ServiceOf(message);
    if (!service.ok()) return call_.Finish(Told(service.status()));
    const int status = health_.StatusOf(*service);
    if (status == pb::HealthCheckResponse::SERVICE_UNKNOWN)
      return call_.Finish(Told(absl::NotFoundError("unknown service")));
    call_.Reply(ResponseOf(status));
  }

 private:
  const Health& health_;
  Call& call_;
};

// Health's mutex guards what it has, and makes its writes and its end one after
// another.
class Health::WatchCall final : public CallHandler {
 public:
  WatchCall(Health& health, Call& call) : health_(health), call_(call) {}

  void OnMessage(absl::string_view message) override {
    auto admitted = health_.admit_(call_, AccessControl::Kind::kStream);
    if (!admitted.ok()) return End(ToCallStatus(admitted.status()));
    admission_ = *std::move(admitted);
    absl::StatusOr<std::string> service = ServiceOf(message);
    if (!service.ok()) return End(Told(service.status()));
    std::lock_guard<std::mutex> lock(health_.mutex_);
    service_ = *std::move(service);
    health_.watchers_.insert(this);
    Tell();
  }
  void OnWritten() override {
    std::lock_guard<std::mutex> lock(health_.mutex_);
    writing_ = false;
    Tell();
  }
  void OnDrain() override {
    End(Told(absl::UnavailableError(
        "this connection is to end: watch on another one")));
  }
  void OnCancel() override { End({}); }

  // Writes the status unless the client has it, or has still to take another.
  void Tell() {
    const int status = health_.StatusOf(service_);
    if (ended_ || writing_ || status == told_) return;
    told_ = status;
    writing_ = true;
    call_.Write(ResponseOf(status));
  }

 private:
  void End(CallStatus status) {
    std::lock_guard<std::mutex> lock(health_.mutex_);
    if (std::exchange(ended_, true)) return;
    health_.watchers_.erase(this);
    admission_.reset();
    call_.Finish(std::move(status));
  }

  Health& health_;
  Call& call_;
  std::shared_ptr<void> admission_;
  std::string service_;
  // What the client has been told; -1: nothing.
  int told_ = -1;
  bool writing_ = false;
  bool ended_ = false;
};

Health::Health(const std::vector<std::string>& names, AdmitCall admit)
    : names_(names.begin(), names.end()), admit_(std::move(admit)) {}

EdgeMethods Health::Methods() {
  EdgeMethods methods;
  methods["/grpc.health.v1.Health/Check"].start = [this](Call& call) {
    return std::make_unique<CheckCall>(*this, call);
  };
  methods["/grpc.health.v1.Health/Watch"].start = [this](Call& call) {
    return std::make_unique<WatchCall>(*this, call);
  };
  return methods;
}

void Health::SetServing(bool serving) {
  std::lock_guard<std::mutex> lock(mutex_);
  serving_ = serving;
  for (WatchCall* watcher : watchers_) watcher->Tell();
}

int Health::StatusOf(absl::string_view service) const {
  if (!service.empty() && !names_.contains(service))
    return pb::HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? pb::HealthCheckResponse::SERVING
                  : pb::HealthCheckResponse::NOT_SERVING;
}

}  // namespace wxident
