#include "server/store/postgres/person/pg_profile_store.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/profile_columns.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {
namespace {

using Found = std::optional<StoredProfile>;

constexpr char kOfIdentities[] = R"sql(
JOIN users u ON u.user_id = i.user_id
LEFT JOIN profiles f ON f.app_id = i.app_id AND f.openid = i.openid
)sql";

const SqlStatement& BySessionSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      "SELECT input.n,", kOwnerColumns, ",", kProfileColumns, R"sql(
FROM unnest(:token_hashes::bytea[]) WITH ORDINALITY AS input (token_hash, n)
JOIN sessions s ON s.token_hash = input.token_hash AND)sql",
      kTokenIsActive, R"sql(
JOIN identities i ON i.app_id = s.app_id AND i.openid = s.openid
)sql",
      kOfIdentities));
  return sql;
}

const SqlStatement& ByOpenidSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      "SELECT input.n,", kOwnerColumns, ",", kProfileColumns, R"sql(
FROM unnest(:app_ids::text[], :openids::text[])
  WITH ORDINALITY AS input (app_id, openid, n)
JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
)sql",
      kOfIdentities));
  return sql;
}

// Gives back the numbers of the rows whose identity is known.
const SqlStatement& SavePhoneSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH known AS (
  SELECT input.*
  FROM unnest(:app_ids::text[], :openids::text[], :accounts::text[],
              :numbers::bytea[], :pure_numbers::bytea[],
              :country_codes::bytea[], :indexes::bytea[],
              :index_keys::bigint[], :watermarks::bigint[])
    WITH ORDINALITY AS input (app_id, openid, account, phone_number,
                              pure_phone_number, country_code, phone_index,
                              phone_index_key_id, watermark_us, n)
  JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
), saved AS (
  INSERT INTO phones AS p
    (app_id, openid, open_platform_account, phone_number, pure_phone_number,
     country_code, phone_index, phone_index_key_id, watermark_at)
  SELECT app_id, openid, account, phone_number, pure_phone_number,
    country_code, phone_index, phone_index_key_id,
    timestamptz 'epoch' + watermark_us * interval '1 microsecond'
  FROM known
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    open_platform_account = excluded.open_platform_account,
    phone_number = excluded.phone_number,
    pure_phone_number = excluded.pure_phone_number,
    country_code = excluded.country_code,
    phone_index = excluded.phone_index,
    phone_index_key_id = excluded.phone_index_key_id,
    watermark_at = excluded.watermark_at
    WHERE excluded.watermark_at >= p.watermark_at
)
SELECT n FROM known)sql");
  return sql;
}

template <typename Query>
absl::Status Find(SqlSession& session, const PgItems<Query, Found>& items,
                  const SqlStatement& sql, std::vector<SqlArgument> arguments) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(sql, std::move(arguments)));
  for (auto* item : items) item->out = Found();
  for (const SqlRow& row : rows) {
    StoredProfile found;
    found.user = UserAt(row);
    found.identity = IdentityAt(row);
    found.profile = ProfileAt(row);
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = Found(std::move(found));
  }
  return absl::OkStatus();
}

absl::Status FindBySession(SqlSession& session,
                           const PgItems<BySession, Found>& items) {
  PgArray hashes;
  for (const auto* item : items) hashes.AddBytes(item->in.token_hash);
  return Find(session, items, BySessionSql(), {{"token_hashes", hashes}});
}

absl::Status FindByOpenid(SqlSession& session,
                          const PgItems<ByOpenid, Found>& items) {
  PgArray app_ids, openids;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    openids.AddText(item->in.openid);
  }
  return Find(session, items, ByOpenidSql(),
              {{"app_ids", app_ids}, {"openids", openids}});
}

}  // namespace

struct PgProfileStore::PhoneToSave {
  Identity identity;
  std::string open_platform_account;
  Phone phone;
};

