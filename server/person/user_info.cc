#include "server/person/user_info.h"

#include <utility>

namespace wxident {

void SaveUserInfo(ProfileStore& profiles, const AuthorizedApp& app,
                  Identity identity, Profile profile, Deadline deadline,
                  Done<UserInfo> done) {
  UserInfo info{{}, identity, profile};
  profiles.SaveProfile(std::move(identity), app->open_platform_account,
                       std::move(profile), deadline,
                       [info = std::move(info), done = std::move(done)](
                           absl::StatusOr<User> user) mutable {
                         if (!user.ok()) return std::move(done)(user.status());
                         info.user = *std::move(user);
                         std::move(done)(std::move(info));
                       });
}

}  // namespace wxident
