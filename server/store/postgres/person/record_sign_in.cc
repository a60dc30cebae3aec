#include "server/store/postgres/person/record_sign_in.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/link_persons.h"
#include "server/store/postgres/person/sign_in_waves.h"
#include "server/store/postgres/session/find_login_answer.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// One statement finds or makes users and identities, links unionids, keeps
// keys and grants, stores sessions and what was answered. `input` holds each
// identity once; the logins name theirs by its number.
//
// A returning user costs one session and one key. A proposed user that nobody
// came to need is not made. Where identity and unionid turn out to belong to
// two users (agreed is false), no session is opened: the caller merges them.
//
// Keys: a row that was written under the former digest is the same key too.
//
// Grants: in whatever order they come, a wider one that lives stands before
// one of snsapi_base, and otherwise the newest wins.
constexpr char kInput[] = R"sql(
WITH input AS (
  SELECT *,
    timestamptz 'epoch' + exchanged_us * interval '1 microsecond'
      AS exchanged_at
  FROM unnest(:app_ids::text[], :openids::text[], :accounts::text[],
              :unionids::text[], :proposed_ids::uuid[], :keys::bytea[],
              :digests::bytea[], :former_digests::bytea[],
              :access_tokens::bytea[], :access_expiries::bigint[],
              :refresh_tokens::bytea[], :refresh_expiries::bigint[],
              :scopes::text[], :exchanged::bigint[])
    WITH ORDINALITY AS t (app_id, openid, account, unionid, proposed_id,
                          session_key, key_digest, former_digest, access_token,
                          access_us, refresh_token, refresh_us, scope,
                          exchanged_us, n)
), logins AS (
  SELECT *
  FROM unnest(:login_numbers::bigint[], :token_hashes::bytea[],
              :ttls::bigint[], :login_proposed_ids::uuid[],
              :code_hashes::bytea[], :token_salts::bytea[])
    WITH ORDINALITY AS t (n, token_hash, ttl_us, proposed_id, code_hash,
                          token_salt, login)
),)sql";

constexpr char kWrite[] = R"sql(, new_users AS (
  INSERT INTO users AS u (user_id)
  SELECT user_id
  FROM (SELECT user_id FROM new_union_ids
        UNION SELECT user_id FROM new_identities) needed
  WHERE user_id IN (SELECT proposed_id FROM input)
  ORDER BY user_id
  ON CONFLICT (user_id) DO UPDATE SET created_at = u.created_at
  RETURNING u.user_id, u.created_at
), opened AS (
  INSERT INTO sessions AS s (token_hash, app_id, openid, expires_at, ttl)
  SELECT l.token_hash, e.app_id, e.openid,
    now() + l.ttl_us * interval '1 microsecond',
    l.ttl_us * interval '1 microsecond'
  FROM logins l JOIN settled e ON e.n = l.n
  WHERE e.agreed
  ORDER BY l.token_hash
  ON CONFLICT (token_hash) DO UPDATE SET created_at = s.created_at
    WHERE s.app_id = excluded.app_id AND s.openid = excluded.openid
  RETURNING s.token_hash, s.created_at, s.expires_at
), answered AS (
  INSERT INTO login_answers AS a
    (app_id, code_hash, token_hash, token_salt, new_user)
  SELECT e.app_id, l.code_hash, l.token_hash, l.token_salt,
    e.user_id = l.proposed_id
  FROM logins l JOIN settled e ON e.n = l.n
  WHERE e.agreed
  ORDER BY e.app_id, l.code_hash
  ON CONFLICT (app_id, code_hash) DO UPDATE SET
    token_hash = excluded.token_hash,
    token_salt = excluded.token_salt,
    new_user = excluded.new_user,
    created_at = excluded.created_at
    WHERE a.created_at <= now() - interval '5 minutes'
), kept AS (
  INSERT INTO session_keys AS k
    (app_id, openid, session_key, key_digest, exchanged_at)
  SELECT app_id, openid, session_key, key_digest, exchanged_at
  FROM settled
  WHERE agreed AND session_key IS NOT NULL
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    session_key = excluded.session_key,
    key_digest = excluded.key_digest,
    exchanged_at = excluded.exchanged_at,
    (previous_session_key, replaced_at, older_dropped) = (
      SELECT CASE WHEN is_same THEN k.previous_session_key
          ELSE k.session_key END,
        CASE WHEN is_same THEN k.replaced_at ELSE now() END,
        k.older_dropped
          OR (NOT is_same AND k.previous_session_key IS NOT NULL)
      FROM (SELECT k.key_digest = excluded.key_digest OR k.key_digest = (
              SELECT e.former_digest FROM settled e
              WHERE e.app_id = k.app_id AND e.openid = k.openid) AS is_same
      ) compared)
    WHERE excluded.exchanged_at >= k.exchanged_at
), granted AS (
  INSERT INTO oauth_grants AS g
    (app_id, openid, access_token, access_expires_at, refresh_token,
     refresh_expires_at, scope, exchanged_at)
  SELECT app_id, openid, access_token,
    timestamptz 'epoch' + access_us * interval '1 microsecond', refresh_token,
    timestamptz 'epoch' + refresh_us * interval '1 microsecond', scope,
    exchanged_at
  FROM settled
  WHERE agreed AND access_token IS NOT NULL
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    access_token = excluded.access_token,
    access_expires_at = excluded.access_expires_at,
    refresh_token = excluded.refresh_token,
    refresh_expires_at = excluded.refresh_expires_at,
    scope = excluded.scope,
    exchanged_at = excluded.exchanged_at
    WHERE CASE
      WHEN excluded.scope = 'snsapi_base' AND g.scope <> 'snsapi_base'
        THEN g.refresh_expires_at <= excluded.exchanged_at
      WHEN excluded.scope <> 'snsapi_base' AND g.scope = 'snsapi_base'
        THEN excluded.refresh_expires_at > g.exchanged_at
      ELSE excluded.exchanged_at >= g.exchanged_at END
)
SELECT e.agreed, e.user_id, e.person,
  (extract(epoch FROM coalesce(fresh.created_at, old.created_at))
    * 1000000)::bigint AS user_created_us,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = e.user_id AND i.app_id = e.app_id) AS phone_linked,
  e.stored_unionid AS unionid,
  (extract(epoch FROM o.created_at) * 1000000)::bigint AS created_us,
  (extract(epoch FROM o.expires_at) * 1000000)::bigint AS expires_us