absl::Status PgProfileStore::SavePhones(
    SqlSession& session, const PgItems<PhoneToSave, Nothing>& items, Aead& aead,
    const BlindIndex& phone_index) {
  // A statement writes each identity once: its newest number, the last of
  // equals, as if they had come one after the other.
  std::map<std::pair<std::string, std::string>, const PhoneToSave*> newest;
  for (const auto* item : items) {
    const Identity& identity = item->in.identity;
    const PhoneToSave*& kept = newest[{identity.app_id, identity.openid}];
    if (kept == nullptr ||
        item->in.phone.watermark_time >= kept->phone.watermark_time)
      kept = &item->in;
  }
  PgArray app_ids, openids, accounts, numbers, pure_numbers, country_codes,
      indexes, index_keys, watermarks;
  std::vector<std::pair<std::string, std::string>> order;
  for (const auto& [key, row] : newest) {
    order.push_back(key);
    const auto seal = [&, &key = key](absl::string_view column,
                                      const Secret& value) {
      return aead.Seal(value, {"phones", column, {key.first, key.second}});
    };
    const Phone& phone = row->phone;
    const Secret e164(absl::StrCat("+", phone.country_code,
                                   phone.pure_phone_number.Expose()));
    app_ids.AddText(key.first);
    openids.AddText(key.second);
    accounts.AddText(row->open_platform_account);
    numbers.AddBytes(seal("phone_number", phone.phone_number));
    pure_numbers.AddBytes(seal("pure_phone_number", phone.pure_phone_number));
    country_codes.AddBytes(seal("country_code", Secret(phone.country_code)));
    indexes.AddBytes(
        phone_index.Mac({row->open_platform_account, e164.Expose()}));
    index_keys.AddNumber(phone_index.key_id());
    watermarks.AddNumber(ToMicros(phone.watermark_time));
  }
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(SavePhoneSql(), {{"app_ids", app_ids},
                                       {"openids", openids},
                                       {"accounts", accounts},
                                       {"numbers", numbers},
                                       {"pure_numbers", pure_numbers},
                                       {"country_codes", country_codes},
                                       {"indexes", indexes},
                                       {"index_keys", index_keys},
                                       {"watermarks", watermarks}}));
  std::map<std::pair<std::string, std::string>, bool> known;
  for (const SqlRow& row : rows) {
    const int64_t number = NumberOf(row["n"]);
    if (number < 1 || number > static_cast<int64_t>(order.size()))
      return NoSuchItem();
    known[order[number - 1]] = true;
  }
  for (auto* item : items) {
    const Identity& identity = item->in.identity;
    if (known[{identity.app_id, identity.openid}])
      item->out = Nothing();
    else
      item->out = Error(Reason::kUserNotFound,
                        "nobody has this openid in this app; log in first")
                      .ToStatus();
  }
  return absl::OkStatus();
}

PgProfileStore::PgProfileStore(PgPool& pool, Aead& aead,
                               const BlindIndex& phone_index)
    : save_profile_(AddPgOperation<ProfileToSave, User>(
          pool, PgPool::Access::kWrite, "save_profile", SaveProfiles)),
      by_session_(AddPgOperation<BySession, Found>(pool, PgPool::Access::kRead,
                                                   "find_profile_by_session",
                                                   FindBySession)),
      by_openid_(AddPgOperation<ByOpenid, Found>(
          pool, PgPool::Access::kRead, "find_profile_by_openid", FindByOpenid)),
      save_phone_(AddPgOperation<PhoneToSave, Nothing>(
          pool, PgPool::Access::kWrite, "save_phone",
          [&aead, &phone_index](SqlSession& session, const auto& items) {
            return SavePhones(session, items, aead, phone_index);
          })) {}

void PgProfileStore::SaveProfile(Identity identity,
                                 std::string open_platform_account,
                                 Profile profile, Deadline deadline,
                                 Done<User> done) {
  absl::Status bad =
      CheckStorable({{"app_id", identity.app_id},
                     {"openid", identity.openid},
                     {"unionid", identity.unionid},
                     {"open_platform_account", open_platform_account}});
  if (bad.ok()) bad = CheckProfile(profile);
  if (!bad.ok()) return std::move(done)(bad);
  save_profile_.Submit({std::move(identity), std::move(open_platform_account),
                        std::move(profile)},
                       deadline, std::move(done));
}

void PgProfileStore::FindProfile(ProfileQuery query, Deadline deadline,
                                 Done<Found> done) {
  if (auto* by_session = std::get_if<BySession>(&query))
    return by_session_.Submit(std::move(*by_session), deadline,
                              std::move(done));
  auto& by_openid = std::get<ByOpenid>(query);
  const absl::Status bad = CheckStorable(
      {{"app_id", by_openid.app_id}, {"openid", by_openid.openid}});
  if (!bad.ok()) return std::move(done)(bad);
  by_openid_.Submit(std::move(by_openid), deadline, std::move(done));
}

void PgProfileStore::SavePhone(Identity identity,
                               std::string open_platform_account, Phone phone,
                               Deadline deadline, DoneStatus done) {
  const absl::Status bad =
      CheckStorable({{"app_id", identity.app_id},
                     {"openid", identity.openid},
                     {"open_platform_account", open_platform_account}});
  if (!bad.ok()) return std::move(done)(bad);
  save_phone_.Submit(
      {std::move(identity), std::move(open_platform_account), std::move(phone)},
      deadline, WithNothing(std::move(done)));
}

}  // namespace wxident
