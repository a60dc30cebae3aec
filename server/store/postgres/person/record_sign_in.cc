#include "server/store/postgres/person/record_sign_in.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/person/merge_users.h"
#include "server/store/postgres/session/find_login_answer.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<SignIn, SignedIn>;
using Items = PgItems<SignIn, SignedIn>;

// How often a row that met a racing merge is looked at anew.
constexpr int kLooks = 5;

// One statement finds or makes users and identities, links unionids, keeps
// keys and grants, stores sessions and what was answered. $1 to $13 hold each
// identity once, $14 to $19 the logins, which name their identity by number.
//
// What the snapshot shows (known) is left as it is; only what is missing is
// written, so that a returning user costs one session and one key. Whatever is
// inserted goes through ON CONFLICT DO UPDATE, which also finds a row that a
// racing transaction committed after our snapshot: the racers agree on the
// user of whoever was first, and a proposed user that nobody came to need is
// not made. Inserts are sorted, so that batches lock in one order.
//
// Where identity and unionid turn out to belong to two users (agreed is
// false), nothing is linked and no session is opened: the caller merges them.
//
// Grants: in whatever order they come, a wider one that lives stands before
// one of snsapi_base, and otherwise the newest wins.
constexpr char kSignIn[] = R"sql(
WITH input AS (
  SELECT *
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[],
              $6::bytea[], $7::bytea[], $8::bytea[], $9::bigint[],
              $10::bytea[], $11::bigint[], $12::text[], $13::bigint[])
    WITH ORDINALITY AS t (app_id, openid, account, unionid, proposed_id,
                          session_key, key_digest, access_token, access_us,
                          refresh_token, refresh_us, scope, exchanged_us, n)
), logins AS (
  SELECT *
  FROM unnest($14::bigint[], $15::bytea[], $16::bigint[], $17::uuid[],
              $18::bytea[], $19::bytea[])
    WITH ORDINALITY AS t (n, token_hash, ttl_us, proposed_id, code_hash,
                          token_salt, login)
), known AS (
  SELECT input.*, i.user_id AS known_user, i.unionid AS known_unionid,
    i.open_platform_account AS known_account, u.user_id AS union_user
  FROM input
  LEFT JOIN identities i ON i.app_id = input.app_id AND i.openid = input.openid
  LEFT JOIN union_ids u ON u.open_platform_account = input.account
    AND u.unionid = input.unionid
), new_union_ids AS (
  INSERT INTO union_ids AS u (open_platform_account, unionid, user_id)
  SELECT DISTINCT ON (account, unionid)
    account, unionid, coalesce(known_user, proposed_id)
  FROM known
  WHERE unionid IS NOT NULL AND union_user IS NULL
  ORDER BY account, unionid, known_user IS NULL, n
  ON CONFLICT (open_platform_account, unionid)
    DO UPDATE SET user_id = u.user_id
  RETURNING u.open_platform_account, u.unionid, u.user_id
), persons AS (
  SELECT known.*, coalesce(known.union_user, u.user_id) AS person
  FROM known
  LEFT JOIN new_union_ids u ON u.open_platform_account = known.account
    AND u.unionid = known.unionid
), new_identities AS (
  INSERT INTO identities AS i
    (app_id, openid, user_id, open_platform_account, unionid)
  SELECT app_id, openid, coalesce(person, proposed_id), account, unionid
  FROM persons
  WHERE known_user IS NULL
    OR (person = known_user AND (known_unionid IS DISTINCT FROM unionid
                                 OR known_account <> account))
  ORDER BY app_id, openid
  ON CONFLICT (app_id, openid) DO UPDATE SET
    open_platform_account =
      CASE WHEN i.user_id = excluded.user_id AND excluded.unionid IS NOT NULL
        THEN excluded.open_platform_account ELSE i.open_platform_account END,
    unionid =
      CASE WHEN i.user_id = excluded.user_id
        THEN coalesce(excluded.unionid, i.unionid) ELSE i.unionid END
  RETURNING i.app_id, i.openid, i.user_id, i.unionid
), new_users AS (
  INSERT INTO users AS u (user_id)
  SELECT user_id
  FROM (SELECT user_id FROM new_union_ids
        UNION SELECT user_id FROM new_identities) needed
  WHERE user_id IN (SELECT proposed_id FROM input)
  ORDER BY user_id
  ON CONFLICT (user_id) DO UPDATE SET created_at = u.created_at
  RETURNING u.user_id, u.created_at
), settled AS (
  SELECT p.n, p.app_id, p.openid, p.session_key, p.key_digest,
    p.access_token, p.access_us, p.refresh_token, p.refresh_us, p.scope,
    timestamptz 'epoch' + p.exchanged_us * interval '1 microsecond'
      AS exchanged_at,
    p.person, coalesce(i.user_id, p.known_user) AS user_id,
    coalesce(i.unionid, p.known_unionid) AS unionid,
    coalesce(p.person = coalesce(i.user_id, p.known_user), true) AS agreed
  FROM persons p
  LEFT JOIN new_identities i ON i.app_id = p.app_id AND i.openid = p.openid
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
    previous_session_key =
      CASE WHEN k.key_digest = excluded.key_digest
        THEN k.previous_session_key ELSE k.session_key END,
    replaced_at =
      CASE WHEN k.key_digest = excluded.key_digest
        THEN k.replaced_at ELSE now() END,
    older_dropped = k.older_dropped
      OR (k.key_digest <> excluded.key_digest
          AND k.previous_session_key IS NOT NULL)
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
    * 1000000)::bigint,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = e.user_id AND i.app_id = e.app_id),
  e.unionid,
  (extract(epoch FROM o.created_at) * 1000000)::bigint,
  (extract(epoch FROM o.expires_at) * 1000000)::bigint
