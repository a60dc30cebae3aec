#include "server/store/postgres/pg_token_store.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/pg_array.h"
#include "server/store/postgres/sql_values.h"
#include "server/store/postgres/storable_text.h"

namespace wxident {
namespace {

constexpr char kLoad[] = R"sql(
SELECT input.n, encode(t.access_token, 'hex'),
  (extract(epoch FROM t.expires_at) * 1000000)::bigint, t.generation
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS input (app_id, mode, n)
JOIN access_tokens t ON t.app_id = input.app_id AND t.mode = input.mode)sql";

constexpr char kSave[] = R"sql(
INSERT INTO access_tokens AS t
  (app_id, mode, access_token, expires_at, generation)
SELECT app_id, mode, access_token,
  timestamptz 'epoch' + expires_us * interval '1 microsecond', generation
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[])
  AS input (app_id, mode, access_token, expires_us, generation)
ORDER BY app_id, mode
ON CONFLICT (app_id, mode) DO UPDATE SET
  access_token = excluded.access_token,
  expires_at = excluded.expires_at,
  generation = excluded.generation
  WHERE excluded.generation > t.generation)sql";

const char* NameOf(TokenMode mode) {
  return mode == TokenMode::kStable ? "stable" : "ordinary";
}

Place PlaceOf(const std::string& app_id, TokenMode mode) {
  return {"access_tokens", "access_token", {app_id, NameOf(mode)}};
}

}  // namespace

struct PgTokenStore::Key {
  std::string app_id;
  TokenMode mode;

  friend bool operator<(const Key& a, const Key& b) {
    return std::pair(a.app_id, a.mode) < std::pair(b.app_id, b.mode);
  }
};

struct PgTokenStore::Entry {
  Key key;
  AccessToken token;
};

absl::Status PgTokenStore::Load(
    SqlSession& session, const PgItems<Key, std::optional<AccessToken>>& items,
    Aead& aead) {
  PgArray app_ids, modes;
  for (const auto* item : items) {
    app_ids.AddText(item->in.app_id);
    modes.AddText(NameOf(item->in.mode));
  }
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(kLoad, {app_ids.Literal(), modes.Literal()}));
  for (auto* item : items) item->out = std::optional<AccessToken>();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(items, NumberOf(row[0]));
    if (item == nullptr) return NoSuchItem();
    absl::StatusOr<Secret> token =
        OpenSealed(aead, row[1], PlaceOf(item->in.app_id, item->in.mode));
    if (token.ok())
      item->out =
          AccessToken{*std::move(token), TimeOf(row[2]), NumberOf(row[3])};
    else
      item->out = token.status();
  }
  return absl::OkStatus();
}

absl::Status PgTokenStore::Save(SqlSession& session,
                                const PgItems<Entry, Nothing>& items,
                                Aead& aead) {
  // One row per key in a statement: the first of the highest generation, as if
  // they had come one after the other.
  std::map<Key, const AccessToken*> newest;
  for (const auto* item : items) {
    const AccessToken*& kept = newest[item->in.key];
    if (kept == nullptr || item->in.token.generation > kept->generation)
      kept = &item->in.token;
  }
  PgArray app_ids, modes, tokens, expiries, generations;
  for (const auto& [key, token] : newest) {
    app_ids.AddText(key.app_id);
    modes.AddText(NameOf(key.mode));
    tokens.AddBytes(aead.Seal(token->token, PlaceOf(key.app_id, key.mode)));
    expiries.AddNumber(ToMicros(token->expires_at));
    generations.AddNumber(token->generation);
  }
  WX_RETURN_IF_ERROR(
      session
          .Execute(kSave, {app_ids.Literal(), modes.Literal(), tokens.Literal(),
                           expiries.Literal(), generations.Literal()})
          .status());
  for (auto* item : items) item->out = Nothing();
  return absl::OkStatus();
}

PgTokenStore::PgTokenStore(PgPool& pool, Aead& aead)
    : load_(AddPgOperation<Key, std::optional<AccessToken>>(
          pool, "load_token",
          [&aead](SqlSession& session, const auto& items) {
            return Load(session, items, aead);
          })),
      save_(AddPgOperation<Entry, Nothing>(
          pool, "save_token", [&aead](SqlSession& session, const auto& items) {
            return Save(session, items, aead);
          })) {}

void PgTokenStore::LoadToken(std::string app_id, TokenMode mode,
                             Deadline deadline,
                             Done<std::optional<AccessToken>> done) {
  if (absl::Status bad = CheckStorable({{"app_id", app_id}}); !bad.ok())
    return std::move(done)(bad);
  load_.Submit({std::move(app_id), mode}, deadline, std::move(done));
}

void PgTokenStore::SaveToken(std::string app_id, TokenMode mode,
                             AccessToken token, Deadline deadline,
                             DoneStatus done) {
  if (absl::Status bad = CheckStorable({{"app_id", app_id}}); !bad.ok())
    return std::move(done)(bad);
  save_.Submit({{std::move(app_id), mode}, std::move(token)}, deadline,
               WithNothing(std::move(done)));
}

}  // namespace wxident
