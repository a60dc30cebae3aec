#ifndef WXIDENT_SERVER_PERSON_STORED_USER_INFO_H_
#define WXIDENT_SERVER_PERSON_STORED_USER_INFO_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/person/authorized.h"
#include "server/person/data_opener.h"
#include "server/person/user_info.h"
#include "server/store/profile_store.h"

namespace wxident {

// Profiles without asking WeChat: what the caller brings, or what is stored.
// Thread-safe.
class StoredUserInfo {
 public:
  // What wx.getUserProfile gave. `raw_data` and `signature`: see ProfileProof.
  struct Encrypted {
    EncryptedData data;
    std::string raw_data;
    std::string signature;
  };

  // Both must outlive it and its calls.
  StoredUserInfo(DataOpener& opener, ProfileStore& profiles)
      : opener_(opener), profiles_(profiles) {}

  // Opens `encrypted` and stores the profile. Errors: those of DataOpener and
  // of the store.
  void Decrypt(const AuthorizedKeys& keys, const Encrypted& encrypted,
               Deadline deadline, Done<UserInfo> done);

  // Returns the profile that was found. Fails with PROFILE_NOT_FOUND if none
  // was ever stored.
  static absl::StatusOr<UserInfo> Of(const AuthorizedProfile& found);

 private:
  DataOpener& opener_;
  ProfileStore& profiles_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_STORED_USER_INFO_H_
