#include "server/store/postgres/person/pg_identity_store.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/store/postgres/person/erase_user.h"
#include "server/store/postgres/person/export_user.h"
#include "server/store/postgres/person/record_sign_in.h"
#include "server/store/postgres/person/session_key_digest.h"
#include "server/store/postgres/session/end_sessions.h"
#include "server/store/postgres/sql/storable_text.h"

namespace wxident {
namespace {

absl::Status CheckSignIn(const SignIn& in) {
  WX_RETURN_IF_ERROR(
      CheckStorable({{"app_id", in.identity.app_id},
                     {"openid", in.identity.openid},
                     {"unionid", in.identity.unionid},
                     {"open_platform_account", in.open_platform_account}}));
  if (in.grant.has_value())
    WX_RETURN_IF_ERROR(CheckStorable({{"scope", in.grant->scope}}));
  if (!IsUuid(in.new_user_id))
    return Error(Reason::kInternalFault, "a new user's id is not a UUID")
        .ToStatus();
  if (in.session_key.has_value() == in.grant.has_value())
    return Error(Reason::kInternalFault,
                 "a login brings either a session_key or a grant")
        .ToStatus();
  return absl::OkStatus();
}

absl::Status CheckQuery(const UserQuery& query) {
  if (const auto* by_openid = std::get_if<ByOpenid>(&query))
    return CheckStorable(
        {{"app_id", by_openid->app_id}, {"openid", by_openid->openid}});
  if (const auto* by_unionid = std::get_if<ByUnionid>(&query))
    return CheckStorable(
        {{"open_platform_account", by_unionid->open_platform_account},
         {"unionid", by_unionid->unionid}});
  return absl::OkStatus();
}

// Takes sessions away part by part while there are too many, then the user. The
// operations are the pool's, which may outlive the store.
void EraseParts(PgOperation<UserQuery, EndedPart>& erase_sessions,
                PgOperation<UserQuery, std::optional<Erased>>& erase,
                UserQuery query, int ended, Deadline deadline,
                Done<std::optional<Erased>> done) {
  UserQuery part_of = query;
  erase_sessions.Submit(
      std::move(part_of), deadline,
      [&erase_sessions, &erase, query = std::move(query), ended, deadline,
       done = std::move(done)](absl::StatusOr<EndedPart> part) mutable {
        if (!part.ok()) return std::move(done)(part.status());
        ended += part->ended;
        if (part->more)
          return EraseParts(erase_sessions, erase, std::move(query), ended,
                            deadline, std::move(done));
        erase.Submit(std::move(query), deadline,
                     [ended, done = std::move(done)](
                         absl::StatusOr<std::optional<Erased>> erased) mutable {
                       if (erased.ok() && erased->has_value())
                         (*erased)->sessions += ended;
                       std::move(done)(std::move(erased));
                     });
      });
}

}  // namespace

PgIdentityStore::PgIdentityStore(PgPool& pool, Aead& aead,
                                 const BlindIndex& index)
    : record_(AddPgOperation<SignIn, SignedIn>(
          pool, PgPool::Access::kWrite, "record_sign_in",
          [&aead, digest = SessionKeyDigest(index)](
              SqlSession& session, const PgItems<SignIn, SignedIn>& items) {
            return RecordSignIns(session, items, aead, digest);
          })),
      find_answer_(AddPgOperation<LoginCode, std::optional<StoredAnswer>>(
          pool, PgPool::Access::kRead, "find_login_answer",
          [&aead](SqlSession& session, const auto& items) {
            return FindLoginAnswers(session, items, aead);
          })),
      find_(AddPgOperation<std::vector<UserQuery>, std::vector<FoundUser>>(
          pool, PgPool::Access::kRead, "find_users", FindUsersBatch)),
      erase_sessions_(AddPgOperation<UserQuery, EndedPart>(
          pool, PgPool::Access::kWrite, "erase_sessions", EraseSessionsInPart)),
      erase_(AddPgOperation<UserQuery, std::optional<Erased>>(
          pool, PgPool::Access::kWrite, "erase_user", EraseUsers)),
      export_(AddPgOperation<std::string, std::optional<ExportedUser>>(
          pool, PgPool::Access::kRead, "export_user",
          [&aead](SqlSession& session, const auto& items) {
            return ExportUsers(session, items, aead);
          })) {}

void PgIdentityStore::RecordSignIn(SignIn sign_in, Deadline deadline,
                                   Done<SignedIn> done) {
  if (absl::Status bad = CheckSignIn(sign_in); !bad.ok())
    return std::move(done)(bad);
  record_.Submit(std::move(sign_in), deadline, std::move(done));
}

void PgIdentityStore::FindLoginAnswer(std::string app_id, std::string code_hash,
                                      Deadline deadline,
                                      Done<std::optional<StoredAnswer>> done) {
  if (absl::Status bad = CheckStorable({{"app_id", app_id}}); !bad.ok())
    return std::move(done)(bad);
  find_answer_.Submit({std::move(app_id), std::move(code_hash)}, deadline,
                      std::move(done));
}

void PgIdentityStore::FindUser(UserQuery query, Deadline deadline,
                               Done<FoundUser> done) {
  std::vector<UserQuery> queries;
  queries.push_back(std::move(query));
  FindUsers(std::move(queries), deadline,
            [done = std::move(done)](
                absl::StatusOr<std::vector<FoundUser>> found) mutable {
              if (found.ok())
                std::move(done)(std::move(found->front()));
              else
                std::move(done)(found.status());
            });
}

void PgIdentityStore::FindUsers(std::vector<UserQuery> queries,
                                Deadline deadline,
                                Done<std::vector<FoundUser>> done) {
  for (const UserQuery& query : queries)
    if (absl::Status bad = CheckQuery(query); !bad.ok())
      return std::move(done)(bad);
  find_.Submit(std::move(queries), deadline, std::move(done));
}

void PgIdentityStore::EraseUser(UserQuery query, Deadline deadline,
                                Done<std::optional<Erased>> done) {
  if (absl::Status bad = CheckQuery(query); !bad.ok())
    return std::move(done)(bad);
  EraseParts(erase_sessions_, erase_, std::move(query), 0, deadline,
             std::move(done));
}

void PgIdentityStore::ExportUser(std::string user_id, Deadline deadline,
                                 Done<std::optional<ExportedUser>> done) {
  // Nobody has an id that is no UUID.
  if (!IsUuid(user_id)) return std::move(done)(std::optional<ExportedUser>());
  export_.Submit(std::move(user_id), deadline, std::move(done));
}

}  // namespace wxident
