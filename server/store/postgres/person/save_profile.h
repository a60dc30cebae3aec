#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_SAVE_PROFILE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_SAVE_PROFILE_H_

#include <string>

#include "absl/status/status.h"
#include "server/identity/types.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

struct ProfileToSave {
  Identity identity;
  std::string open_platform_account;
  Profile profile;
};

// ProfileStore::SaveProfile over a batch. Texts have been checked
// (CheckStorable).
absl::Status SaveProfiles(SqlSession& session,
                          const PgItems<ProfileToSave, User>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_SAVE_PROFILE_H_
