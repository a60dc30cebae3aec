#include "server/store/postgres/person/save_profile.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/link_persons.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<ProfileToSave, User>;
using Items = PgItems<ProfileToSave, User>;

// Only who has an identity has a profile. Of somebody who does not follow
// (source 3, a follower) WeChat tells nothing, so that replaces no profile.
constexpr char kInput[] = R"sql(
WITH input AS (
  SELECT t.*, NULL::uuid AS proposed_id
  FROM unnest(:app_ids::text[], :openids::text[], :accounts::text[],
              :unionids::text[], :nicknames::text[], :avatar_urls::text[],
              :genders::bigint[], :languages::text[], :countries::text[],
              :provinces::text[], :cities::text[], :privileges::text[],
              :subscribes::boolean[], :subscribed::bigint[], :scenes::text[],
              :qr_scenes::bigint[], :qr_scene_strs::text[], :remarks::text[],
              :group_ids::bigint[], :tag_ids::text[], :sources::bigint[],
              :fetched::bigint[])
    WITH ORDINALITY AS t (app_id, openid, account, unionid, nickname,
                          avatar_url, gender, language, country, province,
                          city, privileges, subscribe, subscribed_us,
                          subscribe_scene, qr_scene, qr_scene_str, remark,
                          group_id, tag_ids, source, fetched_us, n)
  JOIN identities i ON i.app_id = t.app_id AND i.openid = t.openid
),)sql";

constexpr char kWrite[] = R"sql(, saved AS (
  INSERT INTO profiles AS f
    (app_id, openid, nickname, avatar_url, gender, language, country, province,
     city, privileges, subscribe, subscribed_at, subscribe_scene, qr_scene,
     qr_scene_str, remark, group_id, tag_ids, source, fetched_at)
  SELECT app_id, openid, nickname, avatar_url, gender, language, country,
    province, city, privileges::text[], subscribe,
    timestamptz 'epoch' + subscribed_us * interval '1 microsecond',
    subscribe_scene, qr_scene, qr_scene_str, remark, group_id,
    tag_ids::bigint[], source,
    timestamptz 'epoch' + fetched_us * interval '1 microsecond'
  FROM settled
  WHERE agreed
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    nickname = excluded.nickname,
    avatar_url = excluded.avatar_url,
    gender = excluded.gender,
    language = excluded.language,
    country = excluded.country,
    province = excluded.province,
    city = excluded.city,
    privileges = excluded.privileges,
    subscribe = excluded.subscribe,
    subscribed_at = excluded.subscribed_at,
    subscribe_scene = excluded.subscribe_scene,
    qr_scene = excluded.qr_scene,
    qr_scene_str = excluded.qr_scene_str,
    remark = excluded.remark,
    group_id = excluded.group_id,
    tag_ids = excluded.tag_ids,
    source = excluded.source,
    fetched_at = excluded.fetched_at
    WHERE excluded.fetched_at >= f.fetched_at
      AND (excluded.subscribe OR excluded.source <> 3)
)
SELECT e.n, e.agreed, e.user_id, e.person,
  (extract(epoch FROM u.created_at) * 1000000)::bigint AS user_created_us,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = e.user_id AND i.app_id = e.app_id) AS phone_linked
FROM settled e
LEFT JOIN users u ON u.user_id = e.user_id)sql";

const SqlStatement& SaveSql() {
  static const auto& sql =
      *new SqlStatement(absl::StrCat(kInput, kLinkPersons, kWrite));
  return sql;
}

