#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_PROFILE_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_PROFILE_STORE_H_

#include <optional>
#include <string>

#include "server/crypto/aead.h"
#include "server/crypto/blind_index.h"
#include "server/store/postgres/person/save_profile.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/profile_store.h"

namespace wxident {

// Profiles and phones in PostgreSQL. Saving for an identity that is not known
// fails with USER_NOT_FOUND. All arguments outlive the pool.
class PgProfileStore final : public ProfileStore {
 public:
  // `aead` seals phones; `phone_index` makes them findable.
  PgProfileStore(PgPool& pool, Aead& aead, const BlindIndex& phone_index);

  void SaveProfile(Identity identity, std::string open_platform_account,
                   Profile profile, Deadline deadline,
                   Done<User> done) override;
  void FindProfile(ProfileQuery query, Deadline deadline,
                   Done<std::optional<StoredProfile>> done) override;
  void SavePhone(Identity identity, std::string open_platform_account,
                 Phone phone, Deadline deadline, DoneStatus done) override;

 private:
  struct PhoneToSave;
  template <typename Query>
  using Finder = PgOperation<Query, std::optional<StoredProfile>>;

  static absl::Status SavePhones(SqlSession& session,
                                 const PgItems<PhoneToSave, Nothing>& items,
                                 Aead& aead, const BlindIndex& phone_index);

  PgOperation<ProfileToSave, User>& save_profile_;
  Finder<BySession>& by_session_;
  Finder<ByOpenid>& by_openid_;
  PgOperation<PhoneToSave, Nothing>& save_phone_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_PG_PROFILE_STORE_H_
