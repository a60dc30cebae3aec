#include "server/rpc/identity_service.h"

#include "server/rpc/rpc.h"

namespace wxident {

// identity_service.proto describes them; <rpc>_call.cc holds the steps of each.
constexpr RpcMethod (*kIdentityMethods[])(const Services&) = {
    MethodOf<class BatchGetUsersCall>,     MethodOf<class CheckSessionKeyCall>,
    MethodOf<class DecryptPhoneCall>,      MethodOf<class DecryptUserDataCall>,
    MethodOf<class GetAccessTokenCall>,    MethodOf<class GetAuthorizeUrlCall>,
    MethodOf<class GetJsapiSignatureCall>, MethodOf<class GetUserCall>,
    MethodOf<class GetUserInfoCall>,       MethodOf<class LoginCall>,
    MethodOf<class RefreshSessionCall>,    MethodOf<class RevokeSessionCall>,
    MethodOf<class ValidateSessionCall>,   MethodOf<class WatchAccessTokenCall>,
};

EdgeMethods IdentityMethods(const Services& services) {
  EdgeMethods methods;
  for (const auto make : kIdentityMethods) methods.insert(make(services));
  return methods;
}

}  // namespace wxident
