#include "server/rpc/admin_service.h"

#include <utility>

#include "server/rpc/admin_calls.h"
#include "server/rpc/redacted.h"
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
    LogRequest("ListApps", *request);
    return StartListApps(services_, *context, *request, *response);
  }

  Reactor* GetAppStatus(Context* context,
                        const v1::GetAppStatusRequest* request,
                        v1::GetAppStatusResponse* response) override {
    LogRequest("GetAppStatus", *request);
    return StartGetAppStatus(services_, *context, *request, *response);
  }

  Reactor* RefreshAccessToken(
      Context* context, const v1::RefreshAccessTokenRequest* request,
      v1::RefreshAccessTokenResponse* response) override {
    LogRequest("RefreshAccessToken", *request);
    return StartRefreshAccessToken(services_, *context, *request, *response);
  }

  Reactor* EraseUser(Context* context, const v1::EraseUserRequest* request,
                     v1::EraseUserResponse* response) override {
    LogRequest("EraseUser", *request);
    return StartEraseUser(services_, *context, *request, *response);
  }

  Reactor* ExportUser(Context* context, const v1::ExportUserRequest* request,
                      v1::ExportUserResponse* response) override {
    LogRequest("ExportUser", *request);
    return StartExportUser(services_, *context, *request, *response);
  }

  Reactor* RotateKeys(Context* context, const v1::RotateKeysRequest* request,
                      v1::RotateKeysResponse* response) override {
    LogRequest("RotateKeys", *request);
    return StartRotateKeys(services_, *context, *request, *response);
  }

  Reactor* GetKeyStatus(Context* context,
                        const v1::GetKeyStatusRequest* request,
                        v1::GetKeyStatusResponse* response) override {
    LogRequest("GetKeyStatus", *request);
    return StartGetKeyStatus(services_, *context, *request, *response);
  }

 private:
  const Services services_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(Services services) {
  return std::make_unique<AdminService>(services);
}

}  // namespace wxident
