#include "server/store/postgres/person/find_users.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "server/base/status_macros.h"
#include "server/identity/ids.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// One row per identity of each user that was found; of the four values of a
// query, those that it does not have are NULL.
const SqlStatement& FindSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH input AS (
  SELECT *
  FROM unnest(:user_ids::uuid[], :owners::text[], :openids::text[],
              :unionids::text[])
    WITH ORDINALITY AS t (user_id, owner, openid, unionid, n)
), wanted AS (
  SELECT input.n, coalesce(f.merged_into, input.user_id) AS user_id
  FROM input
  LEFT JOIN user_forwards f ON f.user_id = input.user_id
  WHERE input.user_id IS NOT NULL
  UNION ALL
  SELECT input.n, i.user_id
  FROM input
  JOIN identities i ON i.app_id = input.owner AND i.openid = input.openid
  UNION ALL
  SELECT input.n, u.user_id
  FROM input
  JOIN union_ids u ON u.open_platform_account = input.owner
    AND u.unionid = input.unionid
)
SELECT w.n, u.user_id,
  (extract(epoch FROM u.created_at) * 1000000)::bigint AS user_created_us,
  i.app_id, i.openid, i.unionid, p.app_id IS NOT NULL AS has_phone
FROM wanted w
JOIN users u ON u.user_id = w.user_id
LEFT JOIN identities i ON i.user_id = u.user_id
LEFT JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
ORDER BY w.n, i.created_at, i.app_id, i.openid)sql");
  return sql;
}

}  // namespace

absl::StatusOr<std::vector<FoundUser>> FindUsers(
    SqlSession& session, const std::vector<UserQuery>& queries) {
  PgArray user_ids, owners, openids, unionids;
  const auto add = [](PgArray& to, const std::string* text) {
    if (text == nullptr)
      to.AddNull();
    else
      to.AddText(*text);
  };
  for (const UserQuery& query : queries) {
    const std::string* user_id = nullptr;
    const std::string* owner = nullptr;
    const std::string* openid = nullptr;
    const std::string* unionid = nullptr;
    if (const auto* by_id = std::get_if<ByUserId>(&query)) {
      // Nobody has an id that is no UUID.
      if (IsUuid(by_id->user_id)) user_id = &by_id->user_id;
    } else if (const auto* by_openid = std::get_if<ByOpenid>(&query)) {
      owner = &by_openid->app_id;
      openid = &by_openid->openid;
    } else {
      const auto& by_unionid = std::get<ByUnionid>(query);
      owner = &by_unionid.open_platform_account;
      unionid = &by_unionid.unionid;
    }
    add(user_ids, user_id);
    add(owners, owner);
    add(openids, openid);
    add(unionids, unionid);
  }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(FindSql(), {{"user_ids", user_ids},
                                                  {"owners", owners},
                                                  {"openids", openids},
                                                  {"unionids", unionids}}));
  std::vector<FoundUser> answers(queries.size());
  for (const SqlRow& row : rows) {
    const int64_t number = NumberOf(row["n"]);
    if (number < 1 || number > static_cast<int64_t>(answers.size()))
      return NoSuchItem();
    FoundUser& found = answers[number - 1];
    if (!found.has_value())
      found = UserWithIdentities{
          User{TextOf(row["user_id"]), TimeOf(row["user_created_us"]), false},
          {},
          {}};
    if (!row["app_id"].has_value()) continue;
    found->identities.push_back(IdentityAt(row));
    if (IsTrue(row["has_phone"])) {
      found->user.phone_linked = true;
      found->apps_with_phone.insert(TextOf(row["app_id"]));
    }
  }
  return answers;
}

absl::Status FindUsersBatch(
    SqlSession& session,
    const PgItems<std::vector<UserQuery>, std::vector<FoundUser>>& items) {
  std::vector<UserQuery> queries;
  for (const auto* item : items)
    queries.insert(queries.end(), item->in.begin(), item->in.end());
  WX_ASSIGN_OR_RETURN(std::vector<FoundUser> answers,
                      FindUsers(session, queries));
  auto next = answers.begin();
  for (auto* item : items) {
    const auto end = next + static_cast<std::ptrdiff_t>(item->in.size());
    item->out = std::vector<FoundUser>(std::make_move_iterator(next),
                                       std::make_move_iterator(end));
    next = end;
  }
  return absl::OkStatus();
}

}  // namespace wxident
