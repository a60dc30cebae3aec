#include "server/rpc/audited.h"

namespace wxident {
namespace {

constexpr std::pair<absl::string_view, Audited> kMethods[] = {
    {"BatchGetUsers", Audited::kNo},
    {"CheckSessionKey", Audited::kNo},
    {"DecryptPhone", Audited::kBeforeTheAnswer},
    {"DecryptUserData", Audited::kBeforeTheAnswer},
    {"EraseUser", Audited::kBeforeTheAnswer},
    {"ExportUser", Audited::kBeforeTheAnswer},
    {"GetAccessToken", Audited::kBeforeTheAnswer},
    {"GetAppStatus", Audited::kNo},
    {"GetAuthorizeUrl", Audited::kNo},
    {"GetJsapiSignature", Audited::kNo},
    {"GetKeyStatus", Audited::kNo},
    {"GetUser", Audited::kNo},
    {"GetUserInfo", Audited::kNoted},
    {"ListApps", Audited::kNo},
    {"Login", Audited::kNoted},
    {"RefreshAccessToken", Audited::kBeforeTheAnswer},
    {"RefreshSession", Audited::kNoted},
    {"RevokeSession", Audited::kNoted},
    {"RotateKeys", Audited::kBeforeTheAnswer},
    {"ValidateSession", Audited::kNo},
    {"WatchAccessToken", Audited::kBeforeTheAnswer},
};

}  // namespace

Audited AuditedAs(absl::string_view rpc) {
  for (const auto& [name, audited] : kMethods)
    if (name == rpc) return audited;
  return Audited::kBeforeTheAnswer;
}

absl::Span<const std::pair<absl::string_view, Audited>> AuditedMethods() {
  return kMethods;
}

}  // namespace wxident
