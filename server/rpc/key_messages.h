#ifndef WXIDENT_SERVER_RPC_KEY_MESSAGES_H_
#define WXIDENT_SERVER_RPC_KEY_MESSAGES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "server/keys/reencryptor.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

// What AdminService tells of keys: those of `ring`, the sealing one first, then
// those that are no longer in it; each with its number of stored values.
void FillKeys(const std::vector<uint32_t>& ring,
              std::map<uint32_t, int64_t> counts,
              v1::GetKeyStatusResponse& message);

void Fill(const Reencryptor::Status& status, v1::Resealing& message);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_KEY_MESSAGES_H_
