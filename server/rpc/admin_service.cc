#include "server/rpc/admin_service.h"

#include "server/rpc/rpc.h"

namespace wxident {

// admin_service.proto describes them; <rpc>_call.cc holds the steps of each.
constexpr RpcMethod (*kAdminMethods[])(const Services&) = {
    MethodOf<class EraseUserCall>,    MethodOf<class ExportUserCall>,
    MethodOf<class GetAppStatusCall>, MethodOf<class GetKeyStatusCall>,
    MethodOf<class ListAppsCall>,     MethodOf<class RefreshAccessTokenCall>,
    MethodOf<class RotateKeysCall>,
};

EdgeMethods AdminMethods(const Services& services) {
  EdgeMethods methods;
  for (const auto make : kAdminMethods) methods.insert(make(services));
  return methods;
}

}  // namespace wxident
