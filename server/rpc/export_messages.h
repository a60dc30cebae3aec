#ifndef WXIDENT_SERVER_RPC_EXPORT_MESSAGES_H_
#define WXIDENT_SERVER_RPC_EXPORT_MESSAGES_H_

#include "server/store/identity_store.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

// See messages.h.
void Fill(const ExportedUser& user, v1::ExportUserResponse& message);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_EXPORT_MESSAGES_H_
