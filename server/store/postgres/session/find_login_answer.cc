#include "server/store/postgres/session/find_login_answer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Found = std::optional<StoredAnswer>;

const SqlStatement& FindSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      "SELECT input.n, encode(a.token_salt, 'hex') AS token_salt, a.new_user,",
      kOwnerColumns, kSessionTimes, R"sql(
FROM unnest(:app_ids::text[], :code_hashes::bytea[])
  WITH ORDINALITY AS input (app_id, code_hash, n)
JOIN login_answers a ON a.app_id = input.app_id
  AND a.code_hash = input.code_hash
  AND a.created_at > now() - interval '5 minutes'
JOIN sessions s ON s.token_hash = a.token_hash
JOIN identities i ON i.app_id = s.app_id AND i.openid = s.openid
JOIN users u ON u.user_id = i.user_id
WHERE a.token_salt IS NOT NULL AND )sql",
      kTokenIsActive));
  return sql;
}

absl::StatusOr<Found> Answer(const LoginCode& code, const SqlRow& row,
                             Aead& aead) {
  WX_ASSIGN_OR_RETURN(Secret salt,
                      OpenSealed(aead, row["token_salt"],
                                 LoginAnswerData(code.app_id, code.code_hash)));
  return StoredAnswer{std::move(salt),
                      {SessionAt(row), IsTrue(row["new_user"])}};
}

}  // namespace

absl::Status FindLoginAnswers(SqlSession& session,
                              const PgItems<LoginCode, Found>& items,
                              Aead& aead) {
  PgArray app_ids, code_hashes;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    code_hashes.AddBytes(item->in.code_hash);
  }
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(FindSql(),
                      {{"app_ids", app_ids}, {"code_hashes", code_hashes}}));
  for (auto* item : items) item->out = Found();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = Answer(item->in, row, aead);
  }
  return absl::OkStatus();
}

}  // namespace wxident
