#include "server/store/postgres/session/pg_grant_store.h"

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/session/session_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {
namespace {

using Found = std::optional<StoredGrant>;

constexpr char kGrantColumns[] = R"sql(,
  encode(g.access_token, 'hex'),
  (extract(epoch FROM g.access_expires_at) * 1000000)::bigint,
  encode(g.refresh_token, 'hex'),
  (extract(epoch FROM g.refresh_expires_at) * 1000000)::bigint, g.scope
)sql";

constexpr char kOfIdentities[] = R"sql(
JOIN users u ON u.user_id = i.user_id
LEFT JOIN oauth_grants g ON g.app_id = i.app_id AND g.openid = i.openid
)sql";

const char* BySessionSql() {
  static const std::string& sql = *new std::string(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kGrantColumns, R"sql(
FROM unnest($1::bytea[]) WITH ORDINALITY AS input (token_hash, n)
JOIN sessions s ON s.token_hash = input.token_hash AND)sql",
                   kTokenIsActive, R"sql(
JOIN identities i ON i.app_id = s.app_id AND i.openid = s.openid
)sql",
                   kOfIdentities));
  return sql.c_str();
}

const char* ByOpenidSql() {
  static const std::string& sql = *new std::string(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kGrantColumns, R"sql(
FROM unnest($1::text[], $2::text[])
  WITH ORDINALITY AS input (app_id, openid, n)
JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
)sql",
                   kOfIdentities));
  return sql.c_str();
}

// The end of the refresh_token tells which login a grant comes from, that of
// the access_token which of its refreshes.
constexpr char kSave[] = R"sql(
INSERT INTO oauth_grants AS g
  (app_id, openid, access_token, access_expires_at, refresh_token,
   refresh_expires_at, scope, exchanged_at)
SELECT input.app_id, input.openid, access_token,
  timestamptz 'epoch' + access_us * interval '1 microsecond', refresh_token,
  timestamptz 'epoch' + refresh_us * interval '1 microsecond', scope,
  timestamptz 'epoch'
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[],
            $6::bigint[], $7::text[])
  AS input (app_id, openid, access_token, access_us, refresh_token, refresh_us,
            scope)
JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
ORDER BY input.app_id, input.openid
ON CONFLICT (app_id, openid) DO UPDATE SET
  access_token = excluded.access_token,
  access_expires_at = excluded.access_expires_at,
  refresh_token = excluded.refresh_token,
  refresh_expires_at = excluded.refresh_expires_at,
  scope = excluded.scope
  WHERE (excluded.refresh_expires_at, excluded.access_expires_at)
    >= (g.refresh_expires_at, g.access_expires_at))sql";

AssociatedData AssociatedDataOf(const char* column, const Identity& identity) {
  return {"oauth_grants", column, {identity.app_id, identity.openid}};
}

absl::StatusOr<Found> FoundAt(const SqlRow& row, Aead& aead) {
  StoredGrant found;
  found.user = User{TextOf(row[1]), TimeOf(row[2]), IsTrue(row[3])};
  found.identity = Identity{TextOf(row[4]), TextOf(row[5]), TextOf(row[6])};
  if (!row[7].has_value()) return found;
  OauthGrant grant;
  WX_ASSIGN_OR_RETURN(
      grant.access_token,
      OpenSealed(aead, row[7],
                 AssociatedDataOf("access_token", found.identity)));
  grant.access_expires_at = TimeOf(row[8]);
  WX_ASSIGN_OR_RETURN(
      grant.refresh_token,
      OpenSealed(aead, row[9],
                 AssociatedDataOf("refresh_token", found.identity)));
  grant.refresh_expires_at = TimeOf(row[10]);
  grant.scope = TextOf(row[11]);
  found.grant = std::move(grant);
  return found;
}

template <typename Query>
absl::Status Find(SqlSession& session, const PgItems<Query, Found>& items,
                  const char* sql, const std::vector<std::string>& parameters,
                  Aead& aead) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, session.Execute(sql, parameters));
  for (auto* item : items) item->out = Found();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row[0]));
    if (item == nullptr) return NoSuchItem();
    item->out = FoundAt(row, aead);
  }
  return absl::OkStatus();
}