absl::StatusOr<SqlRows> Execute(SqlSession& session, const Items& items) {
  PgArray app_ids, openids, accounts, unionids, nicknames, avatar_urls, genders,
      languages, countries, provinces, cities, privileges, subscribes,
      subscribed, scenes, qr_scenes, qr_scene_strs, remarks, group_ids, tag_ids,
      sources, fetched;
  for (const Item* item : items) {
    const ProfileToSave& in = item->in;
    app_ids.AddText(in.identity.app_id);
    openids.AddText(in.identity.openid);
    accounts.AddText(in.open_platform_account);
    unionids.AddTextOrNull(in.identity.unionid);
    nicknames.AddText(in.profile.nickname);
    avatar_urls.AddText(in.profile.avatar_url);
    genders.AddNumber(static_cast<int>(in.profile.gender));
    languages.AddText(in.profile.language);
    countries.AddText(in.profile.country);
    provinces.AddText(in.profile.province);
    cities.AddText(in.profile.city);
    // Arrays in an array would be one array: each goes as text.
    PgArray own_privileges, own_tag_ids;
    for (const std::string& privilege : in.profile.privileges)
      own_privileges.AddText(privilege);
    for (const int64_t tag_id : in.profile.tag_ids)
      own_tag_ids.AddNumber(tag_id);
    privileges.AddText(own_privileges.Literal());
    tag_ids.AddText(own_tag_ids.Literal());
    subscribes.AddText(in.profile.subscribe ? "t" : "f");
    if (in.profile.subscribed_at == absl::InfinitePast())
      subscribed.AddNull();
    else
      subscribed.AddNumber(ToMicros(in.profile.subscribed_at));
    scenes.AddText(in.profile.subscribe_scene);
    qr_scenes.AddNumber(in.profile.qr_scene);
    qr_scene_strs.AddText(in.profile.qr_scene_str);
    remarks.AddText(in.profile.remark);
    group_ids.AddNumber(in.profile.group_id);
    sources.AddNumber(static_cast<int>(in.profile.source));
    fetched.AddNumber(ToMicros(in.profile.fetched_at));
  }
  return session.Execute(SaveSql(), {{"app_ids", app_ids},
                                     {"openids", openids},
                                     {"accounts", accounts},
                                     {"unionids", unionids},
                                     {"nicknames", nicknames},
                                     {"avatar_urls", avatar_urls},
                                     {"genders", genders},
                                     {"languages", languages},
                                     {"countries", countries},
                                     {"provinces", provinces},
                                     {"cities", cities},
                                     {"privileges", privileges},
                                     {"subscribes", subscribes},
                                     {"subscribed", subscribed},
                                     {"scenes", scenes},
                                     {"qr_scenes", qr_scenes},
                                     {"qr_scene_strs", qr_scene_strs},
                                     {"remarks", remarks},
                                     {"group_ids", group_ids},
                                     {"tag_ids", tag_ids},
                                     {"sources", sources},
                                     {"fetched", fetched}});
}

// Takes the answer of a row, if it is whole: not so when users must be merged,
// or when our snapshot did not show the user.
bool TakeAnswer(Item& item, const SqlRow& row) {
  if (!IsTrue(row["agreed"]) || !row["user_created_us"].has_value())
    return false;
  item.out = User{TextOf(row["user_id"]), TimeOf(row["user_created_us"]),
                  IsTrue(row["phone_linked"])};
  return true;
}

// `items` are of different identities.
absl::Status RunApart(SqlSession& session, const Items& items) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, Execute(session, items));
  for (Item* item : items)
    item->out = Error(Reason::kUserNotFound,
                      "nobody has this openid in this app; log in first")
                    .ToStatus();
  for (const SqlRow& row : rows) {
    Item* numbered = ItemNumbered(items, NumberOf(row["n"]));
    if (numbered == nullptr) return NoSuchItem();
    Item& item = *numbered;
    if (TakeAnswer(item, row)) continue;
    // By itself, merging users where it must.
    const absl::Status status = LinkAlone(
        session, item.in.identity.app_id,
        [&] { return Execute(session, {&item}); },
        [&](const SqlRow& alone) { return TakeAnswer(item, alone); });
    // A lost connection is everybody's; anything else is this row's alone.
    if (absl::IsUnavailable(status)) return status;
    if (!status.ok())
      item.out = Error(Reason::kStoreUnavailable,
                       "the profile met others of its kind too often; retry")
                     .ToStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveProfiles(SqlSession& session, const Items& items) {
  // A statement writes each identity once; the rest waits for the next one.
  Items left = items;
  while (!left.empty()) {
    Items now, later;
    std::set<std::pair<std::string, std::string>> seen;
    for (Item* item : left) {
      const Identity& identity = item->in.identity;
      const bool first = seen.emplace(identity.app_id, identity.openid).second;
      (first ? now : later).push_back(item);
    }
    WX_RETURN_IF_ERROR(RunApart(session, now));
    left = std::move(later);
  }
  return absl::OkStatus();
}

}  // namespace wxident
