#include "server/rpc/admin_service.h"

#include <utility>

#include "server/rpc/admin_calls.h"
#include "wxident/v1/admin_service.grpc.pb.h"

namespace wxident {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(Services services) : services_(services) {}

  Reactor* ListApps(Context* context, const v1::ListAppsRequest* request,
                    v1::ListAppsResponse* response) override {
    return StartListApps(services_, *context, *request, *response);
  }

  Reactor* GetAppStatus(Context* context,
                        const v1::GetAppStatusRequest* request,
                        v1::GetAppStatusResponse* response) override {
    return StartGetAppStatus(services_, *context, *request, *response);
  }

  Reactor* RefreshAccessToken(
      Context* context, const v1::RefreshAccessTokenRequest* request,
      v1::RefreshAccessTokenResponse* response) override {
    return StartRefreshAccessToken(services_, *context, *request, *response);
  }

  Reactor* EraseUser(Context* context, const v1::EraseUserRequest* request,
                     v1::EraseUserResponse* response) override {
    return StartEraseUser(services_, *context, *request, *response);
  }

  Reactor* ExportUser(Context* context, const v1::ExportUserRequest* request,
                      v1::ExportUserResponse* response) override {
    return StartExportUser(services_, *context, *request, *response);
  }

 private:
  const Services services_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(Services services) {
  return std::make_unique<AdminService>(services);
}

}  // namespace wxident
