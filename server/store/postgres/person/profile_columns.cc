#include "server/store/postgres/person/profile_columns.h"

#include <string>

#include "server/base/status_macros.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {

std::optional<Profile> ProfileAt(const SqlRow& row) {
  if (!row["nickname"].has_value()) return std::nullopt;
  Profile profile;
  profile.nickname = TextOf(row["nickname"]);
  profile.avatar_url = TextOf(row["avatar_url"]);
  profile.gender = static_cast<Gender>(NumberOf(row["gender"]));
  profile.language = TextOf(row["language"]);
  profile.country = TextOf(row["country"]);
  profile.province = TextOf(row["province"]);
  profile.city = TextOf(row["city"]);
  profile.privileges = PgArrayElements(TextOf(row["privileges"]));
  profile.subscribe = IsTrue(row["subscribe"]);
  if (row["subscribed_us"].has_value())
    profile.subscribed_at = TimeOf(row["subscribed_us"]);
  profile.subscribe_scene = TextOf(row["subscribe_scene"]);
  profile.qr_scene = NumberOf(row["qr_scene"]);
  profile.qr_scene_str = TextOf(row["qr_scene_str"]);
  profile.remark = TextOf(row["remark"]);
  profile.group_id = NumberOf(row["group_id"]);
  for (const std::string& tag_id : PgArrayElements(TextOf(row["tag_ids"])))
    profile.tag_ids.push_back(NumberOf(tag_id));
  profile.source = static_cast<ProfileSource>(NumberOf(row["source"]));
  profile.fetched_at = TimeOf(row["fetched_us"]);
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
