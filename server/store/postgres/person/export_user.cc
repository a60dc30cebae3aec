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
const char* ExportSql() {
  static const std::string& sql = *new std::string(absl::StrCat(R"sql(
WITH wanted AS (
  SELECT input.n, coalesce(f.merged_into, input.user_id) AS user_id
  FROM unnest($1::uuid[]) WITH ORDINALITY AS input (user_id, n)
  LEFT JOIN user_forwards f ON f.user_id = input.user_id
)
SELECT w.n, u.user_id, (extract(epoch FROM u.created_at) * 1000000)::bigint,
  EXISTS (SELECT 1 FROM identities o
          JOIN phones x ON x.app_id = o.app_id AND x.openid = o.openid
          WHERE o.user_id = u.user_id),
  ARRAY(SELECT m.user_id FROM user_forwards m WHERE m.merged_into = u.user_id
        ORDER BY m.merged_at, m.user_id),
  i.app_id, i.openid, i.unionid,
  (extract(epoch FROM i.created_at) * 1000000)::bigint,
  coalesce(logins.created, '{}'), coalesce(logins.ends, '{}'),
  (SELECT count(*) FROM sessions s
   WHERE s.app_id = i.app_id AND s.openid = i.openid AND )sql",
                                                                kLoginIsActive,
                                                                R"sql(),
  encode(p.phone_number, 'hex'), encode(p.pure_phone_number, 'hex'),
  encode(p.country_code, 'hex'),
  (extract(epoch FROM p.watermark_at) * 1000000)::bigint,)sql",
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
    LIMIT $2::bigint) newest
) logins
LEFT JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
LEFT JOIN profiles f ON f.app_id = i.app_id AND f.openid = i.openid
ORDER BY w.n, i.created_at, i.app_id, i.openid)sql"));
  return sql.c_str();
}

constexpr size_t kPhone = 12;
constexpr size_t kProfile = 16;

absl::StatusOr<Phone> PhoneAt(const SqlRow& row, const Identity& identity,
                              Aead& aead) {
  const auto open = [&](size_t column, const char* name) {
    return OpenSealed(aead, row[column],
                      {"phones", name, {identity.app_id, identity.openid}});
  };
  Phone phone;
  WX_ASSIGN_OR_RETURN(phone.phone_number, open(kPhone, "phone_number"));
  WX_ASSIGN_OR_RETURN(phone.pure_phone_number,
                      open(kPhone + 1, "pure_phone_number"));
  WX_ASSIGN_OR_RETURN(const Secret country, open(kPhone + 2, "country_code"));
  phone.country_code = country.Expose();
  phone.watermark_time = TimeOf(row[kPhone + 3]);
  return phone;
}

absl::StatusOr<ExportedIdentity> IdentityAt(const SqlRow& row, Aead& aead) {
  ExportedIdentity exported;
  exported.identity = Identity{TextOf(row[5]), TextOf(row[6]), TextOf(row[7])};
  exported.created_at = TimeOf(row[8]);
  const std::vector<std::string> created = PgArrayElements(TextOf(row[9]));
  const std::vector<std::string> ends = PgArrayElements(TextOf(row[10]));
  if (created.size() != ends.size())
    return absl::InternalError("a session without its end");
  for (size_t i = 0; i < created.size(); ++i)
    exported.sessions.push_back({TimeOf(created[i]), TimeOf(ends[i])});
  exported.session_count = static_cast<int>(NumberOf(row[11]));
  if (row[kPhone].has_value()) {
    WX_ASSIGN_OR_RETURN(exported.phone, PhoneAt(row, exported.identity, aead));
  }
  exported.profile = ProfileAt(row, kProfile);
  return exported;
}

void AddRow(Item& item, const SqlRow& row, Aead& aead) {
  if (!item.out.ok()) return;
  std::optional<ExportedUser>& user = *item.out;
  if (!user.has_value())
    user = ExportedUser{{TextOf(row[1]), TimeOf(row[2]), IsTrue(row[3])},
                        {},
                        PgArrayElements(TextOf(row[4]))};
  absl::StatusOr<ExportedIdentity> identity = IdentityAt(row, aead);
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
      session.Execute(ExportSql(),
                      {ids.Literal(), absl::StrCat(kExportedSessions)}));
  for (auto* item : items) item->out = std::optional<ExportedUser>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row[0]));
    if (item == nullptr) return NoSuchItem();
    AddRow(*item, row, aead);
  }
  return absl::OkStatus();
}

}  // namespace wxident
