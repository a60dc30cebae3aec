#include "server/store/postgres/keys/reencrypt_values.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/keys/sealed_page.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// One batch holds its rows' locks for some ms, far from the 200 ms that
// callers' statements wait for a lock.
constexpr int kRows = 500;

// One value to be written: the row's primary key, and the sealed bytes.
struct Change {
  std::vector<std::string> key;
  std::string old_value;
  std::string new_value;
};

// Rows of which the value is left out when it is under the key already.
std::string ReadSql(const SealedPage& page) {
  const char* column = page.column().column;
  return absl::StrCat("SELECT CASE WHEN substring(", column,
                      " FROM 1 FOR 5) <> :prefix::bytea THEN encode(", column,
                      ", 'hex') END AS sealed, app_id AS owner, ",
                      page.key_sql(), page.sql());
}

// Only what still is as it was read is written. SKIP LOCKED: this statement
// never waits for a row while it holds others, so it is no part of a deadlock;
// what somebody works on stays for the next time.
std::string WriteSql(const SealedColumn& column) {
  std::vector<std::string> arrays, names, in_free;
  for (const SealedColumn::KeyPart& part : column.key) {
    arrays.push_back(absl::StrCat(":", part.column,
                                  part.is_bytes ? "::bytea[]" : "::text[]"));
    names.emplace_back(part.column);
    in_free.push_back(absl::StrCat("t.", part.column, " = i.", part.column));
  }
  const std::string is_it =
      absl::StrCat(absl::StrJoin(in_free, " AND "), " AND t.", column.column,
                   " = i.old_value");
  return absl::StrCat(
      "WITH input AS (SELECT * FROM unnest(", absl::StrJoin(arrays, ", "),
      ", :old_values::bytea[], :new_values::bytea[]) AS u (",
      absl::StrJoin(names, ", "),
      ", old_value, new_value)), free AS (SELECT i.* FROM input i JOIN ",
      column.table, " t ON ", is_it,
      " FOR NO KEY UPDATE OF t SKIP LOCKED), written AS (UPDATE ", column.table,
      " t SET ", column.column, " = i.new_value FROM free i ", "WHERE ", is_it,
      " RETURNING 1) SELECT count(*) AS written FROM written");
}

absl::StatusOr<int64_t> Write(SqlSession& session, const SealedColumn& column,
                              const std::vector<Change>& changes) {
  PgArray old_values, new_values;
  std::vector<PgArray> keys(column.key.size());
  for (const Change& change : changes) {
    for (size_t i = 0; i < column.key.size(); ++i) {
      if (column.key[i].is_bytes)
        keys[i].AddBytes(change.key[i]);
      else
        keys[i].AddText(change.key[i]);
    }
    old_values.AddBytes(change.old_value);
    new_values.AddBytes(change.new_value);
  }
  std::vector<SqlArgument> arguments = {{"old_values", old_values},
                                        {"new_values", new_values}};
  for (size_t i = 0; i < column.key.size(); ++i)
    arguments.emplace_back(column.key[i].column, keys[i]);
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(SqlStatement(WriteSql(column)), std::move(arguments)));
  if (rows.size() != 1)
    return absl::InternalError("no count of what was resealed");
  return NumberOf(rows[0]["written"]);
}

absl::StatusOr<ReencryptedBatch> Reencrypt(SqlSession& session,
                                           const KeyPosition& from,
                                           KeyRing& key_ring) {
  ReencryptedBatch batch;
  batch.sealing_key_id = key_ring.sealing_key_id();
  const SealedPage page(from, kRows);
  const SealedColumn& column = page.column();
  std::vector<SqlArgument> arguments = page.arguments();
  arguments.emplace_back("prefix",
                         BytesParameter(SealedPrefix(batch.sealing_key_id)));
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(SqlStatement(ReadSql(page)), std::move(arguments)));
  std::vector<Change> changes;
  for (const SqlRow& row : rows) {
    if (!row["sealed"].has_value()) continue;
    Change change{page.KeyAt(row), BytesOf(row["sealed"]), ""};
    const AssociatedData data = column.AssociatedDataOf(change.key);
    const absl::StatusOr<Secret> value = key_ring.Open(change.old_value, data);
    if (!value.ok()) {
      ++batch.unreadable[{column.table, column.column, TextOf(row["owner"]),
                          SealedKeyId(change.old_value),
                          !absl::IsNotFound(value.status())}];
      continue;
    }
    change.new_value = key_ring.Seal(*value, data);
    changes.push_back(std::move(change));
  }
  if (!changes.empty()) {
    WX_ASSIGN_OR_RETURN(batch.reencrypted, Write(session, column, changes));
    batch.missed = static_cast<int64_t>(changes.size()) - batch.reencrypted;
  }
  batch.next = page.Next(
      static_cast<int>(rows.size()),
      rows.empty() ? std::vector<std::string>() : page.KeyAt(rows.back()));
  return batch;
}

}  // namespace

absl::Status ReencryptValues(
    SqlSession& session, const PgItems<KeyPosition, ReencryptedBatch>& items,
    KeyRing& key_ring) {
  for (auto* item : items) {
    WX_ASSIGN_OR_RETURN(item->out, Reencrypt(session, item->in, key_ring));
  }
  return absl::OkStatus();
}

}  // namespace wxident
