#ifndef WXIDENT_BENCH_CALL_LOAD_H_
#define WXIDENT_BENCH_CALL_LOAD_H_

#include <grpcpp/channel.h>

#include <memory>
#include <vector>

#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

inline constexpr char kBenchApp[] = "wx4f4bc4dec97d474b";

// Answers what it is told to, and does nothing else.
class Echo final : public v1::IdentityService::CallbackService {
 public:
  v1::GetAccessTokenResponse answer;

  grpc::ServerUnaryReactor* GetAccessToken(
      grpc::CallbackServerContext* context,
      const v1::GetAccessTokenRequest* request,
      v1::GetAccessTokenResponse* response) override {
    (void)request;
    *response = answer;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// Calls GetAccessToken of one server over two connections.
class CallLoad {
 public:
  // Two channels to one server, a connection each.
  explicit CallLoad(
      const std::vector<std::shared_ptr<grpc::Channel>>& channels);

  struct Pace {
    double calls_per_second;
    // Of this process, so of both ends of the call.
    double cpu_us;
  };
  // Of two seconds, with so many callers at once. A call that fails ends the
  // process.
  Pace Run(int callers);

 private:
  std::vector<std::unique_ptr<v1::IdentityService::Stub>> stubs_;
};

double Median(std::vector<double> values);

}  // namespace wxident

#endif  // WXIDENT_BENCH_CALL_LOAD_H_
