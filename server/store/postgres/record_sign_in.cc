#include "server/store/postgres/record_sign_in.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/merge_users.h"
#include "server/store/postgres/pg_array.h"
#include "server/store/postgres/sql_values.h"

namespace wxident {
namespace {

using Item = PgItem<SignIn, SignedIn>;
using Items = PgItems<SignIn, SignedIn>;

// How often a row that met a racing merge is looked at anew.
constexpr int kLooks = 5;

// One statement finds or makes users and identities, links unionids, keeps
// keys and stores sessions. $1 to $8 hold each identity once, $9 to $11 the
// logins, which name their identity by number.
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
constexpr char kSignIn[] = R"sql(
WITH input AS (
  SELECT *
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[],
              $6::bytea[], $7::bytea[], $8::bigint[])
    WITH ORDINALITY AS t (app_id, openid, account, unionid, proposed_id,
                          session_key, key_digest, exchanged_us, n)
), logins AS (
  SELECT *
  FROM unnest($9::bigint[], $10::bytea[], $11::bigint[])
    WITH ORDINALITY AS t (n, token_hash, ttl_us, login)
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
  SELECT p.n, p.app_id, p.openid, p.session_key, p.key_digest, p.exchanged_us,
    p.person, coalesce(i.user_id, p.known_user) AS user_id,
    coalesce(i.unionid, p.known_unionid) AS unionid,
    coalesce(p.person = coalesce(i.user_id, p.known_user), true) AS agreed
  FROM persons p
  LEFT JOIN new_identities i ON i.app_id = p.app_id AND i.openid = p.openid
), opened AS (
  INSERT INTO sessions AS s (token_hash, app_id, openid, expires_at)
  SELECT l.token_hash, e.app_id, e.openid,
    now() + l.ttl_us * interval '1 microsecond'
  FROM logins l JOIN settled e ON e.n = l.n
  WHERE e.agreed
  ORDER BY l.token_hash
  ON CONFLICT (token_hash) DO UPDATE SET created_at = s.created_at
    WHERE s.app_id = excluded.app_id AND s.openid = excluded.openid
  RETURNING s.token_hash, s.created_at, s.expires_at
), kept AS (
  INSERT INTO session_keys AS k
    (app_id, openid, session_key, key_digest, exchanged_at)
  SELECT app_id, openid, session_key, key_digest,
    timestamptz 'epoch' + exchanged_us * interval '1 microsecond'
  FROM settled
  WHERE agreed
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
        THEN k.replaced_at ELSE now() END
    WHERE excluded.exchanged_at >= k.exchanged_at
)
SELECT e.agreed, e.user_id, e.person,
  (extract(epoch FROM coalesce(fresh.created_at, old.created_at))
    * 1000000)::bigint,
  EXISTS (SELECT 1 FROM identities i
          JOIN phones p ON p.app_id = i.app_id AND p.openid = i.openid
          WHERE i.user_id = e.user_id),
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

  // Whether the round has room for `item`: a second login of an identity may
  // only repeat what the first says.
  bool Take(Item* item) {
    const auto speaker = speakers.find(KeyOf(item));
    if (speaker != speakers.end()) {
      const SignIn& said = speaker->second->in;
      const SignIn& in = item->in;
      if (!(said.session_key == in.session_key) ||
          said.open_platform_account != in.open_platform_account ||
          said.identity.unionid != in.identity.unionid)
        return false;
    }
    if (!token_hashes.insert(item->in.session_token_hash).second) return false;
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
    keys.AddBytes(
        aead.Seal(in.session_key, {"session_keys",
                                   "session_key",
                                   {in.identity.app_id, in.identity.openid}}));
    digests.AddBytes(
        key_digest.Mac({"session_keys", in.identity.app_id, in.identity.openid,
                        in.session_key.Expose()}));
    exchanged.AddNumber(ToMicros(in.exchanged_at));
  }
  PgArray login_numbers, token_hashes, ttls;
  for (const Item* item : round.logins) {
    login_numbers.AddNumber(numbers[KeyOf(item)]);
    token_hashes.AddBytes(item->in.session_token_hash);
    ttls.AddNumber(ToMicros(item->in.session_ttl));
  }
  return session.Execute(
      kSignIn, {app_ids.Literal(), openids.Literal(), accounts.Literal(),
                unionids.Literal(), proposed_ids.Literal(), keys.Literal(),
                digests.Literal(), exchanged.Literal(), login_numbers.Literal(),
                token_hashes.Literal(), ttls.Literal()});
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
