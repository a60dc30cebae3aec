#include "server/person/stored_user_info.h"

#include <utility>

#include "server/identity/error.h"
#include "server/wechat/open_data.h"

namespace wxident {

void StoredUserInfo::Decrypt(const AuthorizedKeys& keys,
                             const Encrypted& encrypted, Deadline deadline,
                             Done<UserInfo> done) {
  Identity identity = keys->session.identity;
  const ProfileProof proof{.openid = identity.openid,
                           .raw_data = encrypted.raw_data,
                           .signature = encrypted.signature};
  absl::StatusOr<OpenedProfile> opened = opener_.Apply(
      keys, encrypted.data,
      [&](const OpenDataInput& input) { return OpenProfile(input, proof); });
  if (!opened.ok()) return std::move(done)(opened.status());
  if (!opened->unionid.empty()) identity.unionid = opened->unionid;
  SaveUserInfo(profiles_, keys.app(), std::move(identity),
               std::move(opened->profile), deadline, std::move(done));
}

absl::StatusOr<UserInfo> StoredUserInfo::Of(const AuthorizedProfile& found) {
  if (!found->profile.has_value())
    return Error(Reason::kProfileNotFound,
                 "no profile has been stored for this identity; get one from "
                 "another source first")
        .ToStatus();
  return UserInfo{found->user, found->identity, *found->profile};
}

}  // namespace wxident
