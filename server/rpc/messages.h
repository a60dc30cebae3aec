#ifndef WXIDENT_SERVER_RPC_MESSAGES_H_
#define WXIDENT_SERVER_RPC_MESSAGES_H_

#include <google/protobuf/timestamp.pb.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/identity/types.h"
#include "wxident/v1/types.pb.h"

namespace wxident {

// From domain values to wire messages; the way back is fields.h.
void Fill(const User& user, v1::User& message);
void Fill(const Identity& identity, v1::Identity& message);
void Fill(const Session& session, v1::Session& message);
void Fill(const Phone& phone, v1::Phone& message);
void Fill(const Profile& profile, v1::UserInfo& message);
void Fill(const absl::Status& error, v1::ItemError& message);
void Fill(absl::Time time, google::protobuf::Timestamp& message);

v1::UserInfoSource ToMessage(ProfileSource source);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_MESSAGES_H_
