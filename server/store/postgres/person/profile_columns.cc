#include "server/store/postgres/person/profile_columns.h"

#include <string>

#include "server/base/status_macros.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {

std::optional<Profile> ProfileAt(const SqlRow& row, size_t first) {
  if (!row[first].has_value()) return std::nullopt;
  const SqlValue* column = &row[first];
  Profile profile;
  profile.nickname = TextOf(column[0]);
  profile.avatar_url = TextOf(column[1]);
  profile.gender = static_cast<Gender>(NumberOf(column[2]));
  profile.language = TextOf(column[3]);
  profile.country = TextOf(column[4]);
  profile.province = TextOf(column[5]);
  profile.city = TextOf(column[6]);
  profile.privileges = PgArrayElements(TextOf(column[7]));
  profile.subscribe = IsTrue(column[8]);
  if (column[9].has_value()) profile.subscribed_at = TimeOf(column[9]);
  profile.subscribe_scene = TextOf(column[10]);
  profile.qr_scene = NumberOf(column[11]);
  profile.qr_scene_str = TextOf(column[12]);
  profile.remark = TextOf(column[13]);
  profile.group_id = NumberOf(column[14]);
  for (const std::string& tag_id : PgArrayElements(TextOf(column[15])))
    profile.tag_ids.push_back(NumberOf(tag_id));
  profile.source = static_cast<ProfileSource>(NumberOf(column[16]));
  profile.fetched_at = TimeOf(column[17]);
  return profile;
}

absl::Status CheckProfile(const Profile& profile) {
  for (const std::string& privilege : profile.privileges)
    WX_RETURN_IF_ERROR(CheckStorable({{"privileges", privilege}}));
  return CheckStorable({{"nickname", profile.nickname},
                        {"avatar_url", profile.avatar_url},
                        {"language", profile.language},
                        {"country", profile.country},
                        {"province", profile.province},
                        {"city", profile.city},
                        {"subscribe_scene", profile.subscribe_scene},
                        {"qr_scene_str", profile.qr_scene_str},
                        {"remark", profile.remark}});
}

}  // namespace wxident
