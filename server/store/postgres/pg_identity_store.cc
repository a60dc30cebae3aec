#include "server/store/postgres/pg_identity_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/store/postgres/pg_array.h"
#include "server/store/postgres/record_sign_in.h"
#include "server/store/postgres/sql_values.h"
#include "server/store/postgres/storable_text.h"

namespace wxident {
namespace {

using Found = std::optional<UserWithIdentities>;

// Each search names the wanted users by number; the same rest follows it.
constexpr char kUsersAndIdentities[] = R"sql(
SELECT w.n, u.user_id, (extract(epoch FROM u.created_at) * 1000000)::bigint,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = u.user_id),
  i.app_id, i.openid, i.unionid
FROM wanted w
JOIN users u ON u.user_id = w.user_id
LEFT JOIN identities i ON i.user_id = u.user_id
ORDER BY w.n, i.created_at, i.app_id, i.openid)sql";

const char* ByUserIdSql() {
  static const std::string& sql =
      *new std::string(absl::StrCat(R"sql(
WITH wanted AS (
  SELECT input.n, coalesce(f.merged_into, input.user_id) AS user_id
  FROM unnest($1::uuid[]) WITH ORDINALITY AS input (user_id, n)
  LEFT JOIN user_forwards f ON f.user_id = input.user_id
))sql",
                                    kUsersAndIdentities));
  return sql.c_str();
}

const char* ByOpenidSql() {
  static const std::string& sql =
      *new std::string(absl::StrCat(R"sql(
WITH wanted AS (
  SELECT input.n, i.user_id
  FROM unnest($1::text[], $2::text[])
    WITH ORDINALITY AS input (app_id, openid, n)
  JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
))sql",
                                    kUsersAndIdentities));
  return sql.c_str();
}

const char* ByUnionidSql() {
  static const std::string& sql =
      *new std::string(absl::StrCat(R"sql(
WITH wanted AS (
  SELECT input.n, u.user_id
  FROM unnest($1::text[], $2::text[])
    WITH ORDINALITY AS input (account, unionid, n)
  JOIN union_ids u ON u.open_platform_account = input.account
    AND u.unionid = input.unionid
))sql",
                                    kUsersAndIdentities));
  return sql.c_str();
}

template <typename Query>
absl::Status Find(SqlSession& session, const PgItems<Query, Found>& items,
                  const char* sql, const std::vector<std::string>& parameters) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, session.Execute(sql, parameters));
  for (auto* item : items) item->out = Found();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row[0]));
    if (item == nullptr) return NoSuchItem();
    Found& found = *item->out;
    if (!found.has_value())
      found = UserWithIdentities{
          User{TextOf(row[1]), TimeOf(row[2]), IsTrue(row[3])}, {}};
    if (row[4].has_value())
      found->identities.push_back(
          Identity{TextOf(row[4]), TextOf(row[5]), TextOf(row[6])});
  }
  return absl::OkStatus();
}

absl::Status FindByUserId(SqlSession& session,
                          const PgItems<ByUserId, Found>& items) {
  PgArray ids;
  for (const auto* item : items) ids.AddText(item->in.user_id);
  return Find(session, items, ByUserIdSql(), {ids.Literal()});
}

absl::Status FindByOpenid(SqlSession& session,
                          const PgItems<ByOpenid, Found>& items) {
  PgArray app_ids, openids;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    openids.AddText(item->in.openid);
  }
  return Find(session, items, ByOpenidSql(),
              {app_ids.Literal(), openids.Literal()});
}

absl::Status FindByUnionid(SqlSession& session,
                           const PgItems<ByUnionid, Found>& items) {
  PgArray accounts, unionids;
  for (const auto* item : items) {
    accounts.AddText(item->in.open_platform_account);
    unionids.AddText(item->in.unionid);
  }
  return Find(session, items, ByUnionidSql(),
              {accounts.Literal(), unionids.Literal()});
}

absl::Status CheckSignIn(const SignIn& in) {
  WX_RETURN_IF_ERROR(
      CheckStorable({{"app_id", in.identity.app_id},
                     {"openid", in.identity.openid},
                     {"unionid", in.identity.unionid},
                     {"open_platform_account", in.open_platform_account}}));
  if (!IsUuid(in.new_user_id))
    return Error(Reason::kInternalFault, "a new user's id is not a UUID")
        .ToStatus();
  return absl::OkStatus();
}

}  // namespace

PgIdentityStore::PgIdentityStore(PgPool& pool, Aead& aead,
                                 const BlindIndex& key_digest)
    : record_(AddPgOperation<SignIn, SignedIn>(
          pool, "record_sign_in",
          [&aead, &key_digest](SqlSession& session,
                               const PgItems<SignIn, SignedIn>& items) {
            return RecordSignIns(session, items, aead, key_digest);
          })),
      by_user_id_(AddPgOperation<ByUserId, Found>(pool, "find_user_by_id",
                                                  FindByUserId)),
      by_openid_(AddPgOperation<ByOpenid, Found>(pool, "find_user_by_openid",
                                                 FindByOpenid)),
      by_unionid_(AddPgOperation<ByUnionid, Found>(pool, "find_user_by_unionid",
                                                   FindByUnionid)) {}

void PgIdentityStore::RecordSignIn(SignIn sign_in, Deadline deadline,
                                   Done<SignedIn> done) {
  if (absl::Status bad = CheckSignIn(sign_in); !bad.ok())
    return std::move(done)(bad);
  record_.Submit(std::move(sign_in), deadline, std::move(done));
}

void PgIdentityStore::FindUser(UserQuery query, Deadline deadline,
                               Done<Found> done) {
  if (auto* by_id = std::get_if<ByUserId>(&query)) {
    // Nobody has an id that is no UUID.
    if (!IsUuid(by_id->user_id)) return std::move(done)(Found());
    return by_user_id_.Submit(std::move(*by_id), deadline, std::move(done));
  }
  if (auto* by_openid = std::get_if<ByOpenid>(&query)) {
    const absl::Status bad = CheckStorable(
        {{"app_id", by_openid->app_id}, {"openid", by_openid->openid}});
    if (!bad.ok()) return std::move(done)(bad);
    return by_openid_.Submit(std::move(*by_openid), deadline, std::move(done));
  }
  auto& by_unionid = std::get<ByUnionid>(query);
  const absl::Status bad = CheckStorable(
      {{"open_platform_account", by_unionid.open_platform_account},
       {"unionid", by_unionid.unionid}});
  if (!bad.ok()) return std::move(done)(bad);
  by_unionid_.Submit(std::move(by_unionid), deadline, std::move(done));
}

}  // namespace wxident
