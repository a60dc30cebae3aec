#include "server/rpc/identity_service.h"

#include "server/rpc/calls.h"

namespace wxident {

EdgeMethods IdentityMethods(const Services& services) {
  return {
      BatchGetUsersMethod(services),     CheckSessionKeyMethod(services),
      DecryptPhoneMethod(services),      DecryptUserDataMethod(services),
      GetAccessTokenMethod(services),    GetAuthorizeUrlMethod(services),
      GetJsapiSignatureMethod(services), GetUserInfoMethod(services),
      GetUserMethod(services),           LoginMethod(services),
      RefreshSessionMethod(services),    RevokeSessionMethod(services),
      ValidateSessionMethod(services),   WatchAccessTokenMethod(services),
  };
}

}  // namespace wxident
