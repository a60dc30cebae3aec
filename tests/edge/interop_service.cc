#include "tests/edge/interop_service.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "interop.pb.h"

namespace wxident {
namespace {

namespace pb = grpc::testing;

// Sends back the two fields that a client may ask to have sent back.
MetadataFields EchoMetadata(Call& call) {
  MetadataFields trailers;
  for (const auto& [name, value] : call.metadata()) {
    if (name == "x-grpc-test-echo-initial")
      call.AddInitialMetadata(name, value);
    if (name == "x-grpc-test-echo-trailing-bin")
      trailers.emplace_back(name, value);
  }
  return trailers;
}

CallStatus StatusOf(const pb::EchoStatus& asked, MetadataFields trailers) {
  return {.code = static_cast<absl::StatusCode>(asked.code()),
          .message = asked.message(),
          .trailers = std::move(trailers)};
}

class EmptyCall final : public CallHandler {
 public:
  explicit EmptyCall(Call& call) : call_(call) {}
  void OnMessage(absl::string_view) override { call_.Reply(""); }

 private:
  Call& call_;
};

class UnaryEcho final : public CallHandler {
 public:
  explicit UnaryEcho(Call& call) : call_(call) {}
  void OnMessage(absl::string_view message) override {
    pb::SimpleRequest request;
    request.ParseFromArray(message.data(), static_cast<int>(message.size()));
    MetadataFields trailers = EchoMetadata(call_);
    if (request.response_status().code() == 0) {
      pb::SimpleResponse response;
      response.mutable_payload()->set_body(
          std::string(request.response_size(), '\0'));
      call_.Write(response.SerializeAsString());
    }
    call_.Finish(StatusOf(request.response_status(), std::move(trailers)));
  }

 private:
  Call& call_;
};

class StreamingInput final : public CallHandler {
 public:
  explicit StreamingInput(Call& call) : call_(call) {}
  void OnMessage(absl::string_view message) override {
    pb::StreamingInputCallRequest request;
    request.ParseFromArray(message.data(), static_cast<int>(message.size()));
    size_ += static_cast<int>(request.payload().body().size());
  }
  void OnHalfClose() override {
    pb::StreamingInputCallResponse response;
    response.set_aggregated_payload_size(size_);
    call_.Reply(response.SerializeAsString());
  }
  void OnCancel() override { call_.Finish({}); }

 private:
  Call& call_;
  int size_ = 0;
};

// Answers one request with many messages, or each of many with some.
class StreamingOutput final : public CallHandler {
 public:
  explicit StreamingOutput(Call& call)
      : call_(call), trailers_(EchoMetadata(call)) {}

  void OnMessage(absl::string_view message) override {
    pb::StreamingOutputCallRequest request;
    request.ParseFromArray(message.data(), static_cast<int>(message.size()));
    if (request.response_status().code() != 0)
      return call_.Finish(
          StatusOf(request.response_status(), std::move(trailers_)));
    for (const auto& asked : request.response_parameters())
      sizes_.push_back(asked.size());
    if (!writing_) WriteNext();
  }
  void OnHalfClose() override {
    ended_ = true;
    if (!writing_) call_.Finish({.trailers = std::move(trailers_)});
  }
  void OnWritten() override {
    writing_ = false;
    WriteNext();
    if (!writing_ && ended_) call_.Finish({.trailers = std::move(trailers_)});
  }
  void OnCancel() override { call_.Finish({}); }

 private:
  void WriteNext() {
    if (sizes_.empty()) return;
    pb::StreamingOutputCallResponse response;
    response.mutable_payload()->set_body(std::string(sizes_.front(), '\0'));
    sizes_.pop_front();
    writing_ = true;
    call_.Write(response.SerializeAsString());
  }

  Call& call_;
  MetadataFields trailers_;
  std::deque<int> sizes_;
  bool writing_ = false;
  bool ended_ = false;
};

template <typename Handler>
EdgeMethod MethodOf(bool takes_stream) {
  return {[](Call& call) { return std::make_unique<Handler>(call); },
          takes_stream};
}

}  // namespace

EdgeMethods InteropMethods() {
  const std::string service = "/grpc.testing.TestService/";
  EdgeMethods out;
  out[service + "EmptyCall"] = MethodOf<EmptyCall>(false);
  out[service + "UnaryCall"] = MethodOf<UnaryEcho>(false);
  out[service + "StreamingInputCall"] = MethodOf<StreamingInput>(true);
  out[service + "StreamingOutputCall"] = MethodOf<StreamingOutput>(false);
  out[service + "FullDuplexCall"] = MethodOf<StreamingOutput>(true);
  return out;
}

}  // namespace wxident
