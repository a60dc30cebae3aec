#include "server/rpc/audited.h"

#include <utility>

namespace wxident {
namespace {

constexpr std::pair<absl::string_view, Audited> kAudited[] = {
    {"DecryptPhone", Audited::kBeforeTheAnswer},
    {"DecryptUserData", Audited::kBeforeTheAnswer},
    {"EraseUser", Audited::kBeforeTheAnswer},
    {"ExportUser", Audited::kBeforeTheAnswer},
    {"GetAccessToken", Audited::kBeforeTheAnswer},
    {"GetUserInfo", Audited::kNoted},
    {"Login", Audited::kNoted},
    {"RefreshAccessToken", Audited::kBeforeTheAnswer},
    {"RefreshSession", Audited::kNoted},
    {"RevokeSession", Audited::kNoted},
    {"RotateKeys", Audited::kBeforeTheAnswer},
    {"WatchAccessToken", Audited::kBeforeTheAnswer},
};

}  // namespace

Audited AuditedAs(absl::string_view rpc) {
  for (const auto& [name, audited] : kAudited)
    if (name == rpc) return audited;
  return Audited::kNo;
}

}  // namespace wxident
