#ifndef WXIDENT_TESTS_STORE_POSTGRES_KEYS_SEALED_FIXTURE_H_
#define WXIDENT_TESTS_STORE_POSTGRES_KEYS_SEALED_FIXTURE_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/key_store.h"
#include "server/store/postgres/keys/pg_key_store.h"
#include "server/store/postgres/keys/sealed_columns.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/store/credential_contract.h"
#include "tests/store/postgres_harness.h"

namespace wxident {

inline std::unique_ptr<StoreHarness> NewPostgresHarness() {
  return std::make_unique<PostgresHarness>();
}

// A database with values in every sealed column, written by the stores.
class SealedFixture : public CredentialStoreContract {
 protected:
  // A stored value and where it stands.
  struct Value {
    const SealedColumn* column;
    std::vector<std::string> row;
    std::string sealed;
  };

  void SetUp() override {
    CredentialStoreContract::SetUp();
    keys_ = std::make_unique<PgKeyStore>(pg().pool(), ring());
  }

  PostgresHarness& pg() { return static_cast<PostgresHarness&>(*harness_); }
  KeyRing& ring() { return pg().key_ring(); }
  KeyStore& keys() { return *keys_; }

  // Key 1 is the harness's own.
  std::unique_ptr<KeyRing> Ring(const std::vector<uint32_t>& ids) {
    std::vector<KeyRing::Key> keys;
    for (uint32_t id : ids)
      keys.push_back(
          {id, Secret(std::string(32, static_cast<char>('k' + id - 1)))});
    return *KeyRing::Create(std::move(keys), random_);
  }
  void Rotate(const std::vector<uint32_t>& ids) { ring().Replace(*Ring(ids)); }

  // Two persons in each of two apps. Columns of one kind hold the same text in
  // all rows, so that a value that were taken from the wrong place would not be
  // told by what it says.
  void Fill() {
    for (const char* app : {"wx1", "wx2"}) {
      for (const char* openid : {"o1", "o2"}) {
        SignIn in = Login(app, openid);
        in.session_key = Secret("a former key");
        MustRecord(in);
        in = Login(app, openid);
        in.session_key = Secret("a session key");
        MustRecord(in);
        EXPECT_TRUE(Refresh(RefreshOf(in.session_token_hash)).has_value());
        SignIn web = WebLogin(app, openid);
        web.grant = GrantOf("a token", "snsapi_userinfo");
        MustRecord(web);
        EXPECT_TRUE(SavePhone({app, openid, ""}, absl::UnixEpoch()).ok());
      }
      Fetch(Stable(app), 0, "a token of the app");
      Fetch(Ticket(app), 0, "a token of the app");
    }
  }

  std::vector<Value> Values() {
    std::vector<Value> values;
    for (const SealedColumn& column : SealedColumns()) {
      std::vector<std::string> key;
      for (const auto& part : column.key)
        key.push_back(part.is_bytes
                          ? absl::StrCat("encode(", part.column, ", 'hex')")
                          : part.column);
      for (const SqlRow& row : pg().Sql(
               absl::StrCat("SELECT encode(", column.column, ", 'hex'), ",
                            absl::StrJoin(key, ", "), " FROM ", column.table,
                            " WHERE ", column.column, " IS NOT NULL"))) {
        Value value{&column, {}, BytesOf(row[0])};
        for (size_t i = 0; i < column.key.size(); ++i)
          value.row.push_back(column.key[i].is_bytes ? BytesOf(row[i + 1])
                                                     : TextOf(row[i + 1]));
        values.push_back(std::move(value));
      }
    }
    return values;
  }
  absl::StatusOr<Secret> Open(const std::string& sealed, const Value& place) {
    return ring().Open(sealed, place.column->AssociatedDataOf(place.row));
  }
  // The texts of all values, by where they stand; "?" for what does not open.
  std::map<std::string, std::string> Texts() {
    std::map<std::string, std::string> texts;
    for (const Value& value : Values()) {
      const auto text = Open(value.sealed, value);
      texts[absl::StrCat(value.column->table, ".", value.column->column, " ",
                         absl::StrJoin(value.row, ","))] =
          text.ok() ? text->Expose() : "?";
    }
    return texts;
  }

  std::map<uint32_t, int64_t> Counts() {
    std::map<uint32_t, int64_t> counts;
    std::optional<KeyPosition> position = KeyPosition();
    while (position.has_value()) {
      KeyCounts page = Must<KeyCounts>(
          [&](auto done) { keys().Count(*position, Soon(), std::move(done)); });
      for (const auto& [id, values] : page.values) counts[id] += values;
      position = page.next;
    }
    return counts;
  }
  ReencryptedBatch ReencryptFrom(KeyPosition position) {
    return Must<ReencryptedBatch>([&](auto done) {
      keys().Reencrypt(std::move(position), Soon(), std::move(done));
    });
  }
  // A whole pass; the batches as one.
  ReencryptedBatch ReencryptAll() {
    ReencryptedBatch all;
    std::optional<KeyPosition> position = KeyPosition();
    while (position.has_value()) {
      const ReencryptedBatch batch = ReencryptFrom(*position);
      all.reencrypted += batch.reencrypted;
      all.missed += batch.missed;
      for (const auto& [place, count] : batch.unreadable)
        all.unreadable[place] += count;
      position = batch.next;
    }
    return all;
  }

 private:
  std::unique_ptr<KeyStore> keys_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_POSTGRES_KEYS_SEALED_FIXTURE_H_
