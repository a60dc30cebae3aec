#include "server/store/postgres/person/export_user.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/person/profile_columns.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<std::string, std::optional<ExportedUser>>;

// A row per identity; its newest active logins as two arrays in one order.
const SqlStatement& ExportSql() {
  static const auto& sql =
      *new SqlStatement(absl::StrCat(R"sql(
WITH wanted AS (
  SELECT input.n, coalesce(f.merged_into, input.user_id) AS user_id
  FROM unnest(:user_ids::uuid[]) WITH ORDINALITY AS input (user_id, n)
  LEFT JOIN user_forwards f ON f.user_id = input.user_id
)
SELECT w.n, u.user_id,
  (extract(epoch FROM u.created_at) * 1000000)::bigint AS user_created_us,
  EXISTS (SELECT 1 FROM identities o
          JOIN phones x ON x.app_id = o.app_id AND x.openid = o.openid
          WHERE o.user_id = u.user_id) AS phone_linked,
  ARRAY(SELECT m.user_id FROM user_forwards m WHERE m.merged_into = u.user_id
        ORDER BY m.merged_at, m.user_id) AS former_ids,
  i.app_id, i.openid, i.unionid,
  (extract(epoch FROM i.created_at) * 1000000)::bigint AS identity_created_us,
  coalesce(logins.created, '{}') AS logins_created,
  coalesce(logins.ends, '{}') AS logins_end,
  (SELECT count(*) FROM sessions s
   WHERE s.app_id = i.app_id AND s.openid = i.openid AND )sql",
                                     kLoginIsActive,
                                     R"sql() AS session_count,
  encode(p.phone_number, 'hex') AS phone_number,
  encode(p.pure_phone_number, 'hex') AS pure_phone_number,
  encode(p.country_code, 'hex') AS country_code,
  (extract(epoch FROM p.watermark_at) * 1000000)::bigint AS watermark_us,)sql",
                                     kProfileColumns,
                                     R"sql(
FROM wanted w
JOIN users u ON u.user_id = w.user_id
JOIN identities i ON i.user_id = u.user_id
CROSS JOIN LATERAL (
  SELECT array_agg(created_us ORDER BY created_us, ends_us, token_hash)
      AS created,
    array_agg(ends_us ORDER BY created_us, ends_us, token_hash) AS ends
  FROM (
    SELECT s.token_hash,
      (extract(epoch FROM s.created_at) * 1000000)::bigint AS created_us,
      (extract(epoch FROM coalesce(s.family_ends_at, s.expires_at))
        * 1000000)::bigint AS ends_us
    FROM sessions s
    WHERE s.app_id = i.app_id AND s.openid = i.openid AND )sql",
                                     kLoginIsActive,
                                     R"sql(
    ORDER BY s.created_at DESC, s.token_hash
    LIMIT :sessions::bigint) newest
) logins
LEFT JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
LEFT JOIN profiles f ON f.app_id = i.app_id AND f.openid = i.openid
ORDER BY w.n, i.created_at, i.app_id, i.openid)sql"));
  return sql;
}

absl::StatusOr<Phone> PhoneAt(const SqlRow& row, const Identity& identity,
                              Aead& aead) {
  const auto open = [&](const char* column) {
    return OpenSealed(aead, row[column],
                      {"phones", column, {identity.app_id, identity.openid}});
  };
  Phone phone;
  WX_ASSIGN_OR_RETURN(phone.phone_number, open("phone_number"));
  WX_ASSIGN_OR_RETURN(phone.pure_phone_number, open("pure_phone_number"));
  WX_ASSIGN_OR_RETURN(const Secret country, open("country_code"));
  phone.country_code = country.Expose();
  phone.watermark_time = TimeOf(row["watermark_us"]);
  return phone;
}

absl::StatusOr<ExportedIdentity> ExportedAt(const SqlRow& row, Aead& aead) {
  ExportedIdentity exported;
  exported.identity = IdentityAt(row);
  exported.created_at = TimeOf(row["identity_created_us"]);
  const std::vector<std::string> created =
      PgArrayElements(TextOf(row["logins_created"]));
  const std::vector<std::string> ends =
      PgArrayElements(TextOf(row["logins_end"]));
  if (created.size() != ends.size())
    return absl::InternalError("a session without its end");
  for (size_t i = 0; i < created.size(); ++i)
    exported.sessions.push_back({TimeOf(created[i]), TimeOf(ends[i])});
  exported.session_count = static_cast<int>(NumberOf(row["session_count"]));
  if (row["phone_number"].has_value()) {
    WX_ASSIGN_OR_RETURN(exported.phone, PhoneAt(row, exported.identity, aead));
  }
  exported.profile = ProfileAt(row);
  return exported;
}

void AddRow(Item& item, const SqlRow& row, Aead& aead) {
  if (!item.out.ok()) return;
  std::optional<ExportedUser>& user = *item.out;
  if (!user.has_value())
    user = ExportedUser{
        UserAt(row), {}, PgArrayElements(TextOf(row["former_ids"]))};
  absl::StatusOr<ExportedIdentity> identity = ExportedAt(row, aead);
  if (identity.ok())
    user->identities.push_back(*std::move(identity));
  else
    item.out = identity.status();
}

}  // namespace

absl::Status ExportUsers(
    SqlSession& session,
    const PgItems<std::string, std::optional<ExportedUser>>& items,
    Aead& aead) {
  PgArray ids;
  for (const auto* item : items) ids.AddText(item->in);
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(
          ExportSql(),
          {{"user_ids", ids}, {"sessions", absl::StrCat(kExportedSessions)}}));
  for (auto* item : items) item->out = std::optional<ExportedUser>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    AddRow(*item, row, aead);
  }
  return absl::OkStatus();
}

}  // namespace wxident
