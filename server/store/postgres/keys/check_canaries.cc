#include "server/store/postgres/keys/check_canaries.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

constexpr char kKnownText[] = "wxident key canary";

constexpr char kRead[] =
    "SELECT key_id, encode(canary, 'hex') AS canary,"
    " unused_since IS NULL AS in_use FROM key_canaries ORDER BY key_id";

// Of racing servers one is first, and the others open what it wrote.
const SqlStatement& RememberSql() {
  static const auto& sql = *new SqlStatement(R"sql(
INSERT INTO key_canaries (key_id, canary)
SELECT * FROM unnest(:ids::bigint[], :canaries::bytea[])
ON CONFLICT (key_id) DO NOTHING)sql");
  return sql;
}

// The key seals from now on.
const SqlStatement& UseSql() {
  static const auto& sql = *new SqlStatement(R"sql(
UPDATE key_canaries SET unused_since = NULL
WHERE key_id = :key_id::bigint AND unused_since IS NOT NULL)sql");
  return sql;
}

const SqlStatement& MarkUnusedSql() {
  static const auto& sql = *new SqlStatement(R"sql(
UPDATE key_canaries SET unused_since = now()
WHERE key_id <> ALL (:used::bigint[]) AND unused_since IS NULL)sql");
  return sql;
}

struct Canary {
  std::string sealed;
  bool in_use;
};
using Canaries = std::map<uint32_t, Canary>;

absl::StatusOr<Canaries> Read(SqlSession& session) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, session.Execute(kRead, {}));
  Canaries canaries;
  for (const SqlRow& row : rows)
    canaries.emplace(static_cast<uint32_t>(NumberOf(row["key_id"])),
                     Canary{BytesOf(row["canary"]), IsTrue(row["in_use"])});
  return canaries;
}

struct CanaryData {
  explicit CanaryData(uint32_t key_id) : row(absl::StrCat(key_id)) {}
  AssociatedData data() const { return {"key_canaries", "canary", {row}}; }
  const std::string row;
};

bool Opens(KeyRing& ring, uint32_t key_id, const std::string& sealed) {
  const absl::StatusOr<Secret> text =
      ring.Open(sealed, CanaryData(key_id).data());
  return SealedKeyId(sealed) == key_id && text.ok() &&
         text->Expose() == kKnownText;
}

// The ids of `ring` that are other keys' in the database.
std::vector<uint32_t> Foreign(KeyRing& ring, const Canaries& canaries) {
  std::vector<uint32_t> foreign;
  for (uint32_t id : ring.key_ids()) {
    const auto canary = canaries.find(id);
    if (canary != canaries.end() && !Opens(ring, id, canary->second.sealed))
      foreign.push_back(id);
  }
  return foreign;
}

absl::Status ForeignError(const std::vector<uint32_t>& ids) {
  return Error(Reason::kRequestInvalid,
               absl::StrCat("the key ring holds another key under the id ",
                            absl::StrJoin(ids, ", "),
                            " than the database's values were sealed with; put "
                            "the right key back, or give the new one an id of "
                            "its own"))
      .ToStatus();
}

absl::Status Remember(SqlSession& session, KeyRing& ring,
                      const Canaries& canaries) {
  PgArray ids, sealed;
  bool any = false;
  for (uint32_t id : ring.key_ids()) {
    if (canaries.count(id) > 0) continue;
    WX_ASSIGN_OR_RETURN(
        const std::string canary,
        ring.SealUnder(id, Secret(kKnownText), CanaryData(id).data()));
    ids.AddNumber(id);
    sealed.AddBytes(canary);
    any = true;
  }
  if (!any) return absl::OkStatus();
  return session.Execute(RememberSql(), {{"ids", ids}, {"canaries", sealed}})
      .status();
}

absl::Status Check(SqlSession& session,
                   PgItem<CanaryCheck, std::vector<uint32_t>>& item) {
  KeyRing& ring = *item.in.ring;
  WX_ASSIGN_OR_RETURN(Canaries canaries, Read(session));
  std::vector<uint32_t> foreign = Foreign(ring, canaries);
  if (foreign.empty() && item.in.remember) {
    WX_RETURN_IF_ERROR(Remember(session, ring, canaries));
    WX_RETURN_IF_ERROR(
        session
            .Execute(UseSql(),
                     {{"key_id", absl::StrCat(ring.sealing_key_id())}})
            .status());
    WX_ASSIGN_OR_RETURN(canaries, Read(session));
    foreign = Foreign(ring, canaries);
  }
  if (!foreign.empty()) {
    item.out = ForeignError(foreign);
    return absl::OkStatus();
  }
  const std::vector<uint32_t> ids = ring.key_ids();
  std::vector<uint32_t> missing;
  for (const auto& [id, canary] : canaries)
    if (canary.in_use && std::count(ids.begin(), ids.end(), id) == 0)
      missing.push_back(id);
  item.out = std::move(missing);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCanaries(
    SqlSession& session,
    const PgItems<CanaryCheck, std::vector<uint32_t>>& items) {
  for (auto* item : items) WX_RETURN_IF_ERROR(Check(session, *item));
  return absl::OkStatus();
}

absl::Status MarkUnused(SqlSession& session,
                        const PgItems<std::set<uint32_t>, Nothing>& items) {
  for (auto* item : items) {
    PgArray used;
    for (uint32_t id : item->in) used.AddNumber(id);
    WX_RETURN_IF_ERROR(
        session.Execute(MarkUnusedSql(), {{"used", used}}).status());
    item->out = Nothing();
  }
  return absl::OkStatus();
}

}  // namespace wxident
