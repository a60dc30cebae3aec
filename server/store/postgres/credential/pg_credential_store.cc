#include "server/store/postgres/credential/pg_credential_store.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/credential/credential_columns.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {
namespace {

// Waits for no lock, so that the statement's start is the moment.
const SqlStatement& ReadSql() {
  static const auto& sql = *new SqlStatement(absl::StrCat(
      R"sql(
WITH moment AS (
  SELECT now() AS at, (now() AT TIME ZONE interval '8 hours')::date AS today
)
SELECT input.n,)sql",
      kCredentialColumns, R"sql(
FROM unnest(:app_ids::text[], :kinds::text[], :known::bigint[])
  WITH ORDINALITY AS input (app_id, kind, known, n)
CROSS JOIN moment m
LEFT JOIN app_credentials c ON c.app_id = input.app_id AND c.kind = input.kind
ORDER BY input.n)sql"));
  return sql;
}

absl::Status CheckKey(const CredentialKey& key) {
  return CheckStorable({{"app_id", key.app_id}});
}

}  // namespace

absl::Status PgCredentialStore::ReadStates(SqlSession& session,
                                           const PgItems<Known, States>& items,
                                           Aead& aead) {
  PgArray app_ids, kinds, known;
  for (const auto* item : items)
    for (const KnownCredential& of : item->in) {
      app_ids.AddText(of.key.app_id);
      kinds.AddText(NameOf(of.key.kind));
      known.AddNumber(of.generation);
    }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(ReadSql(), {{"app_ids", app_ids},
                                                  {"kinds", kinds},
                                                  {"known", known}}));
  size_t at = 0;
  for (auto* item : items) {
    States states;
    for (const KnownCredential& of : item->in) {
      if (at == rows.size()) return NoSuchItem();
      states.push_back(CredentialAt(rows[at++], of.key, aead));
    }
    item->out = std::move(states);
  }
  return absl::OkStatus();
}

PgCredentialStore::PgCredentialStore(PgPool& pool, Aead& aead)
    : read_(AddPgOperation<Known, States>(
          pool, PgPool::Access::kRead, "read_credentials",
          [&aead](SqlSession& session, const auto& items) {
            return ReadStates(session, items, aead);
          })),
      acquire_(AddPgOperation<LeaseRequest, LeaseAnswer>(
          pool, PgPool::Access::kWrite, "acquire_lease",
          [&aead](SqlSession& session, const auto& items) {
            return AcquireLeases(session, items, aead);
          })),
      count_forced_(AddPgOperation<ForcedRequest, ForcedAnswer>(
          pool, PgPool::Access::kWrite, "count_forced_fetch",
          [&aead](SqlSession& session, const auto& items) {
            return CountForcedFetches(session, items, aead);
          })),
      save_(AddPgOperation<SaveRequest, SaveAnswer>(
          pool, PgPool::Access::kWrite, "save_credential",
          [&aead](SqlSession& session, const auto& items) {
            return SaveCredentials(session, items, aead);
          })),
      fail_(AddPgOperation<FailRequest, Nothing>(pool, PgPool::Access::kWrite,
                                                 "fail_lease", &FailLeases)) {}

void PgCredentialStore::Read(std::vector<KnownCredential> credentials,
                             Deadline deadline,
                             Done<std::vector<CredentialState>> done) {
  for (const KnownCredential& known : credentials)
    if (absl::Status bad = CheckKey(known.key); !bad.ok())
      return std::move(done)(bad);
  read_.Submit(std::move(credentials), deadline, std::move(done));
}

void PgCredentialStore::Acquire(LeaseRequest request, Deadline deadline,
                                Done<LeaseAnswer> done) {
  if (absl::Status bad = CheckKey(request.key); !bad.ok())
    return std::move(done)(bad);
  acquire_.Submit(std::move(request), deadline, std::move(done));
}

void PgCredentialStore::CountForced(CredentialKey key, int64_t fence,
                                    absl::Duration term, Deadline deadline,
                                    Done<ForcedAnswer> done) {
  if (absl::Status bad = CheckKey(key); !bad.ok()) return std::move(done)(bad);
  count_forced_.Submit({std::move(key), fence, term}, deadline,
                       std::move(done));
}

void PgCredentialStore::Save(CredentialKey key, int64_t fence,
                             int64_t known_generation,
                             FetchedCredential fetched, Deadline deadline,
                             Done<SaveAnswer> done) {
  if (absl::Status bad = CheckKey(key); !bad.ok()) return std::move(done)(bad);
  save_.Submit({std::move(key), fence, known_generation, std::move(fetched)},
               deadline, std::move(done));
}

void PgCredentialStore::Fail(CredentialKey key, int64_t fence,
                             CredentialFailure failure, Deadline deadline,
                             DoneStatus done) {
  const absl::Status bad = CheckStorable({{"app_id", key.app_id},
                                          {"reason", failure.reason},
                                          {"errcode", failure.errcode}});
  if (!bad.ok()) return std::move(done)(bad);
  fail_.Submit({std::move(key), fence, std::move(failure)}, deadline,
               WithNothing(std::move(done)));
}

}  // namespace wxident