FROM logins l
JOIN settled e ON e.n = l.n
LEFT JOIN opened o ON o.token_hash = l.token_hash
LEFT JOIN new_users fresh ON fresh.user_id = e.user_id
LEFT JOIN users old ON old.user_id = e.user_id
ORDER BY l.login)sql";

const SqlStatement& SignInSql() {
  static const auto& sql =
      *new SqlStatement(absl::StrCat(kInput, kLinkPersons, kWrite));
  return sql;
}

// Adds what a login brought beside the identity: a session_key or a grant.
class Brought {
 public:
  Brought(Aead& aead, const SessionKeyDigest& digest)
      : aead_(aead), digest_(digest) {}

  void Add(const SignIn& in) {
    AddKey(in);
    AddGrant(in);
    exchanged_.AddNumber(ToMicros(in.exchanged_at));
  }

  void AppendTo(std::vector<SqlArgument>& arguments) const {
    arguments.insert(arguments.end(), {{"keys", keys_},
                                       {"digests", digests_},
                                       {"former_digests", former_digests_},
                                       {"access_tokens", access_tokens_},
                                       {"access_expiries", access_expiries_},
                                       {"refresh_tokens", refresh_tokens_},
                                       {"refresh_expiries", refresh_expiries_},
                                       {"scopes", scopes_},
                                       {"exchanged", exchanged_}});
  }

 private:
  std::string Seal(const SignIn& in, absl::string_view table,
                   absl::string_view column, const Secret& value) {
    return aead_.Seal(
        value, {table, column, {in.identity.app_id, in.identity.openid}});
  }

  void AddKey(const SignIn& in) {
    if (in.session_key.has_value()) {
      keys_.AddBytes(Seal(in, "session_keys", "session_key", *in.session_key));
      digests_.AddBytes(digest_.Of(in.identity, *in.session_key));
      former_digests_.AddBytes(digest_.FormerOf(in.identity, *in.session_key));
    } else {
      for (PgArray* column : {&keys_, &digests_, &former_digests_})
        column->AddNull();
    }
  }

  void AddGrant(const SignIn& in) {
    if (in.grant.has_value()) {
      const OauthGrant& grant = *in.grant;
      access_tokens_.AddBytes(
          Seal(in, "oauth_grants", "access_token", grant.access_token));
      access_expiries_.AddNumber(ToMicros(grant.access_expires_at));
      refresh_tokens_.AddBytes(
          Seal(in, "oauth_grants", "refresh_token", grant.refresh_token));
      refresh_expiries_.AddNumber(ToMicros(grant.refresh_expires_at));
      scopes_.AddText(grant.scope);
    } else {
      for (PgArray* column : {&access_tokens_, &access_expiries_,
                              &refresh_tokens_, &refresh_expiries_, &scopes_})
        column->AddNull();
    }
  }