absl::Status FindBySession(SqlSession& session,
                           const PgItems<BySession, Found>& items, Aead& aead) {
  PgArray hashes;
  for (const auto* item : items) hashes.AddBytes(item->in.token_hash);
  return Find(session, items, BySessionSql(), {hashes.Literal()}, aead);
}

absl::Status FindByOpenid(SqlSession& session,
                          const PgItems<ByOpenid, Found>& items, Aead& aead) {
  PgArray app_ids, openids;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    openids.AddText(item->in.openid);
  }
  return Find(session, items, ByOpenidSql(),
              {app_ids.Literal(), openids.Literal()}, aead);
}

}  // namespace

struct PgGrantStore::GrantToSave {
  Identity identity;
  OauthGrant grant;
};

absl::Status PgGrantStore::Save(SqlSession& session,
                                const PgItems<GrantToSave, Nothing>& items,
                                Aead& aead) {
  // A statement writes each identity once: what ends last, the last of equals,
  // as if they had come one after the other.
  const auto ends = [](const GrantToSave& of) {
    return std::pair(of.grant.refresh_expires_at, of.grant.access_expires_at);
  };
  std::map<std::pair<std::string, std::string>, const GrantToSave*> newest;
  for (const auto* item : items) {
    const Identity& identity = item->in.identity;
    const GrantToSave*& kept = newest[{identity.app_id, identity.openid}];
    if (kept == nullptr || ends(item->in) >= ends(*kept)) kept = &item->in;
  }
  PgArray app_ids, openids, access_tokens, access_expiries, refresh_tokens,
      refresh_expiries, scopes;
  for (const auto& [key, row] : newest) {
    const OauthGrant& grant = row->grant;
    app_ids.AddText(key.first);
    openids.AddText(key.second);
    access_tokens.AddBytes(aead.Seal(
        grant.access_token, AssociatedDataOf("access_token", row->identity)));
    access_expiries.AddNumber(ToMicros(grant.access_expires_at));
    refresh_tokens.AddBytes(aead.Seal(
        grant.refresh_token, AssociatedDataOf("refresh_token", row->identity)));
    refresh_expiries.AddNumber(ToMicros(grant.refresh_expires_at));
    scopes.AddText(grant.scope);
  }
  WX_RETURN_IF_ERROR(
      session
          .Execute(kSave, {app_ids.Literal(), openids.Literal(),
                           access_tokens.Literal(), access_expiries.Literal(),
                           refresh_tokens.Literal(), refresh_expiries.Literal(),
                           scopes.Literal()})
          .status());
  for (auto* item : items) item->out = Nothing();
  return absl::OkStatus();
}

PgGrantStore::PgGrantStore(PgPool& pool, Aead& aead)
    : by_session_(AddPgOperation<BySession, Found>(
          pool, PgPool::Access::kRead, "find_grant_by_session",
          [&aead](SqlSession& session, const auto& items) {
            return FindBySession(session, items, aead);
          })),
      by_openid_(AddPgOperation<ByOpenid, Found>(
          pool, PgPool::Access::kRead, "find_grant_by_openid",
          [&aead](SqlSession& session, const auto& items) {
            return FindByOpenid(session, items, aead);
          })),
      save_(AddPgOperation<GrantToSave, Nothing>(
          pool, PgPool::Access::kWrite, "save_grant",
          [&aead](SqlSession& session, const auto& items) {
            return Save(session, items, aead);
          })) {}

void PgGrantStore::FindGrant(ProfileQuery query, Deadline deadline,
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

void PgGrantStore::SaveGrant(Identity identity, OauthGrant grant,
                             Deadline deadline, DoneStatus done) {
  const absl::Status bad = CheckStorable({{"app_id", identity.app_id},
                                          {"openid", identity.openid},
                                          {"scope", grant.scope}});
  if (!bad.ok()) return std::move(done)(bad);
  save_.Submit({std::move(identity), std::move(grant)}, deadline,
               WithNothing(std::move(done)));
}

}  // namespace wxident
