#include "server/rpc/export_messages.h"

#include <string>

#include "server/rpc/messages.h"

namespace wxident {
namespace {

void FillExported(const ExportedIdentity& identity,
                  v1::ExportedIdentity& message) {
  Fill(identity.identity, *message.mutable_identity());
  Fill(identity.created_at, *message.mutable_create_time());
  if (identity.profile.has_value())
    Fill(*identity.profile, *message.mutable_user_info());
  if (identity.phone.has_value())
    Fill(*identity.phone, *message.mutable_phone());
  for (const ExportedIdentity::ActiveSession& session : identity.sessions) {
    v1::ExportedSession& exported = *message.add_sessions();
    Fill(session.created_at, *exported.mutable_create_time());
    Fill(session.expires_at, *exported.mutable_expire_time());
  }
  message.set_session_count(identity.session_count);
}

}  // namespace

void Fill(const ExportedUser& user, v1::ExportUserResponse& message) {
  Fill(user.user, *message.mutable_user());
  for (const ExportedIdentity& identity : user.identities)
    FillExported(identity, *message.add_identities());
  for (const std::string& merged : user.merged_user_ids)
    message.add_merged_user_ids(merged);
}

}  // namespace wxident