FROM logins l
JOIN settled e ON e.n = l.n
LEFT JOIN opened o ON o.token_hash = l.token_hash
LEFT JOIN new_users fresh ON fresh.user_id = e.user_id
LEFT JOIN users old ON old.user_id = e.user_id
ORDER BY l.login)sql";

using IdentityKey = std::pair<std::string, std::string>;

IdentityKey KeyOf(const Item* item) {
  return {item->in.identity.app_id, item->in.identity.openid};
}

// The logins of one statement, and for each identity the login that speaks for
// all of its logins in it.
struct Round {
  Items logins;
  std::map<IdentityKey, Item*> speakers;
  std::set<std::string> token_hashes;
  std::set<std::string> code_hashes;

  // Whether the round has room for `item`: a second login of an identity may
  // only repeat what the first says.
  bool Take(Item* item) {
    const auto speaker = speakers.find(KeyOf(item));
    if (speaker != speakers.end()) {
      const SignIn& said = speaker->second->in;
      const SignIn& in = item->in;
      if (said.grant.has_value() || in.grant.has_value() ||
          !(said.session_key == in.session_key) ||
          said.open_platform_account != in.open_platform_account ||
          said.identity.unionid != in.identity.unionid)
        return false;
    }
    if (token_hashes.count(item->in.session_token_hash) > 0 ||
        code_hashes.count(item->in.code_hash) > 0)
      return false;
    token_hashes.insert(item->in.session_token_hash);
    code_hashes.insert(item->in.code_hash);
    logins.push_back(item);
    // Rounds are filled in exchanged_at order: the last has the newest time.
    if (speaker == speakers.end())
      speakers.emplace(KeyOf(item), item);
    else
      speaker->second = item;
    return true;
  }
};

// Splits a batch so that what would contradict itself in one statement runs
// one after the other, as WeChat said it.
std::vector<Round> MakeRounds(Items items) {
  std::stable_sort(items.begin(), items.end(), [](Item* a, Item* b) {
    return a->in.exchanged_at < b->in.exchanged_at;
  });
  std::vector<Round> rounds;
  // Logins of one identity must not overtake each other.
  std::map<IdentityKey, size_t> first_round;
  for (Item* item : items) {
    size_t& at = first_round[KeyOf(item)];
    while (at < rounds.size() && !rounds[at].Take(item)) ++at;
    if (at == rounds.size()) rounds.emplace_back().Take(item);
  }
  return rounds;
}

