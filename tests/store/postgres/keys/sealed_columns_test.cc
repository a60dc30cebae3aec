// Where sealed values stand, and that they open nowhere else.

#include "server/store/postgres/keys/sealed_columns.h"

#include <set>
#include <string>

#include "tests/store/postgres/keys/sealed_fixture.h"

namespace wxident {
namespace {

class SealedColumnsTest : public SealedFixture {
 protected:
  static std::string NameOf(const SealedColumn& column) {
    return absl::StrCat(column.table, ".", column.column);
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, SealedColumnsTest,
                         ::testing::Values(&NewPostgresHarness));

// A column that the table lacks would keep its old key for ever.
TEST_P(SealedColumnsTest, AreThoseThatTheSchemaCallsSealed) {
  std::set<std::string> in_schema, in_table;
  for (const SqlRow& row : pg().Sql(R"sql(
         SELECT c.relname || '.' || a.attname
         FROM pg_attribute a
         JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
         WHERE a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid = 'bytea'::regtype
           AND col_description(c.oid, a.attnum) ~* '\msealed\M')sql"))
    in_schema.insert(TextOf(row[0]));
  for (const SealedColumn& column : SealedColumns())
    in_table.insert(NameOf(column));
  EXPECT_EQ(in_table, in_schema);
}

// Bytes are hashes, digests or sealed: whoever adds a column says which.
TEST_P(SealedColumnsTest, NoOtherBytesStandInTheSchema) {
  std::set<std::string> unsealed;
  for (const SqlRow& row : pg().Sql(R"sql(
         SELECT table_name || '.' || column_name
         FROM information_schema.columns
         WHERE table_schema = 'public' AND data_type = 'bytea')sql"))
    unsealed.insert(TextOf(row[0]));
  for (const SealedColumn& column : SealedColumns())
    unsealed.erase(NameOf(column));
  EXPECT_EQ(unsealed,
            std::set<std::string>(
                {"app_credentials.lease_attempt", "key_canaries.canary",
                 "login_answers.code_hash", "login_answers.session_token",
                 "login_answers.token_hash", "phones.phone_index",
                 "session_keys.key_digest", "sessions.family",
                 "sessions.next_token", "sessions.token_hash"}));
}

TEST_P(SealedColumnsTest, KeysAreThePrimaryKeys) {
  for (const SealedColumn& column : SealedColumns()) {
    std::string key;
    for (const auto& part : column.key)
      absl::StrAppend(&key, part.column, part.is_bytes ? ":bytea" : ":text",
                      " ");
    const SqlRows rows = pg().Sql(absl::StrCat(
        "SELECT string_agg(a.attname || ':' || format_type(a.atttypid, NULL)"
        " || ' ', '' ORDER BY array_position(i.indkey::int2[], a.attnum))"
        " FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY (i.indkey) WHERE i.indisprimary"
        " AND i.indrelid = '",
        column.table, "'::regclass"));
    EXPECT_EQ(TextOf(rows.at(0)[0]), key) << NameOf(column);
  }
}

// The table's places are those that the stores seal for, in every column.
TEST_P(SealedColumnsTest, EveryValueOpensWhereItStands) {
  Fill();
  std::set<std::string> seen;
  for (const Value& value : Values()) {
    seen.insert(NameOf(*value.column));
    EXPECT_TRUE(Open(value.sealed, value).ok()) << NameOf(*value.column);
  }
  EXPECT_EQ(seen.size(), SealedColumns().size());
}

TEST_P(SealedColumnsTest, NoValueOpensWhereAnotherStands) {
  Fill();
  const std::vector<Value> values = Values();
  int opened = 0;
  for (const Value& value : values) {
    for (const Value& other : values) {
      if (!Open(value.sealed, other).ok()) continue;
      ++opened;
      // A session_key is sealed for its row, whether it is the newest or not.
      EXPECT_TRUE(value.row == other.row &&
                  std::string(value.column->table) == other.column->table &&
                  std::string(value.column->sealed_as) ==
                      other.column->sealed_as)
          << NameOf(*value.column) << " opens in " << NameOf(*other.column);
    }
  }
  // Each in its own place, and both keys of four persons in either place.
  EXPECT_EQ(opened, static_cast<int>(values.size()) + 8);
}

TEST_P(SealedColumnsTest, NoFlippedBitGoesUnseen) {
  Fill();
  std::set<const SealedColumn*> done;
  for (const Value& value : Values()) {
    if (!done.insert(value.column).second) continue;
    for (size_t bit = 0; bit < value.sealed.size() * 8; ++bit) {
      std::string changed = value.sealed;
      changed[bit / 8] ^= static_cast<char>(1 << bit % 8);
      EXPECT_FALSE(Open(changed, value).ok())
          << NameOf(*value.column) << " bit " << bit;
    }
  }
  EXPECT_EQ(done.size(), SealedColumns().size());
}

// Through the database, column by column: what somebody has moved there.
TEST_P(SealedColumnsTest, AMovedValueIsFoundAndLeft) {
  Fill();
  for (const SealedColumn& column : SealedColumns()) {
    const std::string table = column.table;
    const std::string name = column.column;
    // The value of another row: of the next, in the order of bytes.
    pg().Sql(absl::StrCat("CREATE TEMP TABLE before AS SELECT * FROM ", table));
    std::vector<std::string> same;
    for (const auto& part : column.key)
      same.push_back(absl::StrCat("t.", part.column, " = b.", part.column));
    pg().Sql(absl::StrCat("WITH m AS (SELECT b.*, lead(", name,
                          ", 1) OVER w AS next_value,"
                          " first_value(",
                          name, ") OVER w AS first_one FROM before b WHERE ",
                          name, " IS NOT NULL WINDOW w AS (ORDER BY ", name,
                          ")) UPDATE ", table, " t SET ", name,
                          " = coalesce(b.next_value, b.first_one) FROM m b"
                          " WHERE ",
                          absl::StrJoin(same, " AND ")));
    const SqlRows count =
        pg().Sql(absl::StrCat("SELECT count(", name, ") FROM ", table));
    Rotate({2, 1});
    const ReencryptedBatch moved = ReencryptAll();
    int64_t found = 0;
    for (const auto& [place, count] : moved.unreadable) {
      EXPECT_EQ(place.table, table);
      EXPECT_EQ(place.column, name);
      EXPECT_TRUE(place.tampered);
      EXPECT_EQ(place.key_id, 1u);
      found += count;
    }
    EXPECT_EQ(found, NumberOf(count[0][0])) << NameOf(column);
    EXPECT_GE(found, 4) << NameOf(column);
    // As it was, for the next column.
    pg().Sql(absl::StrCat("UPDATE ", table, " t SET ", name, " = b.", name,
                          " FROM before b WHERE ",
                          absl::StrJoin(same, " AND ")));
    pg().Sql("DROP TABLE before");
    EXPECT_TRUE(ReencryptAll().unreadable.empty());
    Rotate({1, 2});
    ReencryptAll();
    Rotate({1});
  }
}

}  // namespace
}  // namespace wxident
