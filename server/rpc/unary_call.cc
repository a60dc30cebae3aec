#include "server/rpc/unary_call.h"

#include <variant>

#include "server/rpc/fields.h"

namespace wxident {

void UnaryCallBase::OnMessage(absl::string_view message) {
  const absl::Status begun = context_.Begin(message, request_message());
  if (!begun.ok()) return Fail(begun);
  Start();
}

void UnaryCallBase::Succeed(const Authorized& proof) {
  context_.CommitAudit(proof,
                       [this](absl::Status audited) { OnReleased(audited); });
}

void UnaryCallBase::OnReleased(const absl::Status& audited) {
  // What the call did is done.
  CallStatus end = context_.End(audited, Repeat::kSpent);
  if (!audited.ok()) return call_.Finish(std::move(end));
  call_.Reply(response_message().SerializeAsString());
}

void UnaryCallBase::Fail(const absl::Status& error,
                         std::optional<Repeat> repeat) {
  call_.Finish(context_.End(error, repeat));
}

template <typename T>
void UnaryCallBase::GoOn(absl::StatusOr<T> allowed, Next<T> next) {
  if (!allowed.ok()) return Fail(allowed.status());
  if (call_.cancelled()) return call_.Finish(context_.EndCancelled());
  std::move(next)(*std::move(allowed));
}

void UnaryCallBase::FindSession(std::string token_hash,
                                Next<AuthorizedPerson> next) {
  if (token_hash.empty()) return Fail(SessionNotActiveError());
  services_.sessions.FindSession(
      std::move(token_hash), deadline(),
      [this, next = std::move(next)](
          absl::StatusOr<std::optional<Session>> found) mutable {
        if (!found.ok()) return Fail(found.status());
        if (!found->has_value()) return Fail(SessionNotActiveError());
        GoOn(context_.AuthorizePerson((*found)->identity), std::move(next));
      });
}

void UnaryCallBase::FindKeys(std::string token_hash,
                             Next<AuthorizedKeys> next) {
  if (token_hash.empty()) return Fail(SessionNotActiveError());
  services_.sessions.FindSessionWithKeys(
      std::move(token_hash), deadline(),
      [this, next = std::move(next)](
          absl::StatusOr<std::optional<SessionWithKeys>> found) mutable {
        if (!found.ok()) return Fail(found.status());
        if (!found->has_value()) return Fail(SessionNotActiveError());
        GoOn(context_.AuthorizeKeys(**std::move(found)), std::move(next));
      });
}

void UnaryCallBase::FindProfile(ProfileQuery query,
                                Next<AuthorizedProfile> next) {
  const bool by_session = std::holds_alternative<BySession>(query);
  services_.profiles.FindProfile(
      std::move(query), deadline(),
      [this, by_session, next = std::move(next)](
          absl::StatusOr<std::optional<StoredProfile>> found) mutable {
        if (!found.ok()) return Fail(found.status());
        if (!found->has_value())
          return Fail(by_session ? SessionNotActiveError()
                                 : IdentityUnknownError());
        GoOn(context_.AuthorizeProfile(**std::move(found)), std::move(next));
      });
}

void UnaryCallBase::FindUsers(std::vector<UserQuery> queries,
                              Next<AuthorizedUsers> next) {
  services_.identities.FindUsers(
      std::move(queries), deadline(),
      [this, next = std::move(next)](
          absl::StatusOr<AuthorizedUsers::Users> found) mutable {
        if (!found.ok()) return Fail(found.status());
        GoOn<AuthorizedUsers>(context_.AuthorizeUsers(*std::move(found)),
                              std::move(next));
      });
}

void UnaryCallBase::FindToken(std::string token_hash,
                              Next<std::optional<AuthorizedToken>> next) {
  if (token_hash.empty()) return std::move(next)(std::nullopt);
  if (std::optional<AuthorizedToken> any =
          context_.AuthorizeAnyToken(token_hash))
    return std::move(next)(std::move(any));
  std::string asked = token_hash;
  services_.sessions.FindTokenOwner(
      std::move(asked), deadline(),
      [this, hash = std::move(token_hash), next = std::move(next)](
          absl::StatusOr<std::optional<Identity>> owner) mutable {
        if (!owner.ok()) return Fail(owner.status());
        if (!owner->has_value()) return std::move(next)(std::nullopt);
        absl::StatusOr<AuthorizedToken> token =
            context_.AuthorizeToken(std::move(hash), **owner);
        if (!token.ok()) return Fail(token.status());
        GoOn<std::optional<AuthorizedToken>>(*std::move(token),
                                             std::move(next));
      });
}

}  // namespace wxident