absl::StatusOr<SqlRows> Execute(SqlSession& session, const Round& round,
                                Aead& aead, const BlindIndex& key_digest) {
  PgArray app_ids, openids, accounts, unionids, proposed_ids, keys, digests,
      access_tokens, access_expiries, refresh_tokens, refresh_expiries, scopes,
      exchanged;
  std::map<IdentityKey, int64_t> numbers;
  for (const auto& [key, item] : round.speakers) {
    const SignIn& in = item->in;
    numbers.emplace(key, static_cast<int64_t>(numbers.size()) + 1);
    app_ids.AddText(in.identity.app_id);
    openids.AddText(in.identity.openid);
    accounts.AddText(in.open_platform_account);
    unionids.AddTextOrNull(in.identity.unionid);
    proposed_ids.AddText(in.new_user_id);
    const auto seal = [&](absl::string_view table, absl::string_view column,
                          const Secret& value) {
      return aead.Seal(
          value, {table, column, {in.identity.app_id, in.identity.openid}});
    };
    if (in.session_key.has_value()) {
      keys.AddBytes(seal("session_keys", "session_key", *in.session_key));
      digests.AddBytes(
          key_digest.Mac({"session_keys", in.identity.app_id,
                          in.identity.openid, in.session_key->Expose()}));
    } else {
      keys.AddNull();
      digests.AddNull();
    }
    if (in.grant.has_value()) {
      const OauthGrant& grant = *in.grant;
      access_tokens.AddBytes(
          seal("oauth_grants", "access_token", grant.access_token));
      access_expiries.AddNumber(ToMicros(grant.access_expires_at));
      refresh_tokens.AddBytes(
          seal("oauth_grants", "refresh_token", grant.refresh_token));
      refresh_expiries.AddNumber(ToMicros(grant.refresh_expires_at));
      scopes.AddText(grant.scope);
    } else {
      for (PgArray* column : {&access_tokens, &access_expiries, &refresh_tokens,
                              &refresh_expiries, &scopes})
        column->AddNull();
    }
    exchanged.AddNumber(ToMicros(in.exchanged_at));
  }
  PgArray login_numbers, token_hashes, ttls, own_proposed_ids, code_hashes,
      token_salts;
  for (const Item* item : round.logins) {
    const SignIn& in = item->in;
    login_numbers.AddNumber(numbers[KeyOf(item)]);
    token_hashes.AddBytes(in.session_token_hash);
    ttls.AddNumber(ToMicros(in.session_ttl));
    own_proposed_ids.AddText(in.new_user_id);
    code_hashes.AddBytes(in.code_hash);
    token_salts.AddBytes(aead.Seal(
        in.token_salt, LoginAnswerData(in.identity.app_id, in.code_hash)));
  }
  return session.Execute(
      kSignIn,
      {app_ids.Literal(), openids.Literal(), accounts.Literal(),
       unionids.Literal(), proposed_ids.Literal(), keys.Literal(),
       digests.Literal(), access_tokens.Literal(), access_expiries.Literal(),
       refresh_tokens.Literal(), refresh_expiries.Literal(), scopes.Literal(),
       exchanged.Literal(), login_numbers.Literal(), token_hashes.Literal(),
       ttls.Literal(), own_proposed_ids.Literal(), code_hashes.Literal(),
       token_salts.Literal()});
}

// Whether `row` is a whole answer: not so when users must be merged, or when
// the user was made by a transaction that our snapshot did not show.
bool IsWhole(const SqlRow& row) {
  return IsTrue(row[0]) && row[3].has_value() && row[6].has_value();
}

void Answer(Item& item, const SqlRow& row) {
  SignedIn signed_in;
  User& user = signed_in.session.user;
  user.user_id = TextOf(row[1]);
  user.created_at = TimeOf(row[3]);
  user.phone_linked = IsTrue(row[4]);
  signed_in.session.identity = item.in.identity;
  signed_in.session.identity.unionid = TextOf(row[5]);
  signed_in.session.created_at = TimeOf(row[6]);
  signed_in.session.expires_at = TimeOf(row[7]);
  signed_in.new_user = user.user_id == item.in.new_user_id;
  item.out = std::move(signed_in);
}

// One login by itself, merging users where it must; the merge and the login
// are one transaction. kAborted: look again.
absl::Status RunAlone(SqlSession& session, Item& item, Aead& aead,
                      const BlindIndex& key_digest) {
  Round round;
  round.Take(&item);
  return session.Transact([&]() -> absl::Status {
    WX_ASSIGN_OR_RETURN(SqlRows rows,
                        Execute(session, round, aead, key_digest));
    if (rows.size() == 1 && !IsTrue(rows[0][0])) {
      WX_RETURN_IF_ERROR(MergeUsers(session, TextOf(rows[0][1]),
                                    TextOf(rows[0][2]),
                                    item.in.identity.app_id));
      WX_ASSIGN_OR_RETURN(rows, Execute(session, round, aead, key_digest));
    }
    if (rows.size() != 1 || !IsWhole(rows[0]))
      return absl::AbortedError("the user moved");
    Answer(item, rows[0]);
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status RecordSignIns(SqlSession& session, const Items& items, Aead& aead,
                           const BlindIndex& key_digest) {
  for (Round& round : MakeRounds(items)) {
    WX_ASSIGN_OR_RETURN(const SqlRows rows,
                        Execute(session, round, aead, key_digest));
    if (rows.size() != round.logins.size())
      return absl::InternalError("not one row per login");
    for (size_t i = 0; i < rows.size(); ++i) {
      Item& item = *round.logins[i];
      if (IsWhole(rows[i])) {
        Answer(item, rows[i]);
        continue;
      }
      absl::Status status;
      for (int look = 0; look < kLooks; ++look) {
        status = RunAlone(session, item, aead, key_digest);
        if (!absl::IsAborted(status)) break;
      }
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
