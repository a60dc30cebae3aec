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
  encode(g.access_token, 'hex') AS access_token,
  (extract(epoch FROM g.access_expires_at) * 1000000)::bigint AS access_us,
  encode(g.refresh_token, 'hex') AS refresh_token,
  (extract(epoch FROM g.refresh_expires_at) * 1000000)::bigint AS refresh_us,
  g.scope
)sql";

constexpr char kOfIdentities[] = R"sql(
JOIN users u ON u.user_id = i.user_id
LEFT JOIN oauth_grants g ON g.app_id = i.app_id AND g.openid = i.openid
)sql";

const SqlStatement& BySessionSql() {
  static const auto& sql = *new SqlStatement(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kGrantColumns, R"sql(
FROM unnest(:token_hashes::bytea[]) WITH ORDINALITY AS input (token_hash, n)
JOIN sessions s ON s.token_hash = input.token_hash AND)sql",
                   kTokenIsActive, R"sql(
JOIN identities i ON i.app_id = s.app_id AND i.openid = s.openid
)sql",
                   kOfIdentities));
  return sql;
}

const SqlStatement& ByOpenidSql() {
  static const auto& sql = *new SqlStatement(
      absl::StrCat("SELECT input.n,", kOwnerColumns, kGrantColumns, R"sql(
FROM unnest(:app_ids::text[], :openids::text[])
  WITH ORDINALITY AS input (app_id, openid, n)
JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
)sql",
                   kOfIdentities));
  return sql;
}

// The end of the refresh_token tells which login a grant comes from, that of
// the access_token which of its refreshes.
const SqlStatement& SaveSql() {
  static const auto& sql = *new SqlStatement(R"sql(
INSERT INTO oauth_grants AS g
  (app_id, openid, access_token, access_expires_at, refresh_token,
   refresh_expires_at, scope, exchanged_at)
SELECT input.app_id, input.openid, access_token,
  timestamptz 'epoch' + access_us * interval '1 microsecond', refresh_token,
  timestamptz 'epoch' + refresh_us * interval '1 microsecond', scope,
  timestamptz 'epoch'
FROM unnest(:app_ids::text[], :openids::text[], :access_tokens::bytea[],
            :access_expiries::bigint[], :refresh_tokens::bytea[],
            :refresh_expiries::bigint[], :scopes::text[])
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
    >= (g.refresh_expires_at, g.access_expires_at))sql");
  return sql;
}

AssociatedData AssociatedDataOf(const char* column, const Identity& identity) {
  return {"oauth_grants", column, {identity.app_id, identity.openid}};
}

absl::StatusOr<Found> FoundAt(const SqlRow& row, Aead& aead) {
  StoredGrant found;
  found.user = UserAt(row);
  found.identity = IdentityAt(row);
  if (!row["access_token"].has_value()) return found;
  OauthGrant grant;
  WX_ASSIGN_OR_RETURN(
      grant.access_token,
      OpenSealed(aead, row["access_token"],
                 AssociatedDataOf("access_token", found.identity)));
  grant.access_expires_at = TimeOf(row["access_us"]);
  WX_ASSIGN_OR_RETURN(
      grant.refresh_token,
      OpenSealed(aead, row["refresh_token"],
                 AssociatedDataOf("refresh_token", found.identity)));
  grant.refresh_expires_at = TimeOf(row["refresh_us"]);
  grant.scope = TextOf(row["scope"]);
  found.grant = std::move(grant);
  return found;
}

template <typename Query>
absl::Status Find(SqlSession& session, const PgItems<Query, Found>& items,
                  const SqlStatement& sql, std::vector<SqlArgument> arguments,
                  Aead& aead) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(sql, std::move(arguments)));
  for (auto* item : items) item->out = Found();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = FoundAt(row, aead);
  }
  return absl::OkStatus();
}

absl::Status FindBySession(SqlSession& session,
                           const PgItems<BySession, Found>& items, Aead& aead) {
  PgArray hashes;
  for (const auto* item : items) hashes.AddBytes(item->in.token_hash);
  return Find(session, items, BySessionSql(), {{"token_hashes", hashes}}, aead);
}

absl::Status FindByOpenid(SqlSession& session,
                          const PgItems<ByOpenid, Found>& items, Aead& aead) {
  PgArray app_ids, openids;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    openids.AddText(item->in.openid);
  }
  return Find(session, items, ByOpenidSql(),
              {{"app_ids", app_ids}, {"openids", openids}}, aead);
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
          .Execute(SaveSql(), {{"app_ids", app_ids},
                               {"openids", openids},
                               {"access_tokens", access_tokens},
                               {"access_expiries", access_expiries},
                               {"refresh_tokens", refresh_tokens},
                               {"refresh_expiries", refresh_expiries},
                               {"scopes", scopes}})
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
