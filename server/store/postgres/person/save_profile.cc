#include "server/store/postgres/person/save_profile.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/merge_users.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<ProfileToSave, User>;
using Items = PgItems<ProfileToSave, User>;

// How often a row that met a racing merge is looked at anew.
constexpr int kLooks = 5;

// The unionid is linked as in record_sign_in.cc. `settled` says that nothing
// is left to do for the row; otherwise, when `person` differs from the user,
// the two are to be merged, and when not, a racing merge moved the identity.
//
// Of somebody who does not follow (source 3, a follower) WeChat tells nothing,
// so that replaces no profile.
constexpr char kSave[] = R"sql(
WITH input AS (
  SELECT *
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
              $6::text[], $7::bigint[], $8::text[], $9::text[], $10::text[],
              $11::text[], $12::text[], $13::boolean[], $14::bigint[],
              $15::text[], $16::bigint[], $17::text[], $18::text[],
              $19::bigint[], $20::text[], $21::bigint[], $22::bigint[])
    WITH ORDINALITY AS t (app_id, openid, account, unionid, nickname,
                          avatar_url, gender, language, country, province,
                          city, privileges, subscribe, subscribed_us,
                          subscribe_scene, qr_scene, qr_scene_str, remark,
                          group_id, tag_ids, source, fetched_us, n)
), known AS (
  SELECT input.*, i.user_id AS known_user, u.user_id AS union_user,
    input.unionid IS NOT NULL
      AND (i.unionid IS DISTINCT FROM input.unionid
           OR i.open_platform_account <> input.account) AS to_link
  FROM input
  JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
  LEFT JOIN union_ids u ON u.open_platform_account = input.account
    AND u.unionid = input.unionid
), new_union_ids AS (
  INSERT INTO union_ids AS u (open_platform_account, unionid, user_id)
  SELECT DISTINCT ON (account, unionid) account, unionid, known_user
  FROM known
  WHERE unionid IS NOT NULL AND union_user IS NULL
  ORDER BY account, unionid, n
  ON CONFLICT (open_platform_account, unionid)
    DO UPDATE SET user_id = u.user_id
  RETURNING u.open_platform_account, u.unionid, u.user_id
), persons AS (
  SELECT known.*,
    coalesce(known.union_user, u.user_id, known.known_user) AS person
  FROM known
  LEFT JOIN new_union_ids u ON u.open_platform_account = known.account
    AND u.unionid = known.unionid
), linked AS (
  UPDATE identities i
  SET open_platform_account = p.account, unionid = p.unionid
  FROM persons p
  WHERE p.to_link AND i.app_id = p.app_id AND i.openid = p.openid
    AND i.user_id = p.person
  RETURNING i.app_id, i.openid
), settled AS (
  SELECT p.*, p.person = p.known_user
    AND (NOT p.to_link OR l.openid IS NOT NULL) AS settled
  FROM persons p
  LEFT JOIN linked l ON l.app_id = p.app_id AND l.openid = p.openid
), saved AS (
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
  WHERE settled
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
SELECT e.n, e.settled, e.known_user, e.person,
  (extract(epoch FROM u.created_at) * 1000000)::bigint,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = e.known_user AND i.app_id = e.app_id)
FROM settled e
JOIN users u ON u.user_id = e.known_user)sql";

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
  return session.Execute(
      kSave,
      {app_ids.Literal(),    openids.Literal(),       accounts.Literal(),
       unionids.Literal(),   nicknames.Literal(),     avatar_urls.Literal(),
       genders.Literal(),    languages.Literal(),     countries.Literal(),
       provinces.Literal(),  cities.Literal(),        privileges.Literal(),
       subscribes.Literal(), subscribed.Literal(),    scenes.Literal(),
       qr_scenes.Literal(),  qr_scene_strs.Literal(), remarks.Literal(),
       group_ids.Literal(),  tag_ids.Literal(),       sources.Literal(),
       fetched.Literal()});
}

void Answer(Item& item, const SqlRow& row) {
  item.out = User{TextOf(row[2]), TimeOf(row[4]), IsTrue(row[5])};
}

// One profile by itself, merging users where it must; the merge and the
// profile are one transaction. kAborted: look again.
absl::Status RunAlone(SqlSession& session, Item& item) {
  return session.Transact([&]() -> absl::Status {
    WX_ASSIGN_OR_RETURN(SqlRows rows, Execute(session, {&item}));
    if (rows.size() == 1 && !IsTrue(rows[0][1]) && rows[0][2] != rows[0][3]) {
      WX_RETURN_IF_ERROR(MergeUsers(session, TextOf(rows[0][2]),
                                    TextOf(rows[0][3]),
                                    item.in.identity.app_id));
      WX_ASSIGN_OR_RETURN(rows, Execute(session, {&item}));
    }
    if (rows.size() != 1 || !IsTrue(rows[0][1]))
      return absl::AbortedError("the user moved");
    Answer(item, rows[0]);
    return absl::OkStatus();
  });
}

absl::Status RunRound(SqlSession& session, const Items& items) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, Execute(session, items));
  for (Item* item : items)
    item->out = Error(Reason::kUserNotFound,
                      "nobody has this openid in this app; log in first")
                    .ToStatus();
  for (const SqlRow& row : rows) {
    Item* numbered = ItemNumbered(items, NumberOf(row[0]));
    if (numbered == nullptr) return NoSuchItem();
    Item& item = *numbered;
    if (IsTrue(row[1])) {
      Answer(item, row);
      continue;
    }
    absl::Status status;
    for (int look = 0; look < kLooks; ++look) {
      status = RunAlone(session, item);
      if (!absl::IsAborted(status)) break;
    }
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
    WX_RETURN_IF_ERROR(RunRound(session, now));
    left = std::move(later);
  }
  return absl::OkStatus();
}

}  // namespace wxident
