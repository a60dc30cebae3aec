#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_PROFILE_COLUMNS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_PROFILE_COLUMNS_H_

#include <optional>

#include "absl/status/status.h"
#include "server/identity/types.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// What a SELECT names to get a profile: columns of profiles as f, which may be
// the nullable side of a join.
inline constexpr char kProfileColumns[] = R"sql(
  f.nickname, f.avatar_url, f.gender, f.language, f.country, f.province, f.city,
  f.privileges, f.subscribe,
  (extract(epoch FROM f.subscribed_at) * 1000000)::bigint AS subscribed_us,
  f.subscribe_scene, f.qr_scene, f.qr_scene_str, f.remark, f.group_id,
  f.tag_ids, f.source,
  (extract(epoch FROM f.fetched_at) * 1000000)::bigint AS fetched_us
)sql";

// The profile of those columns; nullopt when there is none.
std::optional<Profile> ProfileAt(const SqlRow& row);

// CheckStorable of all its texts.
absl::Status CheckProfile(const Profile& profile);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_PROFILE_COLUMNS_H_