  Aead& aead_;
  const SessionKeyDigest& digest_;
  PgArray keys_, digests_, former_digests_, access_tokens_, access_expiries_,
      refresh_tokens_, refresh_expiries_, scopes_, exchanged_;
};

absl::StatusOr<SqlRows> Execute(SqlSession& session, const SignInWave& wave,
                                Aead& aead, const SessionKeyDigest& digest) {
  PgArray app_ids, openids, accounts, unionids, proposed_ids;
  Brought brought(aead, digest);
  std::map<IdentityKey, int64_t> numbers;
  for (const auto& [key, item] : wave.representatives) {
    const SignIn& in = item->in;
    numbers.emplace(key, static_cast<int64_t>(numbers.size()) + 1);
    app_ids.AddText(in.identity.app_id);
    openids.AddText(in.identity.openid);
    accounts.AddText(in.open_platform_account);
    unionids.AddTextOrNull(in.identity.unionid);
    proposed_ids.AddText(in.new_user_id);
    brought.Add(in);
  }
  PgArray login_numbers, token_hashes, ttls, login_proposed_ids, code_hashes,
      token_salts;
  for (const SignInItem* item : wave.logins) {
    const SignIn& in = item->in;
    login_numbers.AddNumber(numbers[KeyOf(*item)]);
    token_hashes.AddBytes(in.session_token_hash);
    ttls.AddNumber(ToMicros(in.session_ttl));
    login_proposed_ids.AddText(in.new_user_id);
    code_hashes.AddBytes(in.code_hash);
    token_salts.AddBytes(aead.Seal(
        in.token_salt, LoginAnswerData(in.identity.app_id, in.code_hash)));
  }
  std::vector<SqlArgument> arguments = {
      {"app_ids", app_ids},
      {"openids", openids},
      {"accounts", accounts},
      {"unionids", unionids},
      {"proposed_ids", proposed_ids},
      {"login_numbers", login_numbers},
      {"token_hashes", token_hashes},
      {"ttls", ttls},
      {"login_proposed_ids", login_proposed_ids},
      {"code_hashes", code_hashes},
      {"token_salts", token_salts}};
  brought.AppendTo(arguments);
  return session.Execute(SignInSql(), std::move(arguments));
}

// Takes the answer of a row, if it is whole: not so when users must be merged,
// or when the user was made by a transaction that our snapshot did not show.
bool TakeAnswer(SignInItem& item, const SqlRow& row) {
  if (!IsTrue(row["agreed"]) || !row["user_created_us"].has_value() ||
      !row["created_us"].has_value())
    return false;
  SignedIn signed_in;
  User& user = signed_in.session.user;
  user.user_id = TextOf(row["user_id"]);
  user.created_at = TimeOf(row["user_created_us"]);
  user.phone_linked = IsTrue(row["phone_linked"]);
  signed_in.session.identity = item.in.identity;
  signed_in.session.identity.unionid = TextOf(row["unionid"]);
  signed_in.session.created_at = TimeOf(row["created_us"]);
  signed_in.session.expires_at = TimeOf(row["expires_us"]);
  signed_in.new_user = user.user_id == item.in.new_user_id;
  item.out = std::move(signed_in);
  return true;
}

// One login by itself, merging users where it must.
absl::Status RunAlone(SqlSession& session, SignInItem& item, Aead& aead,
                      const SessionKeyDigest& digest) {
  SignInWave wave;
  wave.Take(&item);
  return LinkAlone(
      session, item.in.identity.app_id,
      [&] { return Execute(session, wave, aead, digest); },
      [&](const SqlRow& row) { return TakeAnswer(item, row); });
}

}  // namespace

absl::Status RecordSignIns(SqlSession& session, const SignInItems& items,
                           Aead& aead, const SessionKeyDigest& digest) {
  for (const SignInWave& wave : MakeSignInWaves(items)) {
    WX_ASSIGN_OR_RETURN(const SqlRows rows,
                        Execute(session, wave, aead, digest));
    if (rows.size() != wave.logins.size())
      return absl::InternalError("not one row per login");
    for (size_t i = 0; i < rows.size(); ++i) {
      SignInItem& item = *wave.logins[i];
      if (TakeAnswer(item, rows[i])) continue;
      const absl::Status status = RunAlone(session, item, aead, digest);
      // A lost connection is everybody's; anything else is this row's alone.
      if (absl::IsUnavailable(status)) return status;
      if (!status.ok())
        item.out = Error(Reason::kStoreUnavailable,
                         "the login met others of its kind too often; retry")
                       .ToStatus();
    }
  }
  return absl::OkStatus();
}

}  // namespace wxident
