#include "server/rpc/admin_service.h"

#include "server/rpc/admin_calls.h"

namespace wxident {

EdgeMethods AdminMethods(const Services& services) {
  return {
      EraseUserMethod(services),          ExportUserMethod(services),
      GetAppStatusMethod(services),       GetKeyStatusMethod(services),
      ListAppsMethod(services),           RotateKeysMethod(services),
      RefreshAccessTokenMethod(services),
  };
}

}  // namespace wxident
